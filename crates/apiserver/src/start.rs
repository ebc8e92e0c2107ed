//! Bringing a control plane's API server up: load, index, authorize, bootstrap.

use crate::admission::PLUGINS;
use crate::alarm::Alarm;
use crate::authn::{Authenticators, TokenCache};
use crate::bootstrap;
use crate::cache::{Caches, FeedError};
use crate::config::Config;
use crate::published::Published;
use crate::server::ApiServer;
use auth::authorizer::{AlwaysAllowPaths, PrivilegedGroups};
use auth::node::{GraphKind, NodeAuthorizer, NodeGraph};
use auth::rbac::{RbacIndex, RbacKind};
use auth::service_account::Issuer;
use auth::{Authorizer, Union};
use meta::time::SharedClock;
use meta::{Gvr, Object};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use storage::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What an API server is made of.
pub struct Parts {
    pub config: Config,
    pub published: Arc<Published>,
    pub store: Arc<dyn Store>,
    pub issuer: Arc<Issuer>,
    pub clock: SharedClock,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot load the cluster's objects: {0}")]
    Load(#[from] FeedError),
    #[error("cannot prepare the cluster: {0}")]
    Bootstrap(#[from] meta::Status),
}

impl ApiServer {
    /// Loads everything, makes what every cluster starts with, and serves calls when it returns.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StartError> {
        let Parts { config, published, store, issuer, clock, tasks, stop } = parts;
        let caches = Caches::load(store, published.catalog.iter().cloned()).await?;
        let rbac = Arc::new(RbacIndex::default());
        feed_rbac(&caches, &rbac);
        let graph = Arc::new(NodeGraph::default());
        feed_nodes(&caches, &graph);
        let nodes = Arc::new(NodeAuthorizer::new(graph, config.minor));
        let authorizers: Vec<Arc<dyn Authorizer>> =
            vec![Arc::new(PrivilegedGroups), Arc::new(AlwaysAllowPaths), nodes, config.access.clone(), rbac.clone()];
        let server = Arc::new_cyclic(|me| Self {
            authenticators: Authenticators { issuer, callers: TokenCache::default() },
            authorizer: Arc::new(Union(authorizers)),
            plugins: PLUGINS,
            compaction: Alarm::new(tasks.clone(), me.clone(), |server| Box::pin(server.compact())),
            compacted: AtomicU64::new(caches.applied()),
            expiry: Alarm::new(tasks.clone(), me.clone(), |server| Box::pin(server.expire_events())),
            following: AtomicBool::new(true),
            bootstrapped: AtomicBool::new(false),
            config,
            published,
            caches,
            clock,
            rbac,
            tasks: tasks.clone(),
            stop,
        });
        tasks.spawn(follow(server.clone()));
        server.clone().expire_events().await;
        bootstrap::run(&server).await?;
        server.bootstrapped.store(true, std::sync::atomic::Ordering::Release);
        Ok(server)
    }
}

/// Feeds the caches until the control plane stops. Without the feed nothing can be served: whatever ends it, a panic
/// included, ends the control plane, and whoever runs it starts another.
async fn follow(server: Arc<ApiServer>) {
    let _ends = EndsWithMe(server.clone());
    if let Some(Err(error)) = server.stop.run_until_cancelled(server.caches.clone().follow()).await {
        tracing::error!(cluster = server.config.cluster, %error, "the watch cache stopped");
    }
}

struct EndsWithMe(Arc<ApiServer>);

impl Drop for EndsWithMe {
    fn drop(&mut self) {
        self.0.following.store(false, std::sync::atomic::Ordering::Release);
        self.0.caches.end();
        self.0.stop.cancel();
    }
}

fn feed_rbac(caches: &Caches, index: &Arc<RbacIndex>) {
    let kinds = [
        ("roles", RbacKind::Role),
        ("clusterroles", RbacKind::ClusterRole),
        ("rolebindings", RbacKind::RoleBinding),
        ("clusterrolebindings", RbacKind::ClusterRoleBinding),
    ];
    for (resource, kind) in kinds {
        let index = index.clone();
        listen(caches, &Gvr::new(auth::rbac::GROUP, "v1", resource), move |namespace, name, object| {
            index.apply(kind, namespace, name, object.map(Object::to_doc).as_ref());
        });
    }
}

/// The node authorizer's graph needs pods (which reference the rest), and volumes with their attachments. What names no
/// node counts as absent there: where the cache knows that, no document is parsed to find it out.
fn feed_nodes(caches: &Caches, graph: &Arc<NodeGraph>) {
    let kinds = [
        ("", "pods", GraphKind::Pod),
        ("", "persistentvolumes", GraphKind::PersistentVolume),
        ("storage.k8s.io", "volumeattachments", GraphKind::VolumeAttachment),
        ("resource.k8s.io", "resourceslices", GraphKind::ResourceSlice),
        ("certificates.k8s.io", "podcertificaterequests", GraphKind::PodCertificateRequest),
    ];
    for (group, resource, kind) in kinds {
        let (graph, gvr) = (graph.clone(), Gvr::new(group, "v1", resource));
        listen(caches, &gvr, move |namespace, name, object| {
            let has_node = |object: &&Object| object.fields.named("spec.nodeName") != Some("");
            graph.apply(kind, namespace, name, object.filter(has_node).map(Object::to_doc).as_ref());
        });
    }
}

fn listen(caches: &Caches, gvr: &Gvr, listener: impl Fn(&str, &str, Option<&Object>) + Send + Sync + 'static) {
    if let Some(cache) = caches.of(gvr) {
        cache.listen(move |key, object| {
            let (namespace, name) = key.split_once('/').unwrap_or(("", key));
            listener(namespace, name, object);
        });
    }
}
