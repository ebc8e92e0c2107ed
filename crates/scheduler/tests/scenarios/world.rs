//! A control plane to schedule in: a real API server over a store in a temporary directory, and nodes without kubelets.

use crate::{plane, watched};
use apiserver::ApiServer;
use client::{Client, Resource};
use meta::time::SharedClock;
use meta::{Doc, User};
use reconcile::{Informers, Runtime};
use scheduler::{Context, Stats};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use storage::Engine;
use storage::backend::Disk;

pub const PODS: Resource = Resource::new("", "v1", "pods");
pub const NODES: Resource = Resource::new("", "v1", "nodes");
pub const EVENTS: Resource = Resource::new("", "v1", "events");
pub const CLAIMS: Resource = Resource::new("", "v1", "persistentvolumeclaims");
const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
/// Far longer than anything here takes: a test that gets there has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub server: Arc<ApiServer>,
    /// A member of `system:masters`.
    pub admin: Client,
    pub stats: Arc<Stats>,
    runtime: Runtime,
    scheduling: Runtime,
    engine: Engine,
    _directory: tempfile::TempDir,
}

impl World {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let disk = Disk::new(directory.path().join("store")).expect("a directory for the store");
        let runtime = Runtime::new();
        let (engine, server, admin) = plane::start(disk, clock(), (&runtime.tasks, &runtime.stop), |_| {}).await;
        let (scheduling, stats) = schedule(&server, |client| client);
        let world = Self { server, admin, stats, runtime, scheduling, engine, _directory: directory };
        let account = json!({"metadata": {"name": "default"}});
        world.admin.create(SERVICE_ACCOUNTS, "default", account).await.expect("a service account");
        world
    }

    /// As after a crash: with nothing in memory.
    pub async fn restart_scheduler(&mut self) {
        self.restart_scheduler_over(|client| client).await;
    }

    /// With something between it and the server.
    pub async fn restart_scheduler_over(&mut self, between: impl FnOnce(Client) -> Client) {
        self.stop_scheduler().await;
        (self.scheduling, self.stats) = schedule(&self.server, between);
    }

    pub async fn stop_scheduler(&self) {
        self.scheduling.shutdown().await;
    }

    pub async fn stop(self) {
        self.stop_scheduler().await;
        self.runtime.shutdown().await;
        drop(self.server);
        self.engine.close().await;
    }

    /// With four processors and 8 GiB, if `doc` says nothing else.
    pub async fn node(&self, name: &str, mut doc: Doc) {
        doc["metadata"]["name"] = json!(name);
        if doc["status"].is_null() {
            doc["status"] = json!({"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}});
        }
        let status = json!({"status": doc["status"]});
        self.admin.create(NODES, "", doc).await.expect("a node");
        self.admin.patch(NODES, "", name, "status", status).await.expect("a node's status");
        // A node of this world is ready at once; nobody else takes the taint off that new nodes start with.
        let ready = json!({"spec": {"taints": null}});
        self.admin.patch(NODES, "", name, "", ready).await.expect("a ready node");
    }

    pub async fn pod(&self, name: &str, spec: Doc) {
        self.labelled_pod(name, json!({}), spec).await;
    }

    /// With one container that asks for nothing, if `spec` has none.
    pub async fn labelled_pod(&self, name: &str, labels: Doc, mut spec: Doc) {
        if spec["containers"].is_null() {
            spec["containers"] = json!([{"name": "c", "image": "i"}]);
        }
        let doc = json!({"metadata": {"name": name, "labels": labels}, "spec": spec});
        self.admin.create(PODS, "default", doc).await.expect("a pod");
    }

    /// Waits until the pod has a node.
    pub async fn node_of(&self, name: &str) -> String {
        let doc = self.until(PODS, name, |doc| doc["spec"]["nodeName"].is_string()).await;
        doc["spec"]["nodeName"].as_str().expect("a name").to_owned()
    }

    /// Waits until the pod says why it has none.
    pub async fn refusal(&self, name: &str) -> String {
        let said = |doc: &Doc| condition(doc).is_some_and(|c| c["status"] == "False" && c["reason"] == "Unschedulable");
        let doc = self.until(PODS, name, said).await;
        condition(&doc).expect("a condition")["message"].as_str().expect("a message").to_owned()
    }

    /// Waits until the pod is gone.
    pub async fn gone(&self, name: &str) {
        self.watched(PODS, name, |doc| doc.is_none_or(|doc| doc["metadata"]["deletionTimestamp"].is_string())).await;
    }

    /// Waits until the object is there and as wanted.
    pub async fn until(&self, resource: Resource, name: &str, wanted: impl Fn(&Doc) -> bool) -> Doc {
        let found = self.watched(resource, name, |doc| doc.is_some_and(&wanted)).await;
        found.expect("it was just looked at")
    }

    async fn watched(&self, resource: Resource, name: &str, wanted: impl Fn(Option<&Doc>) -> bool) -> Option<Doc> {
        let selector = format!("metadata.name={name}");
        let waiting = self.watch_until(resource, selector, wanted);
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {name}"))
    }

    /// Waits for an event about a pod.
    pub async fn event(&self, pod: &str, reason: &str) -> Doc {
        let selector = format!("involvedObject.name={pod},reason={reason}");
        let waiting = self.watch_until(EVENTS, selector, |doc| doc.is_some());
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("no event {reason} about {pod}")).expect("an event")
    }

    fn watch_until(
        &self,
        resource: Resource,
        selector: String,
        wanted: impl Fn(Option<&Doc>) -> bool,
    ) -> impl Future<Output = Option<Doc>> {
        let namespace = if resource == NODES { "" } else { "default" };
        watched::until(&self.admin, resource, namespace, selector, wanted)
    }
}

fn schedule(server: &Arc<ApiServer>, between: impl FnOnce(Client) -> Client) -> (Runtime, Arc<Stats>) {
    let runtime = Runtime::new();
    let client = between(server.client(User::authenticated::<String>(scheduler::USER, [])));
    let informers = Informers::new(client.clone(), runtime.tasks.clone(), runtime.stop.clone());
    let stats = scheduler::start(Context { client, informers, clock: clock(), runtime: runtime.clone() });
    (runtime, stats)
}

fn condition(pod: &Doc) -> Option<&Doc> {
    pod["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "PodScheduled")
}

fn clock() -> SharedClock {
    Arc::new(meta::SystemClock)
}

/// A container that asks for this much processor time.
pub fn asking(cpu: &str) -> Doc {
    json!([{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}])
}
