//! What scenarios of workloads need beside the controllers: a stand-in for kubelets, and looks at pods and events.

use crate::world::{PODS, World};
use client::{DeleteOptions, EventKind, Options, Resource, WatchItem};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use meta::{Doc, Object, Reason};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments");
pub const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets");
const EVENTS: Resource = Resource::new("", "v1", "events");
const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
/// Pods of this image never become ready.
pub const BROKEN: &str = "broken";
/// What replaces pods in these scenarios is told from them by its image.
pub const V1: &str = "v1";
pub const V2: &str = "v2";

/// A template of pods on a node that only exists in name: they end gracefully.
pub fn template(image: &str) -> Doc {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"nodeName": "node", "containers": [{"name": "c", "image": image}]},
    })
}

/// A world whose namespace `default` takes pods.
pub async fn start() -> World {
    let world = World::start().await;
    world.there(SERVICE_ACCOUNTS, "default", "default").await;
    world
}

/// Deployment or set `web` of three pods, with more in its spec.
pub async fn create(world: &World, resource: Resource, spec: Doc) -> Arc<Object> {
    let mut whole = json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template(V1)});
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    let doc = json!({"metadata": {"name": "web"}, "spec": whole});
    world.admin.create(resource, "default", doc).await.expect("a workload")
}

pub async fn patch(world: &World, resource: Resource, name: &str, patch: Doc) -> Arc<Object> {
    world.admin.patch(resource, "default", name, "", patch).await.expect("a patch")
}

/// What has become of an object: the newest version, and whether it is still there.
type Change = (bool, Arc<Object>);

/// The objects that a field selector matches, and what happens to them from then on.
async fn follow(world: &World, resource: Resource, field_selector: &str) -> (Vec<Arc<Object>>, BoxStream<'static, Change>) {
    let selected = Options { field_selector: field_selector.into(), ..Options::default() };
    let list = world.admin.list(resource, "default", selected.clone()).await.expect("a list");
    let options = Options { resource_version: list.revision.to_string(), ..selected };
    let changes = world.admin.watch(resource, "default", options).await.expect("a watch");
    let changes = changes.filter_map(|item| async move {
        match item {
            WatchItem::Event(event) => Some((event.kind != EventKind::Deleted, event.object.clone())),
            WatchItem::Bookmark { .. } => None,
            WatchItem::Error(status) => panic!("{status}"),
        }
    });
    (list.items, changes.boxed())
}

/// As [`follow`], in one stream.
async fn all(world: &World, resource: Resource, field_selector: &str) -> BoxStream<'static, Change> {
    let (there, changes) = follow(world, resource, field_selector).await;
    stream::iter(there).map(|object| (true, object)).chain(changes).boxed()
}

/// What every kubelet does to pods: those that shall live become ready, those that shall end are gone.
pub struct Kubelets {
    _stop: DropGuard,
}

impl Kubelets {
    pub async fn start(world: &World) -> Self {
        let stop = CancellationToken::new();
        let changes = all(world, PODS, "").await;
        let (admin, until) = (world.admin.clone(), stop.clone());
        world.spawn(async move {
            let living = changes.filter_map(|(there, pod)| async move { there.then_some(pod) });
            let each = living.for_each_concurrent(16, |pod| serve(admin.clone(), pod));
            until.run_until_cancelled(each).await;
        });
        Self { _stop: stop.drop_guard() }
    }
}

async fn serve(admin: client::Client, pod: Arc<Object>) {
    let meta = &pod.meta;
    let outcome = if meta.is_deleting() {
        let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        admin.delete(PODS, &meta.namespace, &meta.name, now).await.map(drop)
    } else if !is_ready(&pod) && pod.get("/spec/containers/0/image") != BROKEN {
        admin.patch(PODS, &meta.namespace, &meta.name, "status", readiness(true)).await.map(drop)
    } else {
        Ok(())
    };
    match outcome {
        Err(status) if !matches!(status.reason, Reason::NotFound | Reason::Conflict) => panic!("{status}"),
        _ => {}
    }
}

/// A patch of a pod's status.
pub fn readiness(ready: bool) -> Doc {
    let now = meta::Clock::now(&meta::SystemClock).to_string();
    let status = if ready { "True" } else { "False" };
    json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": now}]}})
}

pub fn is_ready(pod: &Object) -> bool {
    let conditions = pod.get("/status/conditions");
    conditions.as_array().into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// Pods by name, as they are and become.
pub struct PodsSeen {
    pub pods: BTreeMap<String, Arc<Object>>,
    changes: BoxStream<'static, Change>,
}

impl PodsSeen {
    pub async fn follow(world: &World) -> Self {
        let (there, changes) = follow(world, PODS, "").await;
        Self { pods: there.into_iter().map(|pod| (pod.meta.name.clone(), pod)).collect(), changes }
    }

    /// Takes changes in until the pods are as wanted, looking at each state on the way.
    pub async fn until(&mut self, mut wanted: impl FnMut(&BTreeMap<String, Arc<Object>>) -> bool) {
        let waiting = async {
            while !wanted(&self.pods) {
                let (there, pod) = self.changes.next().await.expect("the watch goes on");
                self.pods.remove(&pod.meta.name);
                self.pods.extend(there.then(|| (pod.meta.name.clone(), pod)));
            }
        };
        let in_time = tokio::time::timeout(crate::world::PATIENCE, waiting).await.is_ok();
        assert!(in_time, "waited in vain: {:?}", self.pods.keys());
    }

    pub fn active(pods: &BTreeMap<String, Arc<Object>>) -> Vec<&Arc<Object>> {
        pods.values().filter(|pod| !pod.meta.is_deleting()).collect()
    }

    /// As [`PodsSeen::until`], until so many pods are there and not on their way out. Returns their names.
    pub async fn until_active(&mut self, count: usize) -> Vec<String> {
        self.until(|pods| Self::active(pods).len() == count).await;
        Self::active(&self.pods).into_iter().map(|pod| pod.meta.name.clone()).collect()
    }
}

/// Waits for an event of this reason about an object and returns what it says.
pub async fn event(world: &World, about: &str, reason: &str) -> String {
    let said = all(world, EVENTS, &format!("reason={reason}")).await.filter_map(|(_, event)| async move {
        let about_it = event.get("/involvedObject/name") == about;
        about_it.then(|| event.get("/message").as_str().unwrap_or_default().to_owned())
    });
    let first = tokio::time::timeout(crate::world::PATIENCE, Box::pin(said).next()).await;
    first.unwrap_or_else(|_| panic!("waited in vain for {reason} about {about}")).expect("the watch goes on")
}
