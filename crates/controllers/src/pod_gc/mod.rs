//! Clears away pods that nobody else will: those of nodes that are gone, those that were never bound, and finished ones
//! beyond a number. Follows kubernetes `pkg/controller/podgc`, but looks when something changes, not every twenty seconds.

mod finished;
mod quarantine;

use crate::context::{Cx, NODES};
use crate::disruption_target;
use crate::node_lifecycle::precondition;
use crate::nodes::{Ready, node_of, pods_by_node, pods_on, ready, taints};
use crate::workloads::PODS;
use client::{Client, DeleteOptions, Preconditions};
use finished::Finished;
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Status};
use quarantine::Quarantine;
use reconcile::{Controller, Error, Informer, Next, ObjectChange, ObjectKey};
use serde_json::json;
use std::sync::Arc;
use tokio::time::Instant;

pub(crate) const NAME: &str = "pod-garbage-collector";
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// A node that may be gone.
    Node(String),
    /// A pod that is being deleted, and may have nobody to confirm it.
    Pod(ObjectKey),
    /// More pods have finished than are kept.
    Finished,
}

/// Woken by nodes that go, by pods on nodes that are not there, by deletions, and by finished pods.
pub(crate) fn start(cx: &Cx) {
    let (nodes, pods) = (cx.informers.get(NODES), pods_by_node(cx));
    let finished = Arc::new(Finished::default());
    let (known_nodes, on_nodes, counting) = (nodes.clone(), pods.clone(), finished.clone());
    let controller = Controller::new(NAME, &cx.context.runtime)
        .watches(&nodes, move |change| node_changed(change, &on_nodes))
        .watches(&pods, move |change| pod_changed(change, &known_nodes, &counting));
    let (client, clock) = (cx.client(NAME), cx.context.clock.clone());
    let pass = Arc::new(Pass { client, nodes, pods, finished, quarantine: Quarantine::default(), clock });
    controller.run(1, move |key: Key| {
        let pass = pass.clone();
        async move { pass.reconcile(key).await }
    });
}

fn node_changed(change: &ObjectChange, pods: &Informer) -> Vec<Key> {
    let name = &change.object().meta.name;
    match &change.new {
        None => vec![Key::Node(name.clone())],
        Some(node) if is_out_of_service(&node.to_doc()) => {
            let leaving = pods_on(pods, name).into_iter().filter(|pod| pod.meta.is_deleting());
            leaving.map(|pod| Key::Pod(ObjectKey::of(&pod))).collect()
        }
        Some(_) => Vec::new(),
    }
}

fn pod_changed(change: &ObjectChange, nodes: &Informer, finished: &Finished) -> Vec<Key> {
    let mut keys = Vec::new();
    if finished.changed(change) {
        keys.push(Key::Finished);
    }
    let Some(pod) = &change.new else { return keys };
    if pod.meta.is_deleting() {
        keys.push(Key::Pod(ObjectKey::of(pod)));
    }
    keys.extend(node_of(pod).filter(|node| nodes.get("", node).is_none()).map(Key::Node));
    keys
}

/// Somebody has said that the node will not come back.
fn is_out_of_service(node: &Doc) -> bool {
    ready(node) != Ready::True && taints(node).iter().any(|taint| taint["key"] == OUT_OF_SERVICE)
}

struct Pass {
    client: Client,
    nodes: Arc<Informer>,
    pods: Arc<Informer>,
    finished: Arc<Finished>,
    quarantine: Quarantine,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, key: Key) -> Result<Next, Error> {
        match key {
            Key::Node(node) => self.node(&node).await,
            Key::Pod(pod) => self.leaving(&pod).await,
            Key::Finished => {
                for pod in self.finished.surplus() {
                    if let Some(pod) = self.pods.get(&pod.namespace, &pod.name) {
                        self.end(&pod, None).await?;
                    }
                }
                Ok(Next::OnChange)
            }
        }
    }

    /// Pods whose node has been gone for a while end.
    async fn node(&self, node: &str) -> Result<Next, Error> {
        let orphans = pods_on(&self.pods, node);
        if self.nodes.get("", node).is_some() || orphans.is_empty() {
            self.quarantine.leave(node);
            return Ok(Next::OnChange);
        }
        let left = self.quarantine.left(node, Instant::now());
        if !left.is_zero() {
            return Ok(Next::After(left));
        }
        // The cache may be behind: what it lacks is asked for before anything is deleted.
        if self.client.find(NODES, "", node).await?.is_none() {
            for pod in orphans {
                self.end(&pod, Some("PodGC: node no longer exists")).await?;
            }
        }
        self.quarantine.leave(node);
        Ok(Next::OnChange)
    }

    /// A pod being deleted ends at once if there is no kubelet to end it.
    async fn leaving(&self, key: &ObjectKey) -> Result<Next, Error> {
        let Some(pod) = self.pods.get(&key.namespace, &key.name).filter(|pod| pod.meta.is_deleting()) else {
            return Ok(Next::OnChange);
        };
        let alone = match node_of(&pod) {
            None => true,
            Some(node) => self.nodes.get("", &node).is_some_and(|node| is_out_of_service(&node.to_doc())),
        };
        if alone {
            self.end(&pod, None).await?;
        }
        Ok(Next::OnChange)
    }

    /// Nobody will ever say that it failed: this does, and removes it.
    async fn end(&self, pod: &Object, why: Option<&str>) -> Result<(), Status> {
        let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
        let doc = pod.to_doc();
        if !matches!(doc["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
            let condition = why.and_then(|why| disruption_target::patch(&doc, "DeletionByPodGC", why, self.clock.now()));
            let mut patch = condition.unwrap_or_else(|| json!({ "metadata": precondition(&doc) }));
            patch["status"]["phase"] = "Failed".into();
            if let Err(status) = self.client.patch(PODS, namespace, name, "status", patch).await {
                return gone_is_fine(status);
            }
        }
        let preconditions = Preconditions { uid: Some(pod.meta.uid.clone()), ..Preconditions::default() };
        let now = DeleteOptions { grace_period_seconds: Some(0), preconditions, ..DeleteOptions::default() };
        self.client.delete(PODS, namespace, name, now).await.map(drop).or_else(gone_is_fine)
    }
}

fn gone_is_fine(status: Status) -> Result<(), Status> {
    if status.reason == Reason::NotFound { Ok(()) } else { Err(status) }
}
