//! Leaving HTTP: which protocol a client wants and gets (k8s.io/apimachinery `pkg/util/httpstream`).

use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::io;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const ACCEPTED_PROTOCOLS: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");
const SPDY: &str = "SPDY/3.1";
const V5: &str = "v5.channel.k8s.io";
const V4: &str = "v4.channel.k8s.io";
const PORT_FORWARD: &str = "portforward.k8s.io";
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// What the streams are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    RemoteCommand,
    PortForward,
}

/// How the streams travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Spdy,
    /// Channels of a WebSocket; `closes`: from v5 on, one can be closed alone.
    WebSocket {
        closes: bool,
    },
    /// SPDY inside a WebSocket.
    Tunnel,
}

/// Why there is no upgrade, as a plain text answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: StatusCode,
    pub message: String,
    /// Protocols that would have been accepted.
    pub accepted: Vec<&'static str>,
}

impl Refused {
    /// Its head; the message is the body.
    pub fn response<B>(self, body: impl FnOnce(String) -> B) -> Response<B> {
        let mut response = Response::new(body(format!("{}\n", self.message)));
        *response.status_mut() = self.code;
        for protocol in self.accepted {
            response.headers_mut().append(ACCEPTED_PROTOCOLS, HeaderValue::from_static(protocol));
        }
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

/// A connection that stops being HTTP once the 101 is out.
pub struct Upgrade {
    pub protocol: Protocol,
    pending: OnUpgrade,
}

impl Upgrade {
    /// The connection, when the client has the 101.
    pub async fn connection(self) -> io::Result<TokioIo<Upgraded>> {
        self.pending.await.map(TokioIo::new).map_err(io::Error::other)
    }
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty()).collect()
}

fn has(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).iter().any(|token| token.eq_ignore_ascii_case(wanted))
}

/// Whether the client wants to leave HTTP at all.
pub fn is_requested(headers: &HeaderMap) -> bool {
    has(headers, &CONNECTION, "upgrade") && headers.contains_key(UPGRADE)
}

pub fn is_websocket(headers: &HeaderMap) -> bool {
    is_requested(headers) && has(headers, &UPGRADE, "websocket")
}

/// Takes the connection out of a request. The response is the 101 to answer with.
pub fn begin<B>(request: &mut Request<B>, purpose: Purpose) -> Result<(Upgrade, Response<()>), Refused> {
    let (protocol, mut response) = negotiate(request.headers(), purpose)?;
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    Ok((Upgrade { protocol, pending: hyper::upgrade::on(request) }, response))
}

fn negotiate(headers: &HeaderMap, purpose: Purpose) -> Result<(Protocol, Response<()>), Refused> {
    if is_websocket(headers) {
        return websocket(headers, purpose);
    }
    if is_requested(headers) && has(headers, &UPGRADE, SPDY) {
        return spdy(headers, purpose);
    }
    let shown = |name| tokens(headers, name).join(", ");
    let message = format!("unable to upgrade: missing upgrade headers in request: {} {}", shown(&CONNECTION), shown(&UPGRADE));
    Err(Refused { code: StatusCode::BAD_REQUEST, message: message.trim_end().to_owned(), accepted: Vec::new() })
}

fn spdy(headers: &HeaderMap, purpose: Purpose) -> Result<(Protocol, Response<()>), Refused> {
    let ours = match purpose {
        Purpose::RemoteCommand => V4,
        Purpose::PortForward => PORT_FORWARD,
    };
    let theirs = tokens(headers, &STREAM_PROTOCOL);
    if theirs.is_empty() {
        let message = format!(
            "unable to upgrade: header X-Stream-Protocol-Version does not exist in request with {} headers",
            headers.len()
        );
        return Err(Refused { code: StatusCode::BAD_REQUEST, message, accepted: Vec::new() });
    }
    if !theirs.contains(&ours) {
        let message = format!(
            "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{ours}]",
            theirs.join(" ")
        );
        return Err(Refused { code: StatusCode::FORBIDDEN, message, accepted: vec![ours] });
    }
    let mut response = Response::new(());
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(SPDY));
    response.headers_mut().insert(STREAM_PROTOCOL, HeaderValue::from_static(ours));
    Ok((Protocol::Spdy, response))
}

fn websocket(headers: &HeaderMap, purpose: Purpose) -> Result<(Protocol, Response<()>), Refused> {
    let known: &[(&str, Protocol)] = match purpose {
        Purpose::RemoteCommand => &[(V5, Protocol::WebSocket { closes: true }), (V4, Protocol::WebSocket { closes: false })],
        Purpose::PortForward => &[(TUNNEL, Protocol::Tunnel)],
    };
    let bad = |message: String| Refused { code: StatusCode::BAD_REQUEST, message, accepted: Vec::new() };
    let theirs = tokens(headers, &SEC_WEBSOCKET_PROTOCOL);
    let chosen = theirs.iter().find_map(|theirs| known.iter().find(|(ours, _)| ours == theirs));
    let Some((name, protocol)) = chosen else {
        let ours: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let (theirs, ours) = (theirs.join(" "), ours.join(" "));
        return Err(bad(format!("unable to upgrade: requested protocol(s) are not supported: [{theirs}]; supports [{ours}]")));
    };
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or_else(|| bad("unable to upgrade: Sec-WebSocket-Key is missing".into()))?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|error| bad(error.to_string()))?;
    let mut response = Response::new(());
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    Ok((*protocol, response))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)], purpose: Purpose) -> Result<Protocol, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        negotiate(&headers, purpose)
            .map(|(protocol, _)| protocol)
            .map_err(|refused| format!("{} {}", refused.code.as_u16(), refused.message))
    }

    #[test]
    fn the_best_protocol_that_both_know_is_taken() {
        use Purpose::{PortForward, RemoteCommand};
        const WS: [(&str, &str); 3] =
            [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket"), ("sec-websocket-key", "eA==")];
        const SPDY: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1")];
        let with = |base: &[(&'static str, &'static str)], name, value| [base, &[(name, value)]].concat();
        let protocol = "sec-websocket-protocol";
        let version = "x-stream-protocol-version";
        for (headers, purpose, expected) in [
            (
                with(&WS, protocol, "v5.channel.k8s.io, v4.channel.k8s.io"),
                RemoteCommand,
                Ok(Protocol::WebSocket { closes: true }),
            ),
            (with(&WS, protocol, "v4.channel.k8s.io"), RemoteCommand, Ok(Protocol::WebSocket { closes: false })),
            (with(&WS, protocol, "SPDY/3.1+portforward.k8s.io"), PortForward, Ok(Protocol::Tunnel)),
            (with(&SPDY, version, "v4.channel.k8s.io"), RemoteCommand, Ok(Protocol::Spdy)),
            (with(&SPDY, version, "portforward.k8s.io"), PortForward, Ok(Protocol::Spdy)),
            (
                with(&SPDY, version, "channel.k8s.io"),
                RemoteCommand,
                Err(
                    "403 unable to upgrade: unable to negotiate protocol: client supports [channel.k8s.io], server accepts [v4.channel.k8s.io]",
                ),
            ),
            (
                with(&WS, protocol, "base64.channel.k8s.io"),
                RemoteCommand,
                Err(
                    "400 unable to upgrade: requested protocol(s) are not supported: [base64.channel.k8s.io]; supports [v5.channel.k8s.io v4.channel.k8s.io]",
                ),
            ),
            (
                SPDY.to_vec(),
                RemoteCommand,
                Err("400 unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 2 headers"),
            ),
            (vec![], RemoteCommand, Err("400 unable to upgrade: missing upgrade headers in request:")),
        ] {
            assert_eq!(asked(&headers, purpose), expected.map_err(str::to_owned), "{headers:?}");
        }
    }
}
