//! The same server over a real socket: TLS, HTTP/1.1 and HTTP/2. Certificates are checked against the machine's hour.

use super::World;
use apiserver::HttpHandler;
use auth::pki::{CertificateAuthority, Leaf};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use meta::{Clock, Doc, SystemClock};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    One,
    Two,
}

pub struct Face<'w> {
    world: &'w World,
    authority: CertificateAuthority,
    roots: Arc<RootCertStore>,
    pub address: SocketAddr,
}

/// A whole reply.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn doc(&self) -> Doc {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    pub fn warnings(&self) -> Vec<&str> {
        self.headers.get_all("warning").iter().filter_map(|v| v.to_str().ok()).collect()
    }
    /// `404 the message`, the way tables expect it.
    pub fn failure(&self) -> String {
        format!("{} {}", self.code, self.doc()["message"].as_str().unwrap_or_default())
    }
}

/// One connection, as one user.
pub enum Wire {
    One(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Two(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Wire {
    /// `headers` as `("Accept", "...")` pairs.
    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let mut request = Request::builder().method(method);
        request = match self {
            Self::One(_) => request.uri(path).header("host", "localhost"),
            Self::Two(_) => request.uri(format!("https://localhost{path}")),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a valid request");
        let response = match self {
            Self::One(sender) => sender.send_request(request).await,
            Self::Two(sender) => sender.send_request(request).await,
        };
        let (parts, body) = response.expect("the server answers").into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes();
        Answer { code: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }
}

impl World {
    /// Listens on loopback until this world ends.
    pub async fn face(&self) -> Face<'_> {
        let authority = CertificateAuthority::generate("suite", SystemClock.now()).expect("an authority");
        let roots = Arc::new(roots(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let tls = Some(Arc::new(server_tls(&authority, &roots)));
        let server = serve::Server { listener, tls, plain: false };
        let handler = Arc::new(HttpHandler::new(self.server.clone()));
        self.tasks.spawn(server.run(handler, self.tasks.clone(), self.stop.clone()));
        Face { world: self, authority, roots, address }
    }
}

impl Face<'_> {
    /// As a member of system:masters.
    pub async fn admin(&self, http: Http) -> Wire {
        self.connect(http, Some(("admin", &[meta::user::MASTERS]))).await
    }

    /// Without a certificate.
    pub async fn anonymous(&self) -> Wire {
        self.connect(Http::One, None).await
    }

    pub async fn connect(&self, http: Http, user: Option<(&str, &[&str])>) -> Wire {
        let stream = self.tls(http, user).await;
        let tasks = &self.world.tasks;
        match http {
            Http::One => {
                let made = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
                let (sender, connection) = made.expect("an HTTP/1.1 connection");
                tasks.spawn(connection);
                Wire::One(sender)
            }
            Http::Two => {
                let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
                let (sender, connection) = made.expect("an HTTP/2 connection");
                tasks.spawn(connection);
                Wire::Two(sender)
            }
        }
    }

    async fn tls(&self, http: Http, user: Option<(&str, &[&str])>) -> TlsStream<TcpStream> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider's own versions")
            .with_root_certificates(self.roots.clone());
        let mut config = match user {
            None => builder.with_no_client_auth(),
            Some((name, groups)) => {
                let identity = self.authority.issue(&Leaf::client(name, groups), SystemClock.now()).expect("a certificate");
                let chain = vec![CertificateDer::from(identity.certificate_der)];
                builder.with_client_auth_cert(chain, key(&identity.key.to_pem())).expect("a matching key")
            }
        };
        config.alpn_protocols = vec![if http == Http::Two { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let name = ServerName::try_from("kubernetes").expect("a valid name");
        TlsConnector::from(Arc::new(config)).connect(name, self.tcp().await).await.expect("a TLS connection")
    }

    #[expect(clippy::disallowed_methods, reason = "the suite's own listener on loopback")]
    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the listener accepts")
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn key(pem: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a PEM key")
}

fn roots(authority: &CertificateAuthority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der().to_vec())).expect("a sound certificate");
    roots
}

fn server_tls(authority: &CertificateAuthority, roots: &Arc<RootCertStore>) -> ServerConfig {
    let identity = authority.issue(&Leaf::api_server(&[]), SystemClock.now()).expect("a certificate");
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider()).allow_unauthenticated().build();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_client_cert_verifier(verifier.expect("roots to verify by"))
        .with_single_cert(vec![CertificateDer::from(identity.certificate_der)], key(&identity.key.to_pem()))
        .expect("a matching key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
