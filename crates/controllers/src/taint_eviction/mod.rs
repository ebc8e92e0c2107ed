//! Drives pods from nodes with NoExecute taints that they do not tolerate, or no longer. Promise: a pod stays for the whole
//! of its tolerationSeconds, counted from when it first had to go. Follows kubernetes `pkg/controller/tainteviction`.

mod leaving;
mod plan;

use crate::context::{Cx, NODES};
use crate::disruption_target;
use crate::node_lifecycle;
use crate::nodes::{POD, node_of, pods_by_node, pods_on};
use crate::workloads::{Events, PODS};
use client::{Client, DeleteOptions, Preconditions};
use leaving::Leaving;
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Status};
use plan::{Stay, stay};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use std::sync::Arc;
use tokio::time::Instant;

/// As upstream, with the rights of the node controller.
pub(crate) const NAME: &str = node_lifecycle::NAME;
const COMPONENT: &str = "taint-eviction-controller";
const REASON: &str = "TaintManagerEviction";
const WORKERS: usize = 8;

/// Woken by taints of nodes, and by pods on nodes with taints.
pub(crate) fn start(cx: &Cx) {
    let (nodes, pods) = (cx.informers.get(NODES), pods_by_node(cx));
    let leaving = Arc::new(Leaving::default());
    let (of_nodes, of_pods, on_nodes) = (leaving.clone(), leaving.clone(), pods.clone());
    let controller = Controller::new(COMPONENT, &cx.context.runtime)
        .watches(&nodes, move |change| match of_nodes.node_changed(change) {
            true => pods_on(&on_nodes, &change.object().meta.name).iter().map(|pod| ObjectKey::of(pod)).collect(),
            false => Vec::new(),
        })
        .watches(&pods, move |change| of_pods.concerns(change).then(|| ObjectKey::of(change.object())));
    let (client, clock, events) = (cx.client(NAME), cx.context.clock.clone(), Events::named(cx, NAME, COMPONENT, POD));
    let pass = Arc::new(Pass { client, pods, leaving, events, clock });
    controller.run(WORKERS, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await }
    });
}

struct Pass {
    client: Client,
    pods: Arc<Informer>,
    leaving: Arc<Leaving>,
    events: Events,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let found = self.pods.get(&key.namespace, &key.name).filter(|pod| !pod.meta.is_deleting());
        let Some(pod) = found else {
            self.leaving.stays(key);
            return Ok(Next::OnChange);
        };
        let doc = pod.to_doc();
        let taints = node_of(&pod).map(|node| self.leaving.taints(&node)).unwrap_or_default();
        match stay(&doc, &taints) {
            Stay::Forever => {
                if self.leaving.stays(key) {
                    self.events.normal(&pod, REASON, format!("Cancelling deletion of Pod {key}"));
                }
            }
            Stay::For(time) => {
                let now = Instant::now();
                let left = time.saturating_sub(now - self.leaving.since(key, &pod.meta.uid, now));
                if !left.is_zero() {
                    return Ok(Next::After(left));
                }
                self.evict(key, &pod, &doc).await?;
            }
            Stay::Over => self.evict(key, &pod, &doc).await?,
        }
        Ok(Next::OnChange)
    }

    async fn evict(&self, key: &ObjectKey, pod: &Arc<Object>, doc: &Doc) -> Result<(), Status> {
        match self.mark_and_delete(pod, doc).await {
            Err(status) if status.reason != Reason::NotFound => Err(status),
            Err(_) => Ok(()),
            Ok(()) => {
                self.leaving.stays(key);
                self.events.normal(pod, REASON, format!("Marking for deletion Pod {key}"));
                Ok(())
            }
        }
    }

    async fn mark_and_delete(&self, pod: &Object, doc: &Doc) -> Result<(), Status> {
        let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
        let message = "Taint manager: deleting due to NoExecute taint";
        if let Some(patch) = disruption_target::patch(doc, "DeletionByTaintManager", message, self.clock.now()) {
            self.client.patch(PODS, namespace, name, "status", patch).await?;
        }
        let preconditions = Preconditions { uid: Some(pod.meta.uid.clone()), ..Preconditions::default() };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        self.client.delete(PODS, namespace, name, options).await.map(drop)
    }
}
