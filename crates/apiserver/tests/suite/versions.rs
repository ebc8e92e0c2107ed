//! One stored kind, several served versions; and the few kinds that a PUT may create.

use crate::world::{CONFIG_MAPS, NS, World, next, options};
use client::{Call, Resource, Verb};
use serde_json::json;

const SCALERS_V1: Resource = Resource::new("autoscaling", "v1", "horizontalpodautoscalers");
const SCALERS: Resource = Resource::new("autoscaling", "v2", "horizontalpodautoscalers");
const EVENTS: Resource = Resource::new("", "v1", "events");
const NEW_EVENTS: Resource = Resource::new("events.k8s.io", "v1", "events");

#[tokio::test]
async fn a_scaler_is_the_same_in_both_versions() {
    let world = World::start(36).await;
    let admin = world.admin();
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let spec = json!({"maxReplicas": 3, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 70});
    let mut old = admin.watch(SCALERS_V1, NS, options(|_| {})).await.expect("a watch");
    let made = world.make(SCALERS_V1, NS, json!({"metadata": {"name": "web"}, "spec": spec})).await;
    assert_eq!((&made["apiVersion"], &made["spec"]["targetCPUUtilizationPercentage"]), (&json!("autoscaling/v1"), &json!(70)));
    let new = admin.get(SCALERS, NS, "web").await.expect("there").to_doc();
    assert_eq!((&new["apiVersion"], &new["metadata"]["uid"]), (&json!("autoscaling/v2"), &made["metadata"]["uid"]));
    assert_eq!(new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
    let patched = admin.patch(SCALERS_V1, NS, "web", "", json!({"spec": {"targetCPUUtilizationPercentage": 50}})).await;
    assert_eq!(patched.expect("patched").to_doc()["spec"]["targetCPUUtilizationPercentage"], 50);
    let patched = admin.patch(SCALERS, NS, "web", "", json!({"spec": {"maxReplicas": 9}})).await.expect("patched").to_doc();
    assert_eq!(patched["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 50);
    let shown = admin.list(SCALERS_V1, NS, options(|_| {})).await.expect("a list").items[0].to_doc();
    assert_eq!((&shown["apiVersion"], &shown["spec"]["maxReplicas"]), (&json!("autoscaling/v1"), &json!(9)));
    assert_eq!(next(&mut old, 3).await, ["ADDED web", "MODIFIED web", "MODIFIED web"]);
}

#[tokio::test]
async fn an_event_is_the_same_in_both_apis() {
    let world = World::start(36).await;
    let admin = world.admin();
    let about = json!({"kind": "Pod", "name": "a", "namespace": NS});
    let event = json!({"metadata": {"name": "e"}, "involvedObject": about, "type": "Warning", "reason": "Failed",
        "message": "as said", "reportingComponent": "suite", "source": {"component": "kubelet"}});
    world.make(EVENTS, NS, event).await;
    let shown = admin.get(NEW_EVENTS, NS, "e").await.expect("there").to_doc();
    assert_eq!((&shown["note"], &shown["regarding"]), (&json!("as said"), &about));
    for (resource, selector, count) in [
        (EVENTS, "type=Warning,involvedObject.name=a", 1),
        (EVENTS, "reportingComponent=suite,reason=Failed", 1),
        (NEW_EVENTS, "type=Warning,regarding.name=a", 1),
        (NEW_EVENTS, "type=Normal", 0),
        (NEW_EVENTS, "reportingController=suite,reason=Failed", 1),
    ] {
        let found = admin.list(resource, NS, options(|o| o.field_selector = selector.into())).await.expect("a list");
        assert_eq!(found.items.len(), count, "{selector}");
    }
}

#[tokio::test]
async fn some_kinds_are_created_by_a_put() {
    let world = World::start(36).await;
    let leases = Resource::new("coordination.k8s.io", "v1", "leases");
    let put = |resource: Resource, name: &str| {
        Call::new(Verb::Update, resource.gvr(), NS, name).body(json!({"metadata": {"name": name}}))
    };
    assert_eq!(world.admin().call(put(EVENTS, "a")).await.expect_err("about nothing").code(), 422);
    assert_eq!(world.admin().call(put(leases, "a")).await.expect("created").code, 201);
    let text = "metadata.resourceVersion: Invalid value: 0: must be specified for an update";
    let unpinned = world.admin().call(put(leases, "a")).await.expect_err("there already").message;
    assert_eq!(unpinned, format!("Lease.coordination.k8s.io \"a\" is invalid: {text}"));
    let missing = world.admin().call(put(CONFIG_MAPS, "a")).await.expect_err("not this kind");
    assert_eq!(missing.message, "configmaps \"a\" not found");
    world.grant("jane", "coordination.k8s.io", &["leases"], &["update"]).await;
    let refused = world.user("jane").call(put(leases, "b")).await.expect_err("may only update").message;
    assert!(refused.contains("cannot create resource \"leases\""), "{refused}");
}

/// Kinds whose machinery is missing are refused, not accepted and ignored.
#[tokio::test]
async fn what_would_have_no_effect_is_refused() {
    let world = World::start(36).await;
    let definitions = Resource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let refused = world.admin().create(definitions, "", json!({"metadata": {"name": "a.b"}})).await.expect_err("refused");
    assert_eq!(refused.code(), 403);
    assert!(refused.message.contains("creating one would have no effect"), "{refused}");
    let statuses = Resource::new("", "v1", "componentstatuses");
    assert_eq!(world.admin().list(statuses, "", options(|_| {})).await.expect("a list").items.len(), 0);
}
