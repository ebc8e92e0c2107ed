//! Sets and their pods: made, replaced, adopted, released, and none twice.

use crate::workloads::{BROKEN, Kubelets, PodsSeen, REPLICA_SETS, create, event, patch, readiness, start, template};
use crate::world::{PODS, World};
use client::{DeleteOptions, Propagation, Resource};
use meta::Doc;
use serde_json::json;
use std::collections::BTreeSet;

const CONTROLLERS: Resource = Resource::new("", "v1", "replicationcontrollers");
const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");

async fn delete_pod(world: &World, name: &str) {
    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    world.admin.delete(PODS, "default", name, now).await.expect("a deletion");
}

/// Waits until the counts of the set's status are as said: replicas, ready, available.
async fn until_counts(world: &World, resource: Resource, counts: [u64; 3]) -> Doc {
    let right = |doc: &Doc| {
        let of = |field: &str| doc["status"][field].as_u64().unwrap_or(0);
        doc["status"]["observedGeneration"] == doc["metadata"]["generation"]
            && [of("replicas"), of("readyReplicas"), of("availableReplicas")] == counts
    };
    world.until((resource, "default", "web"), |doc| doc.is_some_and(right)).await.expect("it is there")
}

#[tokio::test]
async fn a_set_keeps_its_number_of_pods() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    let set = create(&world, REPLICA_SETS, json!({})).await;
    let doc = until_counts(&world, REPLICA_SETS, [3, 3, 3]).await;
    assert_eq!(doc["status"]["fullyLabeledReplicas"], 3);
    let mut pods = PodsSeen::follow(&world).await;
    let names = pods.until_active(3).await;
    let reference = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": set.meta.uid, "controller": true,
        "blockOwnerDeletion": true,
    }]);
    for pod in pods.pods.values() {
        assert_eq!(pod.get("/metadata/ownerReferences"), reference);
        assert!(pod.meta.name.starts_with("web-") && pod.meta.name.len() == "web-xxxxx".len(), "{}", pod.meta.name);
    }
    assert!(event(&world, "web", "SuccessfulCreate").await.starts_with("Created pod: web-"));
    delete_pod(&world, &names[0]).await;
    pods.until(|pods| !pods.contains_key(&names[0]) && pods.len() == 3).await;
    // One that has ended is replaced, and stays for those who want to know why.
    let failed = json!({"status": {"phase": "Failed"}});
    world.admin.patch(PODS, "default", &names[1], "status", failed).await.expect("a patch");
    pods.until(|pods| pods.len() == 4).await;
    until_counts(&world, REPLICA_SETS, [3, 3, 3]).await;
    world.stop().await;
}

#[tokio::test]
async fn pods_that_are_of_no_use_go_first() {
    let world = start().await;
    create(&world, REPLICA_SETS, json!({})).await;
    let mut pods = PodsSeen::follow(&world).await;
    let names = pods.until_active(3).await;
    world.admin.patch(PODS, "default", &names[1], "status", readiness(true)).await.expect("a patch");
    until_counts(&world, REPLICA_SETS, [3, 1, 1]).await;
    patch(&world, REPLICA_SETS, "web", json!({"spec": {"replicas": 1}})).await;
    assert_eq!(pods.until_active(1).await, [names[1].as_str()]);
    assert!(event(&world, "web", "SuccessfulDelete").await.starts_with("Deleted pod: web-"));
    let doc = until_counts(&world, REPLICA_SETS, [1, 1, 1]).await;
    assert_eq!(doc["status"]["terminatingReplicas"], 2);
    world.stop().await;
}

#[tokio::test]
async fn orphans_are_adopted_and_strangers_released() {
    let world = start().await;
    let orphan = json!({"metadata": {"name": "orphan", "labels": {"app": "web"}}, "spec": template(BROKEN)["spec"]});
    world.admin.create(PODS, "default", orphan).await.expect("a pod");
    let set = create(&world, REPLICA_SETS, json!({})).await;
    let mut pods = PodsSeen::follow(&world).await;
    let uid = set.meta.uid.as_str();
    let owned = |pod: &meta::Object| pod.meta.controller().is_some_and(|owner| owner.uid == uid);
    pods.until(|pods| pods.len() == 3 && pods.get("orphan").is_some_and(|pod| owned(pod))).await;
    // Whoever changes a label takes the pod out, and another takes its place.
    patch(&world, PODS, "orphan", json!({"metadata": {"labels": {"app": "debug"}}})).await;
    pods.until(|pods| pods.len() == 4 && !owned(&pods["orphan"])).await;
    // Back again it is one too many.
    patch(&world, PODS, "orphan", json!({"metadata": {"labels": {"app": "web"}}})).await;
    pods.until_active(3).await;
    let orphaned = DeleteOptions { propagation: Some(Propagation::Orphan), ..DeleteOptions::default() };
    world.admin.delete(REPLICA_SETS, "default", "web", orphaned).await.expect("a deletion");
    world.gone(REPLICA_SETS, "default", "web").await;
    pods.until(|pods| PodsSeen::active(pods).iter().all(|pod| pod.meta.controller().is_none())).await;
    let left: BTreeSet<String> = pods.until_active(3).await.into_iter().collect();
    // A new set of the same selector takes them all, and makes none.
    create(&world, REPLICA_SETS, json!({})).await;
    pods.until(|pods| PodsSeen::active(pods).iter().all(|pod| pod.meta.controller().is_some())).await;
    until_counts(&world, REPLICA_SETS, [3, 0, 0]).await;
    assert_eq!(pods.until_active(3).await.into_iter().collect::<BTreeSet<_>>(), left);
    world.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_and_gets_over() {
    let world = start().await;
    let mut refused = template(BROKEN);
    refused["spec"]["serviceAccountName"] = "missing".into();
    create(&world, REPLICA_SETS, json!({"template": refused})).await;
    let failing = |doc: Option<&Doc>| doc.is_some_and(|doc| doc["status"]["conditions"][0]["reason"] == "FailedCreate");
    let doc = world.until((REPLICA_SETS, "default", "web"), failing).await.expect("it is there");
    let message = event(&world, "web", "FailedCreate").await;
    assert_eq!(message, format!("Error creating: {}", doc["status"]["conditions"][0]["message"].as_str().expect("a message")));
    assert!(message.contains("serviceaccount \"missing\" not found"), "{message}");
    let account = json!({"metadata": {"name": "missing"}});
    world.admin.create(SERVICE_ACCOUNTS, "default", account).await.expect("an account");
    until_counts(&world, REPLICA_SETS, [3, 0, 0]).await;
    world.until((REPLICA_SETS, "default", "web"), |doc| doc.is_some_and(|d| d["status"]["conditions"].is_null())).await;
    world.stop().await;
}

#[tokio::test]
async fn availability_takes_its_time() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    create(&world, REPLICA_SETS, json!({"minReadySeconds": 2})).await;
    until_counts(&world, REPLICA_SETS, [3, 3, 0]).await;
    until_counts(&world, REPLICA_SETS, [3, 3, 3]).await;
    world.stop().await;
}

/// Many pods at once, of which some are killed: in the end as many as wanted, and not one more was ever there.
#[tokio::test]
async fn many_pods_come_and_none_twice() {
    let world = start().await;
    create(&world, REPLICA_SETS, json!({"replicas": 700})).await;
    let mut pods = PodsSeen::follow(&world).await;
    let mut ever = BTreeSet::new();
    pods.until(|pods| {
        ever.extend(pods.keys().cloned());
        assert!(PodsSeen::active(pods).len() <= 700, "too many");
        pods.len() == 700
    })
    .await;
    let victims: Vec<String> = ever.iter().take(2).cloned().collect();
    for victim in &victims {
        delete_pod(&world, victim).await;
    }
    pods.until(|pods| {
        ever.extend(pods.keys().cloned());
        pods.len() == 700 && victims.iter().all(|victim| !pods.contains_key(victim))
    })
    .await;
    assert_eq!(ever.len(), 702);
    patch(&world, REPLICA_SETS, "web", json!({"spec": {"replicas": 0}})).await;
    pods.until_active(0).await;
    world.stop().await;
}

/// Controllers that are stopped anywhere go on where they were.
#[tokio::test]
async fn a_restart_makes_nothing_twice() {
    let mut world = start().await;
    create(&world, REPLICA_SETS, json!({"replicas": 40})).await;
    let mut pods = PodsSeen::follow(&world).await;
    for at in [1, 7, 20] {
        pods.until(|pods| pods.len() >= at).await;
        world.stop_controllers().await;
        world.start_controllers();
    }
    until_counts(&world, REPLICA_SETS, [40, 0, 0]).await;
    pods.until(|pods| pods.len() == 40).await;
    world.stop().await;
}

#[tokio::test]
async fn replication_controllers_are_served_alike() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    create(&world, CONTROLLERS, json!({"selector": {"app": "web"}})).await;
    until_counts(&world, CONTROLLERS, [3, 3, 3]).await;
    patch(&world, CONTROLLERS, "web", json!({"spec": {"replicas": 1}})).await;
    until_counts(&world, CONTROLLERS, [1, 1, 1]).await;
    let pods = PodsSeen::follow(&world).await.until_active(1).await;
    assert!(pods[0].starts_with("web-"), "{pods:?}");
    world.stop().await;
}
