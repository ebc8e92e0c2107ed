//! Passes a request on and its answer back; after an upgrade, bytes both ways.

use super::Connect;
use super::backend::{Backend, BackendBody, Tasks};
use ::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use ::http::{Method, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Empty, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use meta::status::Result;
use meta::{Reason, Status};
use serve::{Body, full};
use std::convert::Infallible;
use std::io;
use tokio::io::AsyncWriteExt;

/// `maxReadLength` of upstream's response checker.
const MAX_ERROR_BYTES: usize = 50_000;
/// What is held of each direction of an upgraded connection.
const BUFFER_BYTES: usize = 32 << 10;

const HOP_BY_HOP: [HeaderName; 5] = [CONNECTION, UPGRADE, TE, TRAILER, TRANSFER_ENCODING];

/// What identifies the caller here is nobody else's to know.
fn forwarded(headers: &HeaderMap, backend: Backend, upgrade: bool) -> HeaderMap {
    let mut headers = headers.clone();
    for secret in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, ORIGIN] {
        headers.remove(secret);
    }
    let impersonating: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("impersonate-")).cloned().collect();
    for name in impersonating {
        headers.remove(name);
    }
    for name in HOP_BY_HOP.iter().filter(|name| !upgrade || !matches!(**name, CONNECTION | UPGRADE)) {
        headers.remove(name);
    }
    // An address is always a valid value.
    if let Ok(host) = HeaderValue::try_from(backend.address.to_string()) {
        headers.insert(HOST, host);
    }
    headers
}

fn nothing() -> BackendBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn request(method: Method, path: &str, headers: HeaderMap, body: BackendBody) -> Result<Request<BackendBody>> {
    let uri: Uri = path.parse().map_err(|error| Status::bad_request(format!("invalid path {path:?}: {error}")))?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

impl Connect<'_> {
    async fn send(&self, backend: Backend, request: Request<BackendBody>) -> Result<Response<Incoming>> {
        let server = &self.handler.server;
        let tasks = Tasks { tracker: &server.tasks, stop: &server.stop };
        let mut sender = self.kubelet.open(backend, tasks).await?;
        sender
            .send_request(request)
            .await
            .map_err(|error| Status::new(Reason::ServiceUnavailable, format!("error trying to reach service: {error}")))
    }

    /// A body that is read from the backend as fast as the client takes it. It holds the request's place.
    fn streamed(self, body: Incoming) -> Body {
        let stop = self.handler.server.stop.clone().cancelled_owned();
        let frames = stream::unfold((body, self.place), |(mut body, place)| async move {
            match body.frame().await? {
                Ok(frame) => Some((Ok::<Frame<Bytes>, Infallible>(frame), (body, place))),
                Err(error) => {
                    tracing::debug!(%error, "a proxied answer broke off");
                    None
                }
            }
        });
        StreamBody::new(frames.take_until(stop)).boxed_unsync()
    }
}

async fn text(body: Incoming) -> String {
    match Limited::new(body, MAX_ERROR_BYTES).collect().await {
        Ok(collected) => String::from_utf8_lossy(&collected.to_bytes()).into_owned(),
        Err(error) => error.to_string(),
    }
}

/// As `GenericHttpResponseChecker`: the kubelet's words under its code.
pub(super) async fn log(connect: Connect<'_>, backend: Backend, path: &str) -> Result<Response<Body>> {
    let headers = forwarded(&HeaderMap::new(), backend, false);
    let answer = connect.send(backend, request(Method::GET, path, headers, nothing())?).await?;
    let (parts, body) = answer.into_parts();
    match parts.status {
        StatusCode::OK => {
            let mut response = Response::new(connect.streamed(body));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
            Ok(response)
        }
        StatusCode::BAD_REQUEST => Err(Status::bad_request(text(body).await)),
        StatusCode::INTERNAL_SERVER_ERROR => Err(Status::internal(text(body).await)),
        StatusCode::NOT_FOUND => {
            Err(refused(&connect, Reason::NotFound, "the server could not find the requested resource", body).await)
        }
        StatusCode::FORBIDDEN => Err(refused(&connect, Reason::Forbidden, &text(body).await, None).await),
        StatusCode::UNAUTHORIZED => {
            let message = "the server has asked for the client to provide credentials";
            Err(refused(&connect, Reason::Unauthorized, message, None).await)
        }
        other => Err(Status::internal(format!("the kubelet answered {other}: {}", text(body).await))),
    }
}

/// `errors.NewGenericServerResponse`.
async fn refused(connect: &Connect<'_>, reason: Reason, message: &str, body: impl Into<Option<Incoming>>) -> Status {
    let name = &connect.call.target.name;
    let mut status = Status::new(reason, format!("{message} ( pods/log {name})"));
    if let Some(body) = body.into() {
        let cause = text(body).await;
        status.details = serde_json::json!({
            "name": name, "kind": "pods/log", "causes": [{ "reason": "UnexpectedServerResponse", "message": cause }],
        });
    }
    status
}

/// Whatever protocol the client wants, the kubelet speaks it: what it answers is passed on, then bytes both ways.
pub(super) async fn upgrade(mut connect: Connect<'_>, backend: Backend, path: &str) -> Result<Response<Body>> {
    let headers = connect.request.headers();
    let wanted = headers.get(CONNECTION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !wanted.to_ascii_lowercase().contains("upgrade") || !headers.contains_key(UPGRADE) {
        return Err(Status::bad_request("Upgrade request required"));
    }
    let headers = forwarded(headers, backend, true);
    let method = connect.request.method().clone();
    let client = hyper::upgrade::on(&mut connect.request);
    let mut answer = connect.send(backend, request(method, path, headers, nothing())?).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(relayed(connect, answer));
    }
    let kubelet = hyper::upgrade::on(&mut answer);
    let server = &connect.handler.server;
    let (stop, place) = (server.stop.clone(), connect.place);
    server.tasks.spawn(async move {
        if let Some(Err(error)) = stop.run_until_cancelled(pipe(client, kubelet)).await {
            tracing::debug!(%error, "an upgraded connection ended");
        }
        drop(place);
    });
    Ok(answer.map(|_| full("")))
}

/// Each direction ends by itself: what was closed here is closed there.
async fn pipe(client: OnUpgrade, backend: OnUpgrade) -> io::Result<()> {
    let (client, backend) = tokio::try_join!(client, backend).map_err(io::Error::other)?;
    let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
    let copied = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut backend, BUFFER_BYTES, BUFFER_BYTES).await;
    // One side is gone already, perhaps both.
    drop(client.shutdown().await);
    drop(backend.shutdown().await);
    copied.map(drop)
}

/// An answer as it came, without what concerned that connection only.
pub(super) fn relayed(connect: Connect<'_>, answer: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    for name in HOP_BY_HOP {
        parts.headers.remove(name);
    }
    parts.version = ::http::Version::HTTP_11;
    parts.extensions = ::http::Extensions::new();
    Response::from_parts(parts, connect.streamed(body))
}

/// The client's request to another path on another server.
pub(super) async fn proxy(mut connect: Connect<'_>, backend: Backend, path: &str) -> Result<Response<Body>> {
    let upgrades = connect.request.headers().contains_key(UPGRADE);
    if upgrades && connect.request.version() == ::http::Version::HTTP_11 {
        return upgrade(connect, backend, path).await;
    }
    let mut headers = forwarded(connect.request.headers(), backend, false);
    let body = match connect.request.body_mut().take() {
        Some(body) => body.boxed_unsync(),
        None => {
            headers.remove(CONTENT_LENGTH);
            nothing()
        }
    };
    let method = connect.request.method().clone();
    let answer = connect.send(backend, request(method, path, headers, body)?).await?;
    Ok(relayed(connect, answer))
}
