//! A small OCI distribution server with faults to order.

use crate::content::{Made, OCI_INDEX, OCI_MANIFEST, sha256};
use base64::Engine;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Every manifest answers so.
    Manifest(u16),
    Blob(u16),
    /// Half of a blob, then the connection ends.
    Truncated,
    /// As many bytes, but others.
    WrongBytes,
    /// Half of a blob, then nothing more.
    Silent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    #[default]
    None,
    Basic,
    Token,
}

#[derive(Default)]
pub struct State {
    pub fault: Fault,
    pub auth: Auth,
    manifests: HashMap<String, (&'static str, Vec<u8>)>,
    blobs: HashMap<String, Vec<u8>>,
    pub asked: Vec<String>,
}

pub struct Registry {
    pub address: String,
    pub state: Arc<Mutex<State>>,
    /// Ends with the test.
    _tasks: JoinSet<()>,
}

type Body = BoxBody<Bytes, std::io::Error>;

impl Registry {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let mut tasks = JoinSet::new();
        let (shared, own) = (state.clone(), address.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, own) = (shared.clone(), own.clone());
                connections.spawn(async move {
                    let service = service_fn(|request: Request<Incoming>| {
                        let response = answer(&mut state.lock().expect("a state"), &own, &request);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    // A connection that breaks is what some tests are about.
                    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { address, state, _tasks: tasks }
    }

    pub fn push(&self, made: &Made, tag: &str) {
        let mut state = self.state.lock().expect("a state");
        for key in [tag.to_owned(), sha256(&made.manifest)] {
            state.manifests.insert(key, (OCI_MANIFEST, made.manifest.clone()));
        }
        for blob in made.blobs() {
            state.blobs.insert(sha256(blob), blob.to_vec());
        }
    }

    pub fn push_index(&self, index: &[u8], tag: &str) {
        let mut state = self.state.lock().expect("a state");
        for key in [tag.to_owned(), sha256(index)] {
            state.manifests.insert(key, (OCI_INDEX, index.to_vec()));
        }
    }

    pub fn set(&self, fault: Fault, auth: Auth) {
        let mut state = self.state.lock().expect("a state");
        (state.fault, state.auth) = (fault, auth);
    }

    /// How often a path of that kind was asked for since the last time.
    pub fn asked(&self, kind: &str) -> usize {
        let asked = std::mem::take(&mut self.state.lock().expect("a state").asked);
        asked.iter().filter(|path| path.contains(kind)).count()
    }
}

fn answer(state: &mut State, own: &str, request: &Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let credentials = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("user:secret"));
    state.asked.push(path.clone());
    if path == "/token" {
        let ok = credentials == basic && request.uri().query().is_some_and(|query| query.contains("repository%3Aa%2Fb%3Apull"));
        return if ok { reply(200, r#"{"token": "abc"}"#) } else { reply(401, "incorrect username or password") };
    }
    let (wanted, challenge) = match state.auth {
        Auth::None => (credentials.to_owned(), String::new()),
        Auth::Basic => (basic, "Basic realm=\"test\"".into()),
        Auth::Token => ("Bearer abc".into(), format!("Bearer realm=\"http://{own}/token\",service=\"test\"")),
    };
    if credentials != wanted {
        let mut response = reply(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#);
        response.headers_mut().insert("www-authenticate", challenge.parse().expect("a header"));
        return response;
    }
    match (path.rsplit_once('/'), state.fault) {
        (Some((kind, _)), Fault::Manifest(status)) if kind.ends_with("/manifests") => reply(status, "broken"),
        (Some((kind, _)), Fault::Blob(status)) if kind.ends_with("/blobs") => reply(status, "broken"),
        (Some((kind, name)), _) if kind.ends_with("/manifests") => match state.manifests.get(name) {
            Some((media_type, bytes)) => {
                let mut response = reply(200, bytes.clone());
                response.headers_mut().insert("content-type", media_type.parse().expect("a header"));
                response
            }
            None => reply(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#),
        },
        (Some((kind, name)), fault) if kind.ends_with("/blobs") => match state.blobs.get(name) {
            Some(bytes) => blob(bytes, fault),
            None => reply(404, r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}"#),
        },
        _ => reply(200, "{}"),
    }
}

fn reply(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

fn blob(bytes: &[u8], fault: Fault) -> Response<Body> {
    let half = || Ok(Frame::data(Bytes::copy_from_slice(&bytes[..bytes.len() / 2])));
    let stream: futures::stream::BoxStream<'static, Result<Frame<Bytes>, std::io::Error>> = match fault {
        Fault::Truncated => Box::pin(futures::stream::iter([half(), Err(std::io::ErrorKind::BrokenPipe.into())])),
        Fault::Silent => Box::pin(futures::StreamExt::chain(futures::stream::iter([half()]), futures::stream::pending())),
        Fault::WrongBytes => return reply(200, bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()),
        _ => return reply(200, bytes.to_vec()),
    };
    let mut response = Response::new(BodyExt::boxed(SyncStream(Mutex::new(StreamBody::new(stream)))));
    response.headers_mut().insert("content-length", bytes.len().into());
    response
}

/// Bodies must be shareable between threads; streams are not.
struct SyncStream<B>(Mutex<B>);

impl<B: hyper::body::Body + Unpin> hyper::body::Body for SyncStream<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let body = self.get_mut().0.get_mut().expect("a body");
        std::pin::Pin::new(body).poll_frame(cx)
    }
}
