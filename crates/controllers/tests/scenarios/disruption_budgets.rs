//! Budgets count pods, and evictions keep to them.

use crate::world::{PODS, World};
use client::{Call, DeleteOptions, Resource, Verb};
use meta::{Doc, Status};
use serde_json::json;

const BUDGETS: Resource = Resource::new("policy", "v1", "poddisruptionbudgets");

async fn evict(world: &World, pod: &str) -> Result<(), Status> {
    let eviction = json!({ "metadata": { "name": pod } });
    let call = Call::new(Verb::Create, PODS.gvr(), "default", pod).subresource("eviction").body(eviction);
    world.admin.call(call).await.map(drop)
}

async fn until(world: &World, expected: [i64; 4]) -> Doc {
    let fields = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
    let counted = |budget: Option<&Doc>| {
        budget.is_some_and(|budget| fields.iter().zip(expected).all(|(field, number)| budget["status"][field] == number))
    };
    world.until((BUDGETS, "default", "web"), counted).await.expect("it is there")
}

#[tokio::test]
async fn evictions_wait_for_healthy_pods() {
    let world = World::start().await;
    world.node("node", "zone-a").await;
    for (name, ip) in [("one", "10.0.0.1"), ("two", "10.0.0.2"), ("three", "10.0.0.3")] {
        world.pod(name, "web", "node").await;
        world.pod_runs(name, ip, true).await;
    }
    let spec = json!({ "minAvailable": 2, "selector": { "matchLabels": { "app": "web" } } });
    world.admin.create(BUDGETS, "default", json!({ "metadata": { "name": "web" }, "spec": spec })).await.expect("a budget");
    let budget = until(&world, [1, 3, 2, 3]).await;
    assert_eq!(budget["status"]["conditions"][0]["reason"], "SufficientPods");
    evict(&world, "one").await.expect("one to spare");
    let refused = evict(&world, "two").await.expect_err("none to spare");
    assert_eq!(
        (refused.code(), refused.message.as_str()),
        (429, "Cannot evict pod as it would violate the pod's disruption budget.")
    );
    let pod = world.there(PODS, "default", "one").await;
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    assert!(conditions.iter().any(|condition| condition["reason"] == "EvictionByEvictionAPI"), "{pod}");
    // The pod that is being deleted is counted out, and its place in the budget's books is free again.
    let budget = until(&world, [0, 2, 2, 3]).await;
    assert!(budget["status"]["disruptedPods"]["one"].is_null() || budget["status"]["disruptedPods"]["one"].is_string());

    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    world.admin.delete(PODS, "default", "one", now).await.expect("its kubelet's word");
    until(&world, [0, 2, 2, 2]).await;
    world.pod("four", "web", "node").await;
    world.pod_runs("four", "10.0.0.4", true).await;
    until(&world, [1, 3, 2, 3]).await;
    evict(&world, "two").await.expect("one to spare again");
    world.stop().await;
}

#[tokio::test]
async fn shares_need_controllers() {
    let world = World::start().await;
    world.node("node", "zone-a").await;
    world.pod("alone", "web", "node").await;
    world.pod_runs("alone", "10.0.0.1", true).await;
    let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": { "app": "web" } } });
    world.admin.create(BUDGETS, "default", json!({ "metadata": { "name": "web" }, "spec": spec })).await.expect("a budget");
    until(&world, [0, 1, 0, 0]).await;
    let selector = "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}";
    let message = format!(
        "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, the status of the \
         PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \
         \".spec.minAvailable\" field of the PDB to an integer value."
    );
    world.has_event("UnmanagedPods", &message).await;
    world.stop().await;
}
