//! Asks an API server whether it is ready, the way any client would: over TCP and TLS, trusting only its own authority.

use bytes::Bytes;
use cloud_eks::ReadyProbe;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A server that does not answer within this is not ready.
const TIMEOUT: Duration = Duration::from_secs(5);

pub struct HttpsProbe;

#[async_trait::async_trait]
impl ReadyProbe for HttpsProbe {
    async fn probe(&self, endpoint: &str, certificate_authority_pem: &str) -> Result<(), String> {
        let asked = tokio::time::timeout(TIMEOUT, ask(endpoint, certificate_authority_pem)).await;
        asked.unwrap_or_else(|_| Err("no answer".into()))
    }
}

async fn ask(endpoint: &str, authority_pem: &str) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let uri: http::Uri = format!("{endpoint}/readyz").parse().map_err(|e: http::uri::InvalidUri| text(&e))?;
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(443));
    let name = ServerName::try_from(host.to_owned()).map_err(|e| text(&e))?;
    #[expect(clippy::disallowed_methods, reason = "a control plane's endpoint is a loopback address of the host")]
    let stream = TcpStream::connect((host, port)).await.map_err(|e| text(&e))?;
    let connector = TlsConnector::from(Arc::new(trusting(authority_pem)?));
    let stream = connector.connect(name, stream).await.map_err(|e| text(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| text(&e))?;
    let request = http::Request::get("/readyz").header("host", host).body(Empty::<Bytes>::new()).map_err(|e| text(&e))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|e| text(&e))?;
        if response.status().is_success() { Ok(()) } else { Err(format!("/readyz answered {}", response.status())) }
    };
    tokio::select! {
        answer = exchange => answer,
        ended = connection => Err(ended.err().map_or_else(|| "the connection was closed".into(), |e| text(&e))),
    }
}

fn trusting(authority_pem: &str) -> Result<rustls::ClientConfig, String> {
    let certificate = CertificateDer::from_pem_slice(authority_pem.as_bytes()).map_err(|e| e.to_string())?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).map_err(|e| e.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|e| e.to_string())?.with_root_certificates(roots).with_no_client_auth())
}
