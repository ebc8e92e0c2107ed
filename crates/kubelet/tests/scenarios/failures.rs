//! What goes wrong, in upstream's reasons.

use crate::world::{World, exits, for_ever, phase, ready, text};
use kubelet::fake::Lifecycle;
use serde_json::{Value, json};

const WAITING: &str = "/status/containerStatuses/0/state/waiting/reason";
const RESTARTS: &str = "/status/containerStatuses/0/restartCount";

fn one(image: &str) -> Value {
    json!({ "containers": [{ "name": "web", "image": image }] })
}

#[tokio::test]
async fn a_crash_loop_waits_longer_and_longer() {
    let world = World::run(|_, _| exits(1, 1)).await;
    let uid = world.pod("restless", one("busybox:1")).await;
    let pod = world.pod_until("restless", |pod| text(pod, WAITING) == "CrashLoopBackOff").await;
    assert_eq!(text(&pod, "/status/containerStatuses/0/lastState/terminated/exitCode"), "1");
    assert_eq!(phase(&pod), "Running");
    let message = format!("back-off 10s restarting failed container=web pod=restless_default({uid})");
    assert_eq!(text(&pod, "/status/containerStatuses/0/state/waiting/message"), message);
    world.said("restless", &format!("BackOff: Back-off restarting failed container web in pod restless_default({uid})")).await;
    let longer = |pod: &Value| text(pod, "/status/containerStatuses/0/state/waiting/message").starts_with("back-off 1m20s");
    let pod = world.pod_until("restless", longer).await;
    assert_eq!(text(&pod, RESTARTS), "4");
    world.stop().await;
}

#[tokio::test]
async fn images_that_cannot_be_had() {
    let world = World::run(|_, _| for_ever()).await;
    let mut never = one("missing/x:1");
    never["containers"][0]["imagePullPolicy"] = "Never".into();
    for (name, spec, reason) in [
        ("nowhere", one("missing/x:1"), "ImagePullBackOff"),
        ("never", never, "ErrImageNeverPull"),
        ("odd", one("UPPER:1"), "InvalidImageName"),
    ] {
        world.pod(name, spec).await;
        let pod = world.pod_until(name, |pod| text(pod, WAITING) == reason).await;
        assert_eq!(phase(&pod), "Pending", "{name}");
    }
    for event in [
        "Pulling: Pulling image",
        "Failed: Failed to pull image \"missing/x:1\"",
        "Failed: Error: ErrImagePull",
        "BackOff: Back-off pulling image",
    ] {
        world.said("nowhere", event).await;
    }
    world.pod("pulled", one("pulled/x:1")).await;
    world.pod_until("pulled", ready).await;
    world.said("pulled", "Pulled: Successfully pulled image \"pulled/x:1\" in ").await;
    world.stop().await;
}

#[tokio::test]
async fn a_command_that_cannot_be_started() {
    let broken = || Lifecycle { start_error: Some("executable file not found in $PATH".into()), ..Lifecycle::default() };
    let world = World::run(move |_, _| broken()).await;
    world.pod("typo", one("busybox:1")).await;
    let reason = "/status/containerStatuses/0/lastState/terminated/reason";
    world.pod_until("typo", |pod| text(pod, reason) == "StartError").await;
    world.pod_until("typo", |pod| text(pod, WAITING) == "CrashLoopBackOff").await;
    world.said("typo", "Failed: Error: executable file not found in $PATH").await;
    world.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let world = World::run(|_, _| for_ever()).await;
    let mut big = one("busybox:1");
    big["containers"][0]["resources"] = json!({ "requests": { "cpu": "64" } });
    world.pod("big", big).await;
    let pod = world.pod_until("big", |pod| phase(pod) == "Failed").await;
    assert_eq!(text(&pod, "/status/reason"), "OutOfcpu");
    let why = "Pod was rejected: Node didn't have enough resource: cpu, requested: 64000, used: 0, capacity: 1930";
    assert_eq!(text(&pod, "/status/message"), why);
    let mut elsewhere = one("busybox:1");
    elsewhere["nodeSelector"] = json!({ "disk": "ssd" });
    world.pod("elsewhere", elsewhere).await;
    let pod = world.pod_until("elsewhere", |pod| phase(pod) == "Failed").await;
    assert_eq!(text(&pod, "/status/reason"), "NodeAffinity");
    world.stop().await;
}

#[tokio::test]
async fn a_deadline_ends_a_pod() {
    let world = World::run(|_, _| for_ever()).await;
    let mut spec = one("busybox:1");
    spec["activeDeadlineSeconds"] = 20.into();
    world.pod("late", spec).await;
    let pod = world.pod_until("late", |pod| phase(pod) == "Failed").await;
    assert_eq!(text(&pod, "/status/reason"), "DeadlineExceeded");
    world.stop().await;
}

#[tokio::test]
async fn root_is_refused_where_a_pod_forbids_it() {
    let world = World::run(|_, _| for_ever()).await;
    let mut spec = one("busybox:1");
    spec["securityContext"] = json!({ "runAsNonRoot": true });
    world.pod("root", spec).await;
    world.pod_until("root", |pod| text(pod, WAITING) == "CreateContainerConfigError").await;
    world.said("root", "Failed: Error: container has runAsNonRoot and image will run as root").await;
    world.stop().await;
}
