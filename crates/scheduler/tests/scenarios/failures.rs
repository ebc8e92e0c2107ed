//! A server that does not always do as it is told.

use crate::world::{CLAIMS, NODES, PODS, World};
use client::{Call, ChangeStream, Client, Reply, Transport, WatchStream};
use meta::{Doc, Status};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fails the first bindings.
struct Flaky {
    inner: Client,
    failures_left: AtomicUsize,
}

#[async_trait::async_trait]
impl Transport for Flaky {
    async fn call(&self, call: Call) -> client::Result<Reply> {
        let take = |left: usize| left.checked_sub(1);
        let fails = call.target.subresource == "binding"
            && self.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        if fails { Err(Status::internal("the wire broke")) } else { self.inner.call(call).await }
    }
    async fn watch(&self, call: Call) -> client::Result<WatchStream> {
        let options = call.options;
        self.inner.watch(call.target.resource, &call.target.namespace, options).await
    }
    async fn changes(&self) -> client::Result<ChangeStream> {
        self.inner.changes().await
    }
}

#[tokio::test]
async fn a_binding_that_fails_is_tried_again() {
    let mut world = World::start().await;
    world.node("a", json!({})).await;
    let flaky = |inner| Client::new(Arc::new(Flaky { inner, failures_left: AtomicUsize::new(1) }));
    world.restart_scheduler_over(flaky).await;
    world.pod("p", json!({})).await;
    let event = world.event("p", "FailedScheduling").await;
    let message = event["message"].as_str().expect("a message");
    assert!(message.starts_with("running Bind plugin \"DefaultBinder\": "), "{message}");
    assert!(message.contains("the wire broke"), "{message}");
    assert_eq!(world.node_of("p").await, "a");
    assert_eq!((world.stats.errors(), world.stats.scheduled()), (1, 1));
    world.stop().await;
}

#[tokio::test]
async fn pods_wait_for_a_cordoned_node() {
    let world = World::start().await;
    world.node("a", json!({})).await;
    let cordon = |cordoned: Doc| json!({"spec": {"unschedulable": cordoned}});
    world.admin.patch(NODES, "", "a", "", cordon(json!(true))).await.expect("a cordoned node");
    world.pod("p", json!({})).await;
    let message = "0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are available: \
        1 Preemption is not helpful for scheduling.";
    assert_eq!(world.refusal("p").await, message);
    world.admin.patch(NODES, "", "a", "", cordon(Doc::Null)).await.expect("a node as before");
    world.node_of("p").await;
    let bound = world.until(PODS, "p", |doc| doc["spec"]["nodeName"] == "a").await;
    let conditions = bound["status"]["conditions"].as_array().expect("conditions");
    let scheduled: Vec<&Doc> = conditions.iter().filter(|c| c["type"] == "PodScheduled").collect();
    assert_eq!((scheduled.len(), &scheduled[0]["status"]), (1, &json!("True")));
    world.stop().await;
}

#[tokio::test]
async fn a_pod_that_leaves_while_it_waits_is_forgotten() {
    let world = World::start().await;
    world.pod("p", json!({})).await;
    world.refusal("p").await;
    let now = client::DeleteOptions { grace_period_seconds: Some(0), ..client::DeleteOptions::default() };
    world.admin.delete(PODS, "default", "p", now).await.expect("it was there");
    world.node("a", json!({})).await;
    // Another of the same name is another pod.
    world.pod("p", json!({})).await;
    assert_eq!(world.node_of("p").await, "a");
    assert_eq!(world.stats.scheduled(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_pod_waits_for_its_claim() {
    let world = World::start().await;
    world.node("a", json!({})).await;
    world.pod("p", json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]})).await;
    let refused = |why: &str| {
        format!(
            "0/1 nodes are available: {why}. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )
    };
    assert_eq!(world.refusal("p").await, refused("persistentvolumeclaim \"data\" not found"));
    let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let claim = json!({"metadata": {"name": "data"}, "spec": spec});
    world.admin.create(CLAIMS, "default", claim).await.expect("a claim");
    let unbound = refused("pod has unbound immediate PersistentVolumeClaims");
    let told = |doc: &Doc| doc["status"]["conditions"].as_array().into_iter().flatten().any(|c| c["message"] == unbound.as_str());
    world.until(PODS, "p", told).await;
    let bound = json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "pv"}});
    world.admin.patch(CLAIMS, "default", "data", "", bound).await.expect("a bound claim");
    assert_eq!(world.node_of("p").await, "a");
    world.stop().await;
}
