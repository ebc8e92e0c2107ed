//! Room is made for what matters more.

use crate::world::{PODS, World, asking};
use client::Resource;
use serde_json::json;

const PRIORITY_CLASSES: Resource = Resource::new("scheduling.k8s.io", "v1", "priorityclasses");

#[tokio::test]
async fn an_important_pod_takes_the_place_of_another() {
    let world = World::start().await;
    world.node("a", json!({})).await;
    let class = json!({"metadata": {"name": "high"}, "value": 1000});
    world.admin.create(PRIORITY_CLASSES, "", class).await.expect("a priority class");
    world.pod("low", json!({"containers": asking("3")})).await;
    world.node_of("low").await;
    world.pod("high", json!({"priorityClassName": "high", "containers": asking("3")})).await;
    world.gone("low").await;
    let event = world.event("low", "Preempted").await;
    let high = world.admin.get(PODS, "default", "high").await.expect("a pod");
    assert_eq!(event["message"], format!("Preempted by pod {} on node a", high.meta.uid));
    let nominated = world.until(PODS, "high", |doc| doc["status"]["nominatedNodeName"] == "a").await;
    assert!(nominated["spec"]["nodeName"].is_null());
    // The kubelet has ended it.
    let now = client::DeleteOptions { grace_period_seconds: Some(0), ..client::DeleteOptions::default() };
    world.admin.delete(PODS, "default", "low", now).await.expect("it is on its way out");
    assert_eq!(world.node_of("high").await, "a");
    world.stop().await;
}

#[tokio::test]
async fn a_pod_that_nobody_makes_room_for_says_so() {
    let world = World::start().await;
    world.node("a", json!({})).await;
    world.pod("first", json!({"containers": asking("3")})).await;
    world.node_of("first").await;
    world.pod("second", json!({"containers": asking("3")})).await;
    let message = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
        1 No preemption victims found for incoming pod.";
    assert_eq!(world.refusal("second").await, message);
    assert_eq!(world.event("second", "FailedScheduling").await["message"], message);
    world.stop().await;
}
