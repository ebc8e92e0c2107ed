//! From a pod to a binding, or to a reason why not.

use crate::world::{NODES, PODS, World, asking};
use serde_json::json;

#[tokio::test]
async fn a_pod_gets_a_node_that_fits() {
    let world = World::start().await;
    world.node("small", json!({"status": {"allocatable": {"cpu": "1", "memory": "8Gi", "pods": "110"}}})).await;
    world.node("large", json!({})).await;
    world.pod("p", json!({"containers": asking("2")})).await;
    assert_eq!(world.node_of("p").await, "large");
    let event = world.event("p", "Scheduled").await;
    assert_eq!(event["message"], "Successfully assigned default/p to large");
    assert_eq!((&event["type"], &event["source"]["component"]), (&json!("Normal"), &json!("default-scheduler")));
    world.stop().await;
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_says_why_and_waits() {
    let world = World::start().await;
    world.pod("p", json!({"containers": asking("3")})).await;
    assert_eq!(world.refusal("p").await, "no nodes available to schedule pods");
    world.node("a", json!({"status": {"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "110"}}})).await;
    world.node("b", json!({"spec": {"taints": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]}})).await;
    let taints = json!({"spec": {"taints": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]}});
    world.admin.patch(NODES, "", "b", "", taints).await.expect("a tainted node");
    assert_eq!(world.event("p", "FailedScheduling").await["type"], "Warning");
    let roomy = json!({"status": {"allocatable": {"cpu": "4"}}});
    world.admin.patch(NODES, "", "a", "status", roomy).await.expect("a larger node");
    world.node_of("p").await;
    world.stop().await;
}

#[tokio::test]
async fn gates_and_other_schedulers_keep_pods_back() {
    let world = World::start().await;
    world.node("a", json!({})).await;
    world.pod("gated", json!({"schedulingGates": [{"name": "example.com/gate"}]})).await;
    world.pod("foreign", json!({"schedulerName": "other"})).await;
    world.pod("free", json!({})).await;
    world.node_of("free").await;
    for waiting in ["gated", "foreign"] {
        let pod = world.admin.get(PODS, "default", waiting).await.expect("a pod");
        assert!(pod.get("/spec/nodeName").is_null(), "{waiting}");
    }
    world.admin.patch(PODS, "default", "gated", "", json!({"spec": {"schedulingGates": null}})).await.expect("no gates");
    assert_eq!(world.node_of("gated").await, "a");
    world.stop().await;
}

#[tokio::test]
async fn what_was_decided_but_not_written_is_decided_again() {
    let mut world = World::start().await;
    world.node("a", json!({})).await;
    for round in 0..3 {
        for n in 0..10 {
            world.pod(&format!("p{round}-{n}"), json!({})).await;
        }
        world.restart_scheduler().await;
    }
    for round in 0..3 {
        for n in 0..10 {
            world.node_of(&format!("p{round}-{n}")).await;
        }
    }
    world.stop().await;
}
