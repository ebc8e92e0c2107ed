//! Deletes nodes whose instance is gone. Promise: a ready node is never deleted, nor one of which it is not known what is
//! behind it. Follows k8s.io/cloud-provider `controllers/nodelifecycle`, woken by instances instead of asking after them.

use crate::context::{Cx, NODES};
use crate::node_lifecycle;
use crate::nodes::{NODE, Ready, ready};
use crate::workloads::Events;
use crate::{NodeNames, Presence};
use client::{Client, DeleteOptions, Preconditions};
use meta::Reason;
use reconcile::{Controller, Error, Informer, Next, Queue};
use std::sync::Arc;

/// As upstream's in-tree predecessor, with the rights of the node controller.
pub(crate) const NAME: &str = node_lifecycle::NAME;
const COMPONENT: &str = "cloud-node-lifecycle-controller";

/// Woken by nodes that are not ready, and for all of those by instances that end.
pub(crate) fn start(cx: &Cx) {
    let Some(instances) = cx.context.node_names.clone() else { return };
    let nodes = cx.informers.get(NODES);
    let controller = Controller::new(COMPONENT, &cx.context.runtime).watches(&nodes, |change| {
        change.new.as_ref().filter(|node| ready(&node.to_doc()) != Ready::True).map(|n| n.meta.name.clone())
    });
    follow(cx, &*instances, controller.queue().clone(), nodes.clone());
    let pass = Arc::new(Pass { client: cx.client(NAME), nodes, instances, events: Events::named(cx, NAME, COMPONENT, NODE) });
    controller.run(1, move |name: String| {
        let pass = pass.clone();
        async move { pass.reconcile(&name).await }
    });
}

fn follow(cx: &Cx, instances: &dyn NodeNames, queue: Arc<Queue<String>>, nodes: Arc<Informer>) {
    let (mut ends, stop) = (instances.ends(), cx.context.runtime.stop.clone());
    cx.context.runtime.tasks.spawn(async move {
        // An error means that nobody will ever know more of instances.
        while let Some(Ok(())) = stop.run_until_cancelled(ends.changed()).await {
            nodes.all().into_iter().for_each(|node| queue.add(node.meta.name.clone()));
        }
    });
}

struct Pass {
    client: Client,
    nodes: Arc<Informer>,
    instances: Arc<dyn NodeNames>,
    events: Events,
}

impl Pass {
    async fn reconcile(&self, name: &str) -> Result<Next, Error> {
        let Some(node) = self.nodes.get("", name) else { return Ok(Next::OnChange) };
        let doc = node.to_doc();
        let provider_id = doc["spec"]["providerID"].as_str().unwrap_or_default();
        if ready(&doc) == Ready::True {
            return Ok(Next::OnChange);
        }
        match self.instances.presence(provider_id) {
            Presence::Gone => {}
            Presence::Exists | Presence::Foreign => return Ok(Next::OnChange),
            Presence::Pending => return Err(Error::Waiting(format!("it is not known yet whether {provider_id} exists"))),
        }
        let message = format!("Deleting node {name} because it does not exist in the cloud provider");
        self.events.normal(&node, "DeletingNode", message);
        let preconditions = Preconditions { uid: Some(node.meta.uid.clone()), ..Preconditions::default() };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        match self.client.delete(NODES, "", name, options).await {
            Err(status) if status.reason != Reason::NotFound => {
                self.events.warning(&node, "DeletingNodeFailed", format!("Failed deleting node {name}: {status}"));
                Err(status.into())
            }
            _ => Ok(Next::OnChange),
        }
    }
}
