//! One request on a connection of its own, for servers that are asked now and then.

use crate::connection::{Connect, connect_tls};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
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
    let asked = ask(stream, request, async |answer| {
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    });
    let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "no reply in time");
    tokio::time::timeout(patience, asked).await.map_err(|_| timed_out())?
}

/// As [`exchange`], for who only asks whether all is well: the status, not a byte of what follows it. Waits for as long as
/// the caller does.
pub async fn status_of<S>(stream: S, request: Request<Full<Bytes>>) -> io::Result<u16>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    ask(stream, request, async |answer| Ok(answer.status().as_u16())).await
}

async fn ask<S, T>(
    stream: S,
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> io::Result<T>,
) -> io::Result<T>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let answered = async { read(sender.send_request(request).await.map_err(io::Error::other)?).await };
    tokio::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        // The connection may end in the same moment as the reply.
        ended = driver => match ended {
            Ok(()) => answered.await,
            Err(error) => Err(io::Error::other(error)),
        },
    }
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
