//! Containers outlive their kubelet.

use crate::world::{NS, PODS, World, exits, for_ever, phase, ready, text};
use client::DeleteOptions;
use serde_json::{Value, json};

fn web() -> Value {
    json!({ "terminationGracePeriodSeconds": 2, "containers": [{ "name": "web", "image": "busybox:1" }] })
}

fn identity(pod: &Value) -> Vec<String> {
    [
        "containerStatuses/0/containerID",
        "containerStatuses/0/restartCount",
        "containerStatuses/0/state/running/startedAt",
        "podIP",
    ]
    .iter()
    .map(|field| text(pod, &format!("/status/{field}")))
    .collect()
}

#[tokio::test]
async fn a_new_kubelet_adopts_what_runs() {
    let mut world = World::run(|name, _| if name == "brief" { exits(300, 5) } else { for_ever() }).await;
    world.pod("web", web()).await;
    let brief = json!({ "restartPolicy": "Never", "containers": [{ "name": "brief", "image": "busybox:1" }] });
    let before = identity(&world.pod_until("web", ready).await);
    world.pod("brief", brief).await;
    world.pod_until("brief", ready).await;
    world.stop_kubelet().await;
    // While nobody looks one container ends.
    tokio::time::advance(std::time::Duration::from_secs(400)).await;
    world.start_kubelet();
    let brief = world.pod_until("brief", |pod| phase(pod) == "Failed").await;
    assert_eq!(text(&brief, "/status/containerStatuses/0/state/terminated/exitCode"), "5");
    let lookup = world.lookup.clone().expect("a kubelet");
    world.pod_until("web", |_| lookup.running_container(NS, "web", "", "web").is_ok()).await;
    assert_eq!(identity(&world.pod_until("web", ready).await), before);
    assert_eq!(world.runtime.calls().iter().filter(|call| call.starts_with("start")).count(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_pod_deleted_meanwhile_is_cleaned_up() {
    let mut world = World::run(|_, _| for_ever()).await;
    world.pod("web", web()).await;
    world.pod_until("web", ready).await;
    world.stop_kubelet().await;
    let forced = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    world.admin.delete(PODS, NS, "web", forced).await.expect("deleted");
    world.start_kubelet();
    world.pod("other", web()).await;
    world.pod_until("other", |pod| ready(pod) && world.runtime.counts() == (1, 1)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_lost_sandbox_is_made_again() {
    let world = World::run(|_, _| for_ever()).await;
    let uid = world.pod("web", web()).await;
    let before = world.pod_until("web", ready).await;
    world.runtime.lose_sandbox(&uid);
    let restarted = |pod: &Value| text(pod, "/status/containerStatuses/0/restartCount") == "1" && ready(pod);
    let after = world.pod_until("web", restarted).await;
    assert_ne!(identity(&after)[0], identity(&before)[0]);
    world.said("web", "SandboxChanged: Pod sandbox changed, it will be killed and re-created.").await;
    world.stop().await;
}
