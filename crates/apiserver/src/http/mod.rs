//! HTTP on the outside, [`client::Call`] and [`client::Reply`] on the inside.

mod health;
mod nonresource;
pub(crate) mod options;
mod path;
mod reply;
mod request;

use crate::connect::MAX_OPEN;
use crate::server::ApiServer;
use ::http::{Request, Response};
use meta::User;
use serve::{Body, Handler, Peer, RequestBody};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight`.
const MAX_READS: usize = 400;
const MAX_WRITES: usize = 200;

/// An API server's face to the network.
pub struct HttpHandler {
    pub(crate) server: Arc<ApiServer>,
    reads: Semaphore,
    writes: Semaphore,
    /// Requests that leave this server.
    pub(crate) open: Arc<Semaphore>,
}

impl HttpHandler {
    pub fn new(server: Arc<ApiServer>) -> Self {
        Self {
            server,
            reads: Semaphore::new(MAX_READS),
            writes: Semaphore::new(MAX_WRITES),
            open: Arc::new(Semaphore::new(MAX_OPEN)),
        }
    }
}

#[async_trait::async_trait]
impl Handler for HttpHandler {
    async fn handle(&self, peer: &Peer, request: Request<RequestBody>) -> Response<Body> {
        let certificate = peer.certificate.as_ref().and_then(|der| certificate_user(der));
        let asked = request::Asked::of(&request);
        let head = *request.method() == ::http::Method::HEAD;
        let response = match self.answer(certificate.as_ref(), request, &asked).await {
            Ok(response) => response,
            Err(status) => reply::failure(&status, &asked),
        };
        if head { reply::bodiless(response) } else { response }
    }
}

fn certificate_user(der: &[u8]) -> Option<User> {
    match auth::pki::from_peer_certificate(der) {
        Ok(user) => user,
        Err(error) => {
            tracing::debug!(%error, "a client certificate names no user");
            None
        }
    }
}
