//! The kubelet's own HTTPS server: logs, exec, attach, port-forward, pods, stats (kubernetes pkg/kubelet/server).
//!
//! **Invariant**: no request is answered before its user is known and allowed.

mod access;
mod api_auth;
mod listing;
mod logs;
mod query;
mod reply;
mod route;
mod stats;
mod streaming;
mod tls;

pub use access::KubeletAuth;
pub use api_auth::ApiAuth;
pub use streaming::{NamespaceDialer, PodDialer};
pub use tls::{ServingCertificate, TlsError, server_config};

use crate::PodLookup;
use http::{Method, Request, Response};
use meta::time::SharedClock;
use route::Route;
use runtime::cri::ContainerRuntime;
use serve::{Body, Handler, Peer, RequestBody};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Streams and followed logs that may be open at once.
const MAX_OPEN: usize = 1000;

/// What the server stands on.
pub struct ServerParts {
    pub node_name: String,
    pub pods: Arc<dyn PodLookup>,
    pub runtime: Arc<dyn ContainerRuntime>,
    pub auth: Arc<dyn KubeletAuth>,
    pub dialer: Arc<dyn PodDialer>,
    pub clock: SharedClock,
    /// Owns what outlives a request: upgraded connections.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
}

/// A [`Handler`]: hand it to [`serve::Server`] with the TLS of [`server_config`].
pub struct KubeletServer {
    parts: ServerParts,
    open: Arc<Semaphore>,
}

impl KubeletServer {
    pub fn new(parts: ServerParts) -> Arc<Self> {
        Arc::new(Self { parts, open: Arc::new(Semaphore::new(MAX_OPEN)) })
    }

    async fn answer(&self, peer: &Peer, request: Request<RequestBody>) -> Result<Response<Body>, reply::Failure> {
        self.admit(peer, &request).await?;
        let route = Route::of(request.uri().path()).ok_or_else(reply::Failure::no_such_page)?;
        let read = matches!(*request.method(), Method::GET | Method::HEAD);
        let streams = route.streams() && *request.method() == Method::POST;
        if !(read || streams) {
            return Err(reply::Failure::method_not_allowed());
        }
        match route {
            Route::Healthz => Ok(reply::text("ok")),
            Route::Pods => Ok(reply::json(&self.parts.pods.pod_list())),
            Route::Summary => self.summary().await,
            Route::Metrics => self.metrics().await,
            Route::Logs => Err(reply::Failure::new(405, "logs endpoint is disabled.")),
            Route::ContainerLogs { namespace, pod, container } => {
                self.container_logs(&namespace, &pod, &container, request.uri().query().unwrap_or_default()).await
            }
            Route::Exec(target) => self.exec(target, request),
            Route::Attach(target) => self.attach(target, request),
            Route::PortForward { namespace, pod, uid } => self.port_forward(&namespace, &pod, &uid, request),
        }
    }
}

#[async_trait::async_trait]
impl Handler for KubeletServer {
    async fn handle(&self, peer: &Peer, request: Request<RequestBody>) -> Response<Body> {
        self.answer(peer, request).await.unwrap_or_else(reply::Failure::into_response)
    }
}
