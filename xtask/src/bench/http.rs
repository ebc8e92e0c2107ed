//! HTTP/1.1 over TLS, one kept-alive connection per client: what kubectl and controllers cost, without their own cost.

use crate::process::{Failure, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A cluster's endpoint, and what a client needs to be let in.
#[derive(Clone)]
pub struct Target {
    authority: String,
    token: String,
    tls: Arc<ClientConfig>,
}

fn broken(error: impl Display) -> Failure {
    Failure(format!("load generator: {error}"))
}

impl Target {
    /// `endpoint` as DescribeCluster names it, `certificate` as PEM.
    pub fn new(endpoint: &str, certificate: &[u8], token: String) -> Result<Self> {
        let host = endpoint.strip_prefix("https://").ok_or_else(|| broken("the endpoint is not https"))?.trim_end_matches('/');
        let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(certificate) {
            roots.add(certificate.map_err(broken)?).map_err(broken)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(broken)?;
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Ok(Self { authority, token, tls })
    }

    /// The same endpoint with a fresh token.
    pub fn with_token(self, token: String) -> Self {
        Self { token, ..self }
    }

    pub async fn connect(&self) -> Result<Connection> {
        let name = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned()).map_err(broken)?;
        let tcp = TcpStream::connect(&self.authority).await.map_err(broken)?;
        tcp.set_nodelay(true).map_err(broken)?;
        let tls = TlsConnector::from(self.tls.clone()).connect(name, tcp).await.map_err(broken)?;
        let (sender, connection) = handshake(TokioIo::new(tls)).await.map_err(broken)?;
        // Ends with the connection; whoever holds the sender sees the error.
        tokio::spawn(connection);
        Ok(Connection { sender, authority: self.authority.clone(), authorization: format!("Bearer {}", self.token) })
    }
}

pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    authorization: String,
}

impl Connection {
    /// Sends a request and returns as soon as the answer's head is there.
    pub async fn open(&mut self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Full::new(body))
            .map_err(broken)?;
        self.sender.ready().await.map_err(broken)?;
        self.sender.send_request(request).await.map_err(broken)
    }

    /// A whole exchange; anything but success is a failure of the benchmark.
    pub async fn exchange(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let response = self.open(method, path, body).await?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        Err(broken(format!("{path} answered {status}: {}", String::from_utf8_lossy(&body))))
    }
}
