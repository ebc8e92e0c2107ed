//! Pods that nobody else ends: of nodes that are gone, of instances that are, and on nodes that are out of service.

use crate::nodes::condition;
use crate::world::{NODES, PODS, World};
use client::DeleteOptions;
use controllers::{NodeNames, Presence};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

#[tokio::test]
async fn pods_of_a_node_that_is_gone_end_after_a_while() {
    let world = World::start().await;
    for node in ["stays", "goes"] {
        world.node(node, "zone-a").await;
    }
    world.pod("orphan", "web", "goes").await;
    world.pod("other", "web", "stays").await;
    world.admin.delete(NODES, "", "goes", DeleteOptions::default()).await.expect("a deletion");
    world.has_event("RemovingNode", "Node goes event: Removing Node goes from Controller").await;
    world.heard("stays", "first").await;
    world.skip(39).await;
    world.heard("stays", "second").await;
    world.there(PODS, "default", "orphan").await;
    for word in ["third", "fourth"] {
        world.skip(35).await;
        world.heard("stays", word).await;
    }
    world.gone(PODS, "default", "orphan").await;
    world.there(PODS, "default", "other").await;
    world.stop().await;
}

#[tokio::test]
async fn a_node_out_of_service_confirms_no_deletion() {
    let world = World::start().await;
    world.node("broken", "zone-a").await;
    world.pod("web", "web", "broken").await;
    world.admin.delete(PODS, "default", "web", DeleteOptions::default()).await.expect("a deletion");
    world.node_is("broken", "False").await;
    let taint = json!([{ "key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute" }]);
    world.until((NODES, "", "broken"), |node| node.is_some_and(|node| node["spec"]["taints"].is_array())).await;
    world.admin.patch(NODES, "", "broken", "", json!({ "spec": { "taints": taint } })).await.expect("a patch");
    world.gone(PODS, "default", "web").await;
    world.stop().await;
}

/// A cloud with one instance, until that has ended.
struct Cloud(watch::Receiver<()>);

impl NodeNames for Cloud {
    fn names(&self, _: &str, _: &str) -> Option<Vec<String>> {
        None
    }

    fn presence(&self, provider_id: &str) -> Presence {
        match provider_id {
            "" => Presence::Foreign,
            _ if self.0.has_changed().is_err() => Presence::Gone,
            _ => Presence::Exists,
        }
    }

    fn ends(&self) -> watch::Receiver<()> {
        self.0.clone()
    }
}

#[tokio::test]
async fn a_node_goes_with_its_instance() {
    let mut world = World::without_controllers().await;
    let (instance, ends) = watch::channel(());
    world.node_names = Some(Arc::new(Cloud(ends)));
    world.start_controllers();
    for (node, provider_id) in [("ready", "aws:///a/i-1"), ("lost", "aws:///a/i-2"), ("foreign", "")] {
        world.node(node, "zone-a").await;
        world.admin.patch(NODES, "", node, "", json!({ "spec": { "providerID": provider_id } })).await.expect("a patch");
    }
    world.node_is("foreign", "False").await;
    world.heard("foreign", "down").await;
    instance.send_replace(());
    drop(instance);
    // What is not ready is asked after when it changes, and when an instance has ended.
    world.node_is("lost", "Unknown").await;
    world.gone(NODES, "", "lost").await;
    world.has_event("DeletingNode", "Deleting node lost because it does not exist in the cloud provider").await;
    for node in ["ready", "foreign"] {
        world.there(NODES, "", node).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn deleted_pods_that_were_never_bound_are_gone() {
    let world = World::start().await;
    world.node("node", "zone-a").await;
    world.pod("web", "web", "").await;
    let held = json!({ "metadata": { "finalizers": ["test.example/hold"] } });
    world.admin.patch(PODS, "default", "web", "", held).await.expect("a patch");
    world.admin.delete(PODS, "default", "web", DeleteOptions::default()).await.expect("a deletion");
    let failed = |pod: Option<&Doc>| pod.is_some_and(|pod| pod["status"]["phase"] == "Failed");
    world.until((PODS, "default", "web"), failed).await;
    let released = json!({ "metadata": { "finalizers": null }, "status": { "conditions": [condition("Ready", "False")] } });
    world.admin.patch(PODS, "default", "web", "", released).await.expect("a patch");
    world.gone(PODS, "default", "web").await;
    world.stop().await;
}
