//! A control plane to test controllers in: a real API server over a disk in memory.

use crate::fuse::Fuse;
use crate::{plane, watched};
use apiserver::ApiServer;
use auth::pki::CertificateAuthority;
use client::{Client, Options, Resource};
use controllers::{ClientFor, Context, KindFacts, LoadBalancers, NodeNames};
use futures::StreamExt;
use meta::time::SharedClock;
use meta::{Doc, Object};
use parking_lot::Mutex;
use reconcile::Runtime;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use storage::Engine;
use storage::backend::SimDisk;

pub const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");
pub const CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps");
pub const PODS: Resource = Resource::new("", "v1", "pods");
pub const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
pub const EVENTS: Resource = Resource::new("", "v1", "events");
pub const NODES: Resource = Resource::new("", "v1", "nodes");
pub const ROOT_CA: &str = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n";
/// Far longer than anything here takes: a test that gets there has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub server: Arc<ApiServer>,
    /// A member of `system:masters`.
    pub admin: Client,
    pub authority: Arc<CertificateAuthority>,
    /// For the controllers that are started after it is set.
    pub load_balancers: Option<Arc<dyn LoadBalancers>>,
    /// What the controllers are told of instances.
    pub node_names: Option<Arc<dyn NodeNames>>,
    runtime: Runtime,
    controllers: Mutex<Runtime>,
    engine: Engine,
}

impl World {
    /// With all controllers running.
    pub async fn start() -> Self {
        let world = Self::without_controllers().await;
        world.start_controllers();
        world
    }

    pub async fn without_controllers() -> Self {
        let runtime = Runtime::new();
        let until = (&runtime.tasks, &runtime.stop);
        let (engine, server, admin) = plane::start(SimDisk::default(), clock(), until, |_| {}).await;
        let controllers = Mutex::default();
        let authority = Arc::new(CertificateAuthority::generate("kubernetes", clock().now()).expect("an authority"));
        let (load_balancers, node_names) = (None, None);
        Self { server, admin, authority, load_balancers, node_names, runtime, controllers, engine }
    }

    pub fn start_controllers(&self) {
        let server = self.server.clone();
        self.start_controllers_as(Arc::new(move |user| server.client(user)));
    }

    /// As [`World::start_controllers`], in a process that dies when the fuse burns.
    pub fn start_controllers_behind(&self, fuse: &Arc<Fuse>) {
        let (server, fuse) = (self.server.clone(), fuse.clone());
        self.start_controllers_as(Arc::new(move |user| fuse.guard(&user.name.clone(), server.client(user))));
    }

    fn start_controllers_as(&self, client: ClientFor) {
        let published = plane::published(plane::MINOR);
        let kinds = published.catalog().iter().map(|def| KindFacts {
            gvr: def.gvr.clone(),
            kind: def.kind.clone(),
            namespaced: def.namespaced,
            verbs: def.verbs.clone(),
        });
        let runtime = Runtime::new();
        *self.controllers.lock() = runtime.clone();
        controllers::start(Context {
            client,
            kinds: kinds.collect(),
            root_ca_pem: ROOT_CA.into(),
            authority: Some(self.authority.clone()),
            node_names: self.node_names.clone(),
            load_balancers: self.load_balancers.clone(),
            clock: clock(),
            runtime,
        });
    }

    /// Runs something beside the control plane until that stops.
    pub fn spawn(&self, task: impl std::future::Future<Output = ()> + Send + 'static) {
        let stop = self.runtime.stop.clone();
        self.runtime.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Moves the clock of all timers. What waits for an hour that has come then wakes up.
    pub async fn skip(&self, seconds: u64) {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    }

    pub async fn stop_controllers(&self) {
        let running = self.controllers.lock().clone();
        running.shutdown().await;
    }

    pub async fn stop(self) {
        self.stop_controllers().await;
        self.runtime.shutdown().await;
        drop(self.server);
        self.engine.close().await;
    }

    pub async fn namespace(&self, name: &str) -> Arc<Object> {
        self.admin.create(NAMESPACES, "", json!({ "metadata": { "name": name } })).await.expect("a namespace")
    }

    /// A ConfigMap owned by `owners`, each of which it blocks.
    pub async fn config_map(&self, namespace: &str, name: &str, owners: &[&Object]) -> Arc<Object> {
        let owners: Vec<Doc> = owners.iter().map(|owner| reference(owner, "ConfigMap")).collect();
        let doc = json!({ "metadata": { "name": name, "ownerReferences": owners } });
        self.admin.create(CONFIG_MAPS, namespace, doc).await.expect("a config map")
    }

    /// Waits until the object is as wanted.
    pub async fn until(&self, at: (Resource, &str, &str), wanted: impl Fn(Option<&Doc>) -> bool) -> Option<Doc> {
        let (resource, namespace, name) = at;
        let named = format!("metadata.name={name}");
        match tokio::time::timeout(PATIENCE, watched::until(&self.admin, resource, namespace, named, wanted)).await {
            Ok(doc) => doc,
            Err(_) => {
                let found = self.admin.find(resource, namespace, name).await.expect("an answer");
                panic!("waited in vain for {namespace}/{name}: {}", found.map_or(Doc::Null, |o| o.to_doc()))
            }
        }
    }

    /// Waits until what a namespace has of a kind is as wanted.
    pub async fn until_all(&self, resource: Resource, namespace: &str, wanted: impl Fn(&[Doc]) -> bool) -> Vec<Doc> {
        let waiting = tokio::time::timeout(PATIENCE, self.watch_all(resource, namespace, &wanted)).await;
        match waiting {
            Ok(docs) => docs,
            Err(_) => panic!("waited in vain: {:#?}", self.all(resource, namespace).await.0),
        }
    }

    pub async fn all(&self, resource: Resource, namespace: &str) -> (Vec<Doc>, u64) {
        let list = self.admin.list(resource, namespace, Options::default()).await.expect("a list");
        (list.items.iter().map(|object| object.to_doc()).collect(), list.revision)
    }

    async fn watch_all(&self, resource: Resource, namespace: &str, wanted: impl Fn(&[Doc]) -> bool) -> Vec<Doc> {
        let (mut docs, revision) = self.all(resource, namespace).await;
        let options = Options { resource_version: revision.to_string(), ..Options::default() };
        let mut changes = self.admin.watch(resource, namespace, options).await.expect("a watch");
        while !wanted(&docs) {
            changes.next().await.expect("the watch goes on");
            docs = self.all(resource, namespace).await.0;
        }
        docs
    }

    pub async fn has_event(&self, reason: &str, message: &str) {
        let said = |events: &[Doc]| events.iter().any(|event| event["reason"] == reason && event["message"] == message);
        self.until_all(EVENTS, "default", said).await;
    }

    pub async fn gone(&self, resource: Resource, namespace: &str, name: &str) {
        self.until((resource, namespace, name), |doc| doc.is_none()).await;
    }

    pub async fn there(&self, resource: Resource, namespace: &str, name: &str) -> Doc {
        self.until((resource, namespace, name), |doc| doc.is_some()).await.expect("it is there")
    }
}

fn clock() -> SharedClock {
    Arc::new(meta::SystemClock)
}

/// A reference to a v1 object that blocks its deletion.
pub fn reference(owner: &Object, kind: &str) -> Doc {
    json!({ "apiVersion": "v1", "kind": kind, "name": owner.meta.name, "uid": owner.meta.uid, "blockOwnerDeletion": true })
}
