//! Notices nodes that have gone silent, keeps pods away from nodes that are not well, and has pods driven from nodes that
//! are not ready, no faster than the state of their zone allows. Follows kubernetes `pkg/controller/nodelifecycle`, but
//! looks at a node when something changes or its time is up, not every five seconds.

mod heartbeats;
mod known;
mod plan;
mod zones;

use crate::context::{Cx, LEASES, NODES};
use crate::nodes::{NODE, POD, Ready, condition, pods_by_node, pods_on, ready};
use crate::workloads::{Events, Expectations, PODS};
use client::Client;
use known::Known;
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Status};
use plan::{Eviction, grace, metadata_and_spec, unknown_conditions, wants_eviction};
use reconcile::{Controller, Error, Informer, Next};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zones::Admission;

pub(crate) const NAME: &str = "node-controller";
const LEASE_NAMESPACE: &str = "metadata.namespace=kube-node-lease";
/// Upstream's `nodeUpdateWorkerSize`.
const WORKERS: usize = 8;

/// Woken by nodes, and by the hour at which one has been silent for too long. Leases wake nobody: they are renewed all the
/// time, and only one that is not is news.
pub(crate) fn start(cx: &Cx) {
    let (nodes, leases) = (cx.informers.get(NODES), cx.informers.select(LEASES, LEASE_NAMESPACE));
    let known = Arc::new(Known::new(Events::new(cx, NAME, NODE)));
    let (of_nodes, of_leases) = (known.clone(), known.clone());
    let controller = Controller::new(NAME, &cx.context.runtime)
        .watches(&leases, move |change| {
            of_leases.heartbeats.lease_changed(change);
            None
        })
        .watches(&nodes, move |change| of_nodes.node_changed(change));
    let pass = Arc::new(Pass {
        client: cx.client(NAME),
        nodes,
        pods: pods_by_node(cx),
        known,
        pod_events: Events::new(cx, NAME, POD),
        clock: cx.context.clock.clone(),
        stop: cx.context.runtime.stop.clone(),
    });
    controller.run(WORKERS, move |name: String| {
        let pass = pass.clone();
        async move { pass.reconcile(&name).await }
    });
}

struct Pass {
    client: Client,
    nodes: Arc<Informer>,
    pods: Arc<Informer>,
    known: Arc<Known>,
    pod_events: Events,
    clock: SharedClock,
    stop: CancellationToken,
}

impl Pass {
    async fn reconcile(&self, name: &str) -> Result<Next, Error> {
        let Some(object) = self.nodes.get("", name) else { return Ok(Next::OnChange) };
        let node = object.to_doc();
        let silence = self.known.heartbeats.silence(name, Instant::now());
        let left = grace(&node).saturating_sub(silence);
        if left.is_zero()
            && let Some(conditions) = unknown_conditions(&node, self.clock.now())
        {
            // The change wakes this node again, and then the rest follows.
            let patch = json!({ "metadata": precondition(&node), "status": { "conditions": conditions } });
            self.patch(name, "status", patch).await?;
            return Ok(Next::OnChange);
        }
        let (eviction, wait) = self.eviction(&object, &node);
        if let Some(patch) = metadata_and_spec(&node, eviction, self.clock.now()) {
            self.patch(name, "", patch).await?;
        }
        self.tell_pods(name, &node).await?;
        let silent = ready(&node) == Ready::Unknown;
        let next = [(!silent).then_some(left), wait].into_iter().flatten().min();
        Ok(next.map_or(Next::OnChange, Next::After))
    }

    /// Whether pods may be driven from the node, and if not yet, when to ask again.
    fn eviction(&self, object: &Object, node: &Doc) -> (Eviction, Option<Duration>) {
        let mut zones = self.known.zones.lock();
        if zones.is_stopped() {
            return (Eviction::Stopped, None);
        }
        if !wants_eviction(node) {
            return (Eviction::NotNow, None);
        }
        match zones.admit(&known::zone(object), Instant::now()) {
            Admission::Now => (Eviction::Admitted, None),
            Admission::After(wait) => (Eviction::NotNow, Some(wait)),
            Admission::Refused => (Eviction::NotNow, None),
        }
    }

    async fn patch(&self, node: &str, subresource: &str, patch: Doc) -> Result<(), Status> {
        let mut written = Expectations::default();
        written.written(self.client.patch(NODES, "", node, subresource, patch).await?.revision);
        written.met(&self.nodes, &self.stop).await;
        Ok(())
    }

    /// Pods of a node that has just stopped being ready are not ready either. Of one that has gone silent nobody else will
    /// ever say so; a kubelet that still speaks is contradicted only once.
    async fn tell_pods(&self, name: &str, node: &Doc) -> Result<(), Status> {
        let fallen = self.known.fallen.lock().contains(name);
        if ready(node) == Ready::True || !(fallen || ready(node) == Ready::Unknown) {
            self.known.fallen.lock().remove(name);
            return Ok(());
        }
        for pod in pods_on(&self.pods, name) {
            self.unready(&pod).await?;
        }
        self.known.fallen.lock().remove(name);
        Ok(())
    }

    async fn unready(&self, pod: &Arc<Object>) -> Result<(), Status> {
        let doc = pod.to_doc();
        let Some(patch) = unready_patch(&doc, &self.clock.now().to_string()) else { return Ok(()) };
        match self.client.patch(PODS, &pod.meta.namespace, &pod.meta.name, "status", patch).await {
            Err(status) if status.reason == Reason::NotFound => Ok(()),
            Err(status) => Err(status),
            Ok(_) => {
                self.pod_events.warning(pod, "NodeNotReady", "Node is not ready".into());
                Ok(())
            }
        }
    }
}

/// What makes a patch hold for this version of this object only.
pub(crate) fn precondition(object: &Doc) -> Doc {
    json!({ "resourceVersion": object["metadata"]["resourceVersion"], "uid": object["metadata"]["uid"] })
}

/// None: the pod is not ready.
fn unready_patch(pod: &Doc, now: &str) -> Option<Doc> {
    if condition(pod, "Ready").is_none_or(|condition| condition["status"] != "True") {
        return None;
    }
    let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    for condition in conditions.iter_mut().filter(|condition| condition["type"] == "Ready") {
        condition["status"] = "False".into();
        condition["lastTransitionTime"] = now.into();
    }
    Some(json!({ "metadata": precondition(pod), "status": { "conditions": conditions } }))
}
