//! The host's images for its instances: one socket each, so that a node needs neither the registry nor the store's files.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use images::wire::{Call, MAX_CALL_BYTES, PATH, ShortPath};
use images::{ImageService, PullError};
use reconcile::Runtime;
use serde::Serialize;
use std::convert::Infallible;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Calls of one instance at a time: a kubelet pulls for that many pods at once, and asks beside it.
const MAX_CONNECTIONS: usize = 64;
/// For the headers of a call, and for its body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers the image calls of nodes.
#[derive(Clone)]
pub struct ImageServer {
    service: Arc<dyn ImageService>,
}

impl ImageServer {
    pub fn new(service: Arc<dyn ImageService>) -> Self {
        Self { service }
    }

    /// Listens on a socket that only its owner may use, until the runtime stops. One that an earlier process left is
    /// replaced.
    pub fn serve(&self, path: &Path, runtime: &Runtime) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let short = ShortPath::of(path)?;
        let listener = UnixListener::bind(&short.path)?;
        std::fs::set_permissions(&short.path, std::fs::Permissions::from_mode(0o600))?;
        let (server, runtime) = (self.clone(), runtime.clone());
        runtime.tasks.clone().spawn(async move { server.accept(&listener, &runtime).await });
        Ok(())
    }

    async fn accept(&self, listener: &UnixListener, runtime: &Runtime) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Some(Ok(place)) = runtime.stop.run_until_cancelled(places.clone().acquire_owned()).await else { return };
            let stream = match runtime.stop.run_until_cancelled(listener.accept()).await {
                None => return,
                Some(Ok((stream, _))) => stream,
                Some(Err(error)) => {
                    // Out of descriptors: others may close some.
                    tracing::warn!(%error, "cannot accept a node's connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (server, stop) = (self.clone(), runtime.stop.clone());
            runtime.tasks.spawn(async move {
                // A pull whose node is gone, or whose service ends, ends with its connection.
                if let Some(Err(error)) = stop.run_until_cancelled(server.connection(stream)).await {
                    tracing::debug!(%error, "a node's connection ended");
                }
                drop(place);
            });
        }
    }

    async fn connection(&self, stream: UnixStream) -> hyper::Result<()> {
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(READ_TIMEOUT);
        builder.serve_connection(TokioIo::new(stream), service).await
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != PATH {
            return document(StatusCode::NOT_FOUND, &PullError::Internal("no such path".into()));
        }
        if request.method() != Method::POST {
            return document(StatusCode::METHOD_NOT_ALLOWED, &PullError::Internal("only POST".into()));
        }
        let bad = |why: String| document(StatusCode::BAD_REQUEST, &PullError::Internal(why));
        if request.body().size_hint().lower() > MAX_CALL_BYTES as u64 {
            return bad("the call is too large".into());
        }
        let read = Limited::new(request.into_body(), MAX_CALL_BYTES).collect();
        let body = match tokio::time::timeout(READ_TIMEOUT, read).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) => return bad(format!("cannot read the call: {error}")),
            Err(_) => return bad("the call does not come".into()),
        };
        // Without the parser's own words: they may quote a password.
        let Ok(call) = serde_json::from_slice::<Call>(&body) else { return bad("cannot parse the call".into()) };
        match call.answer(&*self.service).await {
            Ok(reply) => document(StatusCode::OK, &reply),
            Err(error) => document(StatusCode::UNPROCESSABLE_ENTITY, &error),
        }
    }
}

fn document(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(value).unwrap_or_default(); // plain structures always encode
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use images::{Options, RemoteImages, Store};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn raw(path: &Path, request: &str) -> String {
        let short = ShortPath::of(path).expect("a path");
        let mut stream = UnixStream::connect(&short.path).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_node_asks_over_its_socket() {
        let directory = tempfile::tempdir().expect("a directory");
        // Longer than the address of a socket may be.
        let deep = directory.path().join("d".repeat(120));
        std::fs::create_dir(&deep).expect("a directory");
        let store = Arc::new(Store::open(&directory.path().join("images"), Options::default()).expect("a store"));
        let (runtime, socket) = (Runtime::new(), deep.join("agent.sock"));
        ImageServer::new(store.clone()).serve(&socket, &runtime).expect("a socket");
        assert_eq!(std::fs::metadata(&socket).expect("a socket").permissions().mode() & 0o777, 0o600);
        let remote = RemoteImages::new(&socket);
        assert_eq!(remote.list_images().await, Ok(vec![]));
        assert_eq!(remote.image_status("busybox").await, Ok(None));
        assert_eq!(remote.remove_image("busybox").await, Ok(()));
        assert!(remote.file_system().await.is_ok_and(|(used, free)| used > 0 && free > 0));
        // Errors keep their kind on the way.
        assert_eq!(remote.image_status("X").await, store.image_status("X").await);
        let nowhere = "127.0.0.1:1/x";
        assert_eq!(remote.pull_image(nowhere, None).await, store.pull_image(nowhere, None).await);
        assert!(matches!(remote.pull_image(nowhere, None).await, Err(PullError::Unreachable { .. })));
        for (request, status) in [
            ("GET /images HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "405"),
            ("POST /other HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "404"),
            ("POST /images HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", "400"),
            ("POST /images HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 99999999\r\n\r\n{}", "400"),
        ] {
            let answer = raw(&socket, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        }
        // A second start takes the socket over.
        ImageServer::new(store).serve(&socket, &runtime).expect("a socket");
        assert_eq!(remote.list_images().await, Ok(vec![]));
        runtime.shutdown().await;
        assert!(matches!(remote.list_images().await, Err(PullError::Internal(_))));
    }
}
