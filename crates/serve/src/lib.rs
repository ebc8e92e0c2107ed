//! HTTP/1.1 and HTTP/2 over TLS or plain TCP, told apart by the first byte, and DNS, with limits on what a client can hold
//! open.

mod accept;
pub mod dns;

use accept::accept;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// `http2MaxStreamsPerConnection` of kube-apiserver's secure serving.
const MAX_STREAMS: u32 = 1000;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(32);
/// Open connections per listener; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4096;
/// How much of a body nobody wants is still taken in.
const DRAINED_BYTES: usize = 64 << 10;
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What is known of the other end of a connection.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its certificate, verified by the TLS layer.
    pub certificate: Option<CertificateDer<'static>>,
    pub tls: bool,
}

#[async_trait::async_trait]
pub trait Handler: Send + Sync + 'static {
    async fn handle(&self, peer: &Peer, request: Request<RequestBody>) -> Response<Body>;
}

/// One listening socket and how it is spoken to.
pub struct Server {
    pub listener: TcpListener,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Answer plain HTTP too. Only for loopback.
    pub plain: bool,
}

impl Server {
    /// Accepts until `stop`; then lets open requests finish.
    pub async fn run(self, handler: Arc<dyn Handler>, tasks: TaskTracker, stop: CancellationToken) {
        let server = Arc::new(Connections { tls: self.tls.map(TlsAcceptor::from), plain: self.plain, handler });
        let connection = |stream| {
            let (server, stop) = (server.clone(), stop.clone());
            async move { server.connection(stream, stop).await }
        };
        accept(self.listener, MAX_CONNECTIONS, &tasks, &stop, connection).await;
    }
}

struct Connections {
    tls: Option<TlsAcceptor>,
    plain: bool,
    handler: Arc<dyn Handler>,
}

impl Connections {
    async fn connection(&self, stream: TcpStream, stop: CancellationToken) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut first = [0];
        let peeked = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await;
        if peeked.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
            return Ok(());
        }
        match (&self.tls, first[0] == TLS_HANDSHAKE) {
            (Some(acceptor), true) => {
                let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
                let stream = handshake.map_err(|_| io::ErrorKind::TimedOut)??;
                let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first()).cloned();
                let certificate = certificate.map(CertificateDer::into_owned);
                self.exchange(stream, Peer { certificate, tls: true }, stop).await
            }
            (_, false) if self.plain => self.exchange(stream, Peer::default(), stop).await,
            (Some(_), false) => {
                // What Go's TLS server answers.
                let text = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
                // What is left unread at the end makes the kernel reset the connection, and the answer is lost.
                let mut request = [0; 4096];
                while stream.try_read(&mut request).is_ok_and(|read| read == request.len()) {}
                stream.writable().await?;
                stream.try_write(text).map(drop)
            }
            (None, _) => Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS handshake on a plain port")),
        }
    }

    async fn exchange<S>(&self, stream: S, peer: Peer, stop: CancellationToken) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (handler, peer) = (self.handler.clone(), Arc::new(peer));
        let service = service_fn(move |request| {
            let (handler, peer) = (handler.clone(), peer.clone());
            async move {
                let (parts, incoming) = request.into_parts();
                let body = RequestBody::new(incoming);
                let unread = body.clone();
                let response = handler.handle(&peer, Request::from_parts(parts, body)).await;
                unread.drain().await;
                Ok::<_, Infallible>(response)
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        outcome.map_err(io::Error::other)
    }
}

/// A body that is all there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

pub enum BodyError {
    TooLarge,
    /// The client went away or broke the protocol.
    Broken(String),
}

/// A request's body, until somebody reads it.
#[derive(Clone)]
pub struct RequestBody(Arc<Mutex<Option<Incoming>>>);

impl RequestBody {
    fn new(incoming: Incoming) -> Self {
        Self(Arc::new(Mutex::new(Some(incoming).filter(|body| !body.is_end_stream()))))
    }

    /// The body itself, for whoever passes it on. None: it is empty, or was taken.
    pub fn take(&self) -> Option<Incoming> {
        self.0.lock().take()
    }

    /// A refusal that does not wait for the body would reset an HTTP/2 stream under a client that is still sending.
    async fn drain(&self) {
        if let Some(body) = self.take() {
            // What does not end within the limit is cut off.
            drop(Limited::new(body, DRAINED_BYTES).collect().await);
        }
    }
}

/// Reads a request's body, at most `limit` bytes of it.
pub async fn read_body(body: RequestBody, limit: usize) -> Result<Bytes, BodyError> {
    let Some(body) = body.take() else { return Ok(Bytes::new()) };
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(error) => Err(BodyError::Broken(error.to_string())),
    }
}
