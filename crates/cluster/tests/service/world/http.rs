//! One request over one connection, trusting one authority, as any client would make it.

use aws_wire::{HttpReply, HttpRequest};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::error::Error;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Sends `request` to `endpoint` (`https://address[:port]`, or `http://` for plain TCP).
pub async fn send(endpoint: &str, authority_pem: &str, request: &HttpRequest) -> Outcome<HttpReply> {
    let uri: http::Uri = endpoint.parse()?;
    let (host, plain) = (uri.host().unwrap_or_default(), uri.scheme_str() == Some("http"));
    let stream = connect(endpoint).await?;
    if plain {
        return exchange(stream, request).await;
    }
    send_over(stream, host, authority_pem, request).await
}

/// As [`send`], over a connection that was made elsewhere, to whom it calls `name`.
pub async fn send_over<S>(stream: S, name: &str, authority_pem: &str, request: &HttpRequest) -> Outcome<HttpReply>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connector = TlsConnector::from(Arc::new(trusting(authority_pem)?));
    exchange(connector.connect(ServerName::try_from(name.to_owned())?, stream).await?, request).await
}

/// A bare connection: fails where nobody listens.
pub async fn connect(endpoint: &str) -> Outcome<TcpStream> {
    let uri: http::Uri = endpoint.parse()?;
    let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    let address = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(default));
    #[expect(clippy::disallowed_methods, reason = "the endpoints of a service are loopback addresses of the host")]
    let stream = TcpStream::connect(address).await?;
    Ok(stream)
}

/// The value of a `Host` header for `endpoint`.
pub fn host_of(endpoint: &str) -> &str {
    endpoint.split_once("://").map_or(endpoint, |(_, host)| host)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, request: &HttpRequest) -> Outcome<HttpReply> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let target = if request.query.is_empty() { request.path.clone() } else { format!("{}?{}", request.path, request.query) };
    let mut sent = http::Request::new(Full::new(request.body.clone()));
    (*sent.method_mut(), *sent.uri_mut()) = (request.method.clone(), target.parse()?);
    *sent.headers_mut() = request.headers.clone();
    let answer = async {
        let (parts, body) = sender.send_request(sent).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(HttpReply { status: parts.status.as_u16(), headers: parts.headers, body })
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // A server that answers and closes at once may be seen to close first.
        ended = connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.into()),
        },
    }
}

fn trusting(authority_pem: &str) -> Outcome<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
