//! Connections: made by whoever knows the network, secured here, one HTTP/2 connection shared by all calls.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// client-go's `HTTP2_READ_IDLE_TIMEOUT_SECONDS` and `HTTP2_PING_TIMEOUT_SECONDS`: how a dead server is noticed under a watch.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
const HTTP2: &[u8] = b"h2";

pub type Connecting = BoxFuture<'static, io::Result<TcpStream>>;

/// Makes a socket to the server, where the network is that it lives in.
pub type Connect = Arc<dyn Fn() -> Connecting + Send + Sync>;

/// Connects from this process's own network namespace.
pub fn connect_to(address: SocketAddr) -> Connect {
    Arc::new(move || {
        Box::pin(async move {
            #[expect(clippy::disallowed_methods, reason = "the caller asks for this process's own namespace")]
            TcpStream::connect(address).await
        })
    })
}

/// Trusts the certificates in `roots_pem` and nothing else; shows no certificate of its own.
pub fn tls_config(roots_pem: &str) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots_pem.as_bytes()) {
        roots.add(certificate.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate among the roots".into());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.map_err(|e| e.to_string())?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Connects and shows that the other end is `name`, as far as `tls` asks for it.
pub async fn connect_tls(
    connect: &Connect,
    tls: &Arc<rustls::ClientConfig>,
    name: &ServerName<'static>,
) -> io::Result<TlsStream<TcpStream>> {
    let connected = async {
        let stream = connect().await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(tls.clone()).connect(name.clone(), stream).await
    };
    let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "the connection was not made in time");
    tokio::time::timeout(CONNECT_TIMEOUT, connected).await.map_err(|_| timed_out())?
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
}

type Request1 = hyper::client::conn::http1::SendRequest<Full<Bytes>>;
type Request2 = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

enum Sender {
    One(Request1),
    Two(Request2),
}

/// The connections to one server. Dropping it ends them.
pub(crate) struct Connections {
    connect: Connect,
    tls: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    sender: Option<Request2>,
    drivers: JoinSet<()>,
}

impl Connections {
    pub fn new(connect: Connect, tls: Arc<rustls::ClientConfig>, name: ServerName<'static>) -> Self {
        Self { connect, tls, name, shared: Mutex::default() }
    }

    /// Sends on the shared connection. What a connection on its way out has not taken is sent once more on another.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError> {
        match self.send_once(request.clone()).await {
            Err(SendError::Http(error)) if error.is_canceled() => {
                self.shared.lock().await.sender = None;
                self.send_once(request).await
            }
            other => other,
        }
    }

    async fn send_once(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError> {
        match self.sender().await? {
            Sender::One(mut sender) => Ok(sender.send_request(to_origin_form(request)).await?),
            Sender::Two(mut sender) => Ok(sender.send_request(request).await?),
        }
    }

    /// Callers wait for the one that connects, so that a server that comes back is met by one connection.
    async fn sender(&self) -> Result<Sender, SendError> {
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.sender.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(Sender::Two(sender.clone()));
        }
        while shared.drivers.try_join_next().is_some() {}
        let stream = connect_tls(&self.connect, &self.tls, &self.name).await?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            shared.drivers.spawn(ended(driver));
            return Ok(Sender::One(sender));
        }
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_TIMEOUT);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await?;
        shared.drivers.spawn(ended(driver));
        shared.sender = Some(sender.clone());
        Ok(Sender::Two(sender))
    }
}

async fn ended(driver: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = driver.await {
        tracing::debug!(%error, "a connection ended");
    }
}

/// HTTP/1.1 names the server in a header, HTTP/2 in the request's address.
fn to_origin_form(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let uri = request.uri().clone();
    if let Some(host) = uri.authority().and_then(|a| http::HeaderValue::from_str(a.as_str()).ok()) {
        request.headers_mut().insert(http::header::HOST, host);
    }
    if let Some(path) = uri.path_and_query() {
        *request.uri_mut() = http::Uri::from(path.clone());
    }
    request
}
