//! One request on a connection of its own, for servers that are asked now and then.

use crate::connection::{Connect, connect_tls};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Sends `request` (in origin form, with its `host` header) over `stream` by HTTP/1.1 and reads at most `limit` bytes of
/// reply, all of it within `patience`.
pub async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    limit: usize,
    patience: Duration,
) -> io::Result<Response<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let asked = async {
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let answered = async {
            let (parts, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
            let body = Limited::new(body, limit).collect().await.map_err(io::Error::other)?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        tokio::pin!(answered);
        tokio::select! {
            answer = &mut answered => answer,
            // The connection may end in the same moment as the reply.
            ended = driver => match ended {
                Ok(()) => answered.await,
                Err(error) => Err(io::Error::other(error)),
            },
        }
    };
    let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "no reply in time");
    tokio::time::timeout(patience, asked).await.map_err(|_| timed_out())?
}

/// As [`exchange`], inside TLS, to a server that can prove to be `name`.
pub async fn exchange_tls(
    connect: &Connect,
    tls: &Arc<rustls::ClientConfig>,
    name: &ServerName<'static>,
    request: Request<Full<Bytes>>,
    limit: usize,
    patience: Duration,
) -> io::Result<Response<Bytes>> {
    let mut tls = tls.as_ref().clone();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = connect_tls(connect, &Arc::new(tls), name).await?;
    exchange(stream, request, limit, patience).await
}
