//! Namespaces are emptied in order, say what they wait for, and go when nothing is left.

use crate::world::{CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS, World};
use client::DeleteOptions;
use meta::Doc;
use serde_json::json;

const HOLD: &str = "test.example/hold";

fn condition(namespace: Option<&Doc>, kind: &str, message: &str) -> bool {
    let conditions = namespace.and_then(|doc| doc["status"]["conditions"].as_array());
    conditions.into_iter().flatten().any(|c| c["type"] == kind && c["message"] == message)
}

fn pod(node: &str) -> Doc {
    let containers = json!([{ "name": "app", "image": "example/app" }]);
    json!({ "metadata": { "name": "web" }, "spec": { "nodeName": node, "containers": containers } })
}

#[tokio::test]
async fn content_with_finalizers_holds_the_namespace() {
    let world = World::start().await;
    world.namespace("leaving").await;
    world.there(SERVICE_ACCOUNTS, "leaving", "default").await;
    world.config_map("leaving", "plain", &[]).await;
    let held = json!({ "metadata": { "name": "held", "finalizers": [HOLD] } });
    world.admin.create(CONFIG_MAPS, "leaving", held).await.expect("a config map");
    world.admin.delete(NAMESPACES, "", "leaving", DeleteOptions::default()).await.expect("a deletion");

    let namespace = (NAMESPACES, "", "leaving");
    let remaining = "Some resources are remaining: configmaps. has 1 resource instances";
    world.until(namespace, |doc| condition(doc, "NamespaceContentRemaining", remaining)).await;
    let finalizers = "Some finalizers are remaining: test.example/hold in 1 resource instances";
    let doc = world.until(namespace, |doc| condition(doc, "NamespaceFinalizersRemaining", finalizers)).await;
    assert_eq!(doc.expect("it is there")["status"]["phase"], "Terminating");
    world.gone(CONFIG_MAPS, "leaving", "plain").await;
    world.gone(SERVICE_ACCOUNTS, "leaving", "default").await;

    let released = json!({ "metadata": { "finalizers": null } });
    world.admin.patch(CONFIG_MAPS, "leaving", "held", "", released).await.expect("a patch");
    world.gone(NAMESPACES, "", "leaving").await;
    world.stop().await;
}

#[tokio::test]
async fn pods_go_before_everything_else() {
    let world = World::start().await;
    world.namespace("leaving").await;
    world.there(SERVICE_ACCOUNTS, "leaving", "default").await;
    world.config_map("leaving", "settings", &[]).await;
    world.admin.create(PODS, "leaving", pod("node-1")).await.expect("a pod");
    world.admin.delete(NAMESPACES, "", "leaving", DeleteOptions::default()).await.expect("a deletion");

    let remaining = "Some resources are remaining: pods. has 1 resource instances";
    world.until((NAMESPACES, "", "leaving"), |doc| condition(doc, "NamespaceContentRemaining", remaining)).await;
    let pod = world.there(PODS, "leaving", "web").await;
    assert!(pod["metadata"]["deletionTimestamp"].is_string(), "{pod}");
    world.there(CONFIG_MAPS, "leaving", "settings").await;

    // What a kubelet does when the containers are gone.
    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    world.admin.delete(PODS, "leaving", "web", now).await.expect("a deletion");
    world.gone(NAMESPACES, "", "leaving").await;
    assert!(world.admin.find(CONFIG_MAPS, "leaving", "settings").await.expect("an answer").is_none());
    world.stop().await;
}

#[tokio::test]
async fn foreign_finalizers_of_the_namespace_stay() {
    let world = World::start().await;
    world.namespace("leaving").await;
    let held = json!({ "metadata": { "finalizers": [HOLD] } });
    world.admin.patch(NAMESPACES, "", "leaving", "", held).await.expect("a patch");
    world.admin.delete(NAMESPACES, "", "leaving", DeleteOptions::default()).await.expect("a deletion");
    let finalized = |doc: Option<&Doc>| doc.is_some_and(|d| d["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty));
    let doc = world.until((NAMESPACES, "", "leaving"), finalized).await.expect("it is held");
    assert!(condition(Some(&doc), "NamespaceContentRemaining", "All content successfully removed"), "{doc}");
    let released = json!({ "metadata": { "finalizers": null } });
    world.admin.patch(NAMESPACES, "", "leaving", "", released).await.expect("a patch");
    world.gone(NAMESPACES, "", "leaving").await;
    world.stop().await;
}
