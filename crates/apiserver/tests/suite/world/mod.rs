//! A control plane's API server in this process, over a disk in memory, on a clock of its own.

mod clock;
mod face;
mod recorder;

pub use clock::TestClock;
pub use face::Http;
pub use recorder::{Recorder, line};

use crate::plane;
use apiserver::{ApiServer, Config};
use client::{Client, Options, Resource, WatchItem, WatchStream};
use futures::StreamExt;
use meta::{Doc, User};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use storage::backend::{Fault, SimDisk};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The namespace of the tests' own objects.
pub const NS: &str = "suite";

pub const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");
pub const PODS: Resource = Resource::new("", "v1", "pods");
pub const SERVICES: Resource = Resource::new("", "v1", "services");
pub const CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps");
pub const ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
pub const NODES: Resource = Resource::new("", "v1", "nodes");

pub struct World {
    pub server: Arc<ApiServer>,
    admin: Client,
    pub clock: Arc<TestClock>,
    pub catalog: Arc<api::Catalog>,
    pub disk: SimDisk,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    /// A fresh control plane with namespace [`NS`] and the default service account in it.
    pub async fn start(minor: u32) -> Self {
        Self::configured(minor, |_| {}).await
    }

    pub async fn configured(minor: u32, configure: impl FnOnce(&mut Config)) -> Self {
        let world = Self::boot(minor, SimDisk::new(Fault::None), configure).await;
        world.make(NAMESPACES, "", json!({"metadata": {"name": NS}})).await;
        world.make(ACCOUNTS, NS, json!({"metadata": {"name": "default"}})).await;
        world
    }

    /// Whatever is on the disk comes to life.
    pub async fn boot(minor: u32, disk: SimDisk, configure: impl FnOnce(&mut Config)) -> Self {
        let (clock, tasks, stop) = (Arc::new(TestClock::default()), TaskTracker::new(), CancellationToken::new());
        let published = plane::published(minor);
        let catalog = published.catalog().clone();
        let of_minor = |parts: &mut apiserver::Parts| {
            (parts.config.minor, parts.config.git_version) = (minor, format!("v1.{minor}.0"));
            parts.published = published;
            configure(&mut parts.config);
        };
        let (_, server, admin) = plane::start(disk.clone(), clock.clone(), (&tasks, &stop), of_minor).await;
        Self { server, admin, clock, catalog, disk, tasks, stop }
    }

    pub fn admin(&self) -> Client {
        self.admin.clone()
    }

    /// Somebody that nothing is granted to.
    pub fn user(&self, name: &str) -> Client {
        self.as_user(User::authenticated(name, [""; 0]))
    }

    pub fn node(&self, name: &str) -> Client {
        self.as_user(User::authenticated(format!("system:node:{name}"), [meta::user::NODES]))
    }

    pub fn as_user(&self, user: User) -> Client {
        self.server.client(user)
    }

    /// Creates as administrator and shows what came of it.
    pub async fn make(&self, resource: Resource, namespace: &str, doc: Doc) -> Doc {
        let made = self.admin().create(resource, namespace, doc.clone()).await;
        made.unwrap_or_else(|status| panic!("{} {doc}: {status}", resource.plural)).to_doc()
    }

    pub async fn pod(&self, name: &str, spec: Doc) -> Doc {
        let mut doc = json!({"metadata": {"name": name, "labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.29"}]}});
        for (field, value) in spec.as_object().into_iter().flatten() {
            doc["spec"][field] = value.clone();
        }
        self.make(PODS, NS, doc).await
    }

    /// Compacts everything up to now, as a server does with what is older than five minutes.
    pub async fn forget_history(&self) {
        let caches = self.server.caches();
        let now = caches.fresh().await.expect("the caches follow");
        caches.store().compact(now).await.expect("compacted");
        caches.compact(now);
    }

    /// Lets `user` do these verbs on these resources of a group, everywhere.
    pub async fn grant(&self, user: &str, group: &str, resources: &[&str], verbs: &[&str]) {
        let name = format!("{user}-{}-{}", verbs.join("-"), resources.join("-")).replace(['/', '*', ':'], "-");
        let (roles, bindings) = (rbac("clusterroles"), rbac("clusterrolebindings"));
        let rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        self.make(roles, "", json!({"metadata": {"name": name}, "rules": [rule]})).await;
        let subject = json!({"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"});
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name});
        self.make(bindings, "", json!({"metadata": {"name": name}, "subjects": [subject], "roleRef": role})).await;
        // Authorization follows the cache.
        self.server.caches().fresh().await.expect("the caches follow");
    }
}

const fn rbac(plural: &'static str) -> Resource {
    Resource::new("rbac.authorization.k8s.io", "v1", plural)
}

pub fn options(edit: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    edit(&mut options);
    options
}

/// A wait that ends: nothing here takes seconds.
pub async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
    waited.unwrap_or_else(|_| panic!("{what}: still waiting after 30 s"))
}

/// The next `count` items of a watch, as `ADDED name`, `BOOKMARK`, `INITIAL` or the text of an error.
pub async fn next(stream: &mut WatchStream, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.push(match soon("a watch event", stream.next()).await {
            None => "END".into(),
            Some(WatchItem::Event(event)) => format!("{} {}", event.kind.as_str(), event.object.meta.name),
            Some(WatchItem::Bookmark { initial_events_end: true, .. }) => "INITIAL".into(),
            Some(WatchItem::Bookmark { .. }) => "BOOKMARK".into(),
            Some(WatchItem::Error(status)) => status.message,
        });
        if seen.last().is_some_and(|last| last == "END") {
            break;
        }
    }
    seen
}
