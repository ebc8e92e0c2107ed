//! Pods that go.

use crate::world::{NS, PODS, World, for_ever, ready};
use client::DeleteOptions;
use kubelet::fake::Lifecycle;
use serde_json::{Value, json};

fn spec() -> Value {
    json!({ "terminationGracePeriodSeconds": 20, "containers": [
        { "name": "web", "image": "busybox:1", "lifecycle": { "preStop": { "exec": { "command": ["bye"] } } } },
    ] })
}

fn within(grace: Option<i64>) -> DeleteOptions {
    DeleteOptions { grace_period_seconds: grace, ..DeleteOptions::default() }
}

#[tokio::test]
async fn a_deleted_pod_ends_gracefully() {
    let world = World::run(|_, _| for_ever()).await;
    world.pod("web", spec()).await;
    world.pod_until("web", ready).await;
    world.admin.delete(PODS, NS, "web", within(None)).await.expect("deleted");
    world.gone("web").await;
    assert_eq!(world.runtime.calls()[2..], ["exec web bye", "stop web 20"]);
    assert_eq!(world.runtime.counts(), (0, 0));
    world.said("web", "Killing: Stopping container web").await;
    world.stop().await;
}

#[tokio::test]
async fn a_second_deletion_can_be_quicker() {
    let world = World::run(|_, _| Lifecycle { stubborn: true, ..Lifecycle::default() }).await;
    let mut slow = spec();
    slow["terminationGracePeriodSeconds"] = 100_000.into();
    world.pod("web", slow).await;
    world.pod_until("web", ready).await;
    world.admin.delete(PODS, NS, "web", within(None)).await.expect("deleted");
    world.pod_until("web", |_| world.runtime.calls().iter().any(|call| call == "stop web 100000")).await;
    world.admin.delete(PODS, NS, "web", within(Some(3))).await.expect("deleted");
    world.gone("web").await;
    assert_eq!(world.runtime.calls().last().map(String::as_str), Some("stop web 3"));
    world.stop().await;
}

#[tokio::test]
async fn a_forced_deletion_leaves_nothing() {
    let world = World::run(|_, _| for_ever()).await;
    world.pod("web", spec()).await;
    world.pod_until("web", ready).await;
    world.admin.delete(PODS, NS, "web", within(Some(0))).await.expect("deleted");
    world.gone("web").await;
    // The same name, at once: its own uid, its own sandbox.
    world.pod("web", spec()).await;
    world.pod_until("web", |pod| ready(pod) && world.runtime.counts() == (1, 1)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_pod_that_never_started_goes_as_well() {
    let world = World::run(|_, _| for_ever()).await;
    let mut spec = spec();
    spec["containers"][0]["image"] = "missing/x:1".into();
    world.pod("web", spec).await;
    let waiting = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff";
    world.pod_until("web", waiting).await;
    world.admin.delete(PODS, NS, "web", within(None)).await.expect("deleted");
    world.gone("web").await;
    assert_eq!(world.runtime.counts(), (0, 0));
    world.stop().await;
}

/// Upstream's kubelet counts the pods of the API, and so do schedulers.
#[tokio::test]
async fn the_room_of_a_pod_that_is_gone_is_free_while_its_containers_end() {
    let world = World::run(|_, _| Lifecycle { stubborn: true, ..Lifecycle::default() }).await;
    let mut big = spec();
    big["containers"][0]["resources"] = json!({ "requests": { "cpu": "1500m" } });
    big["containers"][0]["ports"] = json!([{ "containerPort": 80, "hostPort": 80 }]);
    world.pod("web", big.clone()).await;
    world.pod_until("web", ready).await;
    world.admin.delete(PODS, NS, "web", within(Some(0))).await.expect("deleted");
    world.pod("next", big).await;
    world.pod_until("next", ready).await;
    world.stop().await;
}
