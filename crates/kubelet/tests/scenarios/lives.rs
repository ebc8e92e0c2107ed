//! Pods that live as they should.

use crate::world::{NODE, NODES, World, exits, for_ever, phase, ready, text};
use kubelet::{ProbeKind, ProbeResult};
use serde_json::{Value, json};

fn container(name: &str) -> Value {
    json!({ "name": name, "image": "busybox:1" })
}

#[tokio::test]
async fn a_node_registers() {
    let world = World::run(|_, _| for_ever()).await;
    let node = world.until(NODES, "", NODE, |node| node.is_some_and(ready)).await.expect("it is there");
    assert_eq!(text(&node, "/status/allocatable/cpu"), "1930m");
    assert_eq!(text(&node, "/status/nodeInfo/containerRuntimeVersion"), "fake://0.1.0");
    let lease = kubelet_lease(&world).await;
    assert_eq!(text(&lease, "/spec/holderIdentity"), NODE);
    world.stop().await;
}

async fn kubelet_lease(world: &World) -> Value {
    let leases = client::Resource::new("coordination.k8s.io", "v1", "leases");
    world.until(leases, "kube-node-lease", NODE, |lease| lease.is_some()).await.expect("it is there")
}

#[tokio::test]
async fn a_pod_runs_and_says_so() {
    let world = World::run(|_, _| for_ever()).await;
    world.pod("web", json!({ "containers": [container("web")] })).await;
    let pod = world.pod_until("web", ready).await;
    assert_eq!(phase(&pod), "Running");
    assert_eq!(text(&pod, "/status/podIP"), "10.1.0.1");
    assert_eq!(text(&pod, "/status/hostIP"), "10.0.0.5");
    assert_eq!(text(&pod, "/status/qosClass"), "BestEffort");
    assert_eq!(text(&pod, "/status/containerStatuses/0/restartCount"), "0");
    assert!(text(&pod, "/status/containerStatuses/0/containerID").starts_with("pilothouse://"));
    world.said("web", "Started").await;
    let events = world.events("web").await;
    let pulled = "Pulled: Container image \"busybox:1\" already present on machine and can be accessed by the pod";
    for expected in [pulled, "Created: Container created", "Started: Container started"] {
        assert!(events.iter().any(|event| event == expected), "{expected}: {events:?}");
    }
    let found = world.lookup.as_ref().expect("a kubelet").running_container("default", "web", "", "web").expect("it runs");
    assert!(found.log_path.ends_with("web/0.log"));
    world.stop().await;
}

#[tokio::test]
async fn jobs_run_to_completion() {
    let world = World::run(|name, _| if name == "good" { exits(3, 0) } else { exits(1, 4) }).await;
    world.pod("done", json!({ "restartPolicy": "Never", "containers": [container("good")] })).await;
    world.pod("lost", json!({ "restartPolicy": "Never", "containers": [container("bad")] })).await;
    let done = world.pod_until("done", |pod| phase(pod) == "Succeeded").await;
    assert_eq!(text(&done, "/status/containerStatuses/0/state/terminated/reason"), "Completed");
    let lost = world.pod_until("lost", |pod| phase(pod) == "Failed").await;
    assert_eq!(text(&lost, "/status/containerStatuses/0/state/terminated/exitCode"), "4");
    world.stop().await;
}

#[tokio::test]
async fn init_containers_run_in_order_and_sidecars_stay() {
    let world = World::run(|name, _| {
        if name.starts_with("init") {
            exits(1, 0)
        } else if name == "main" {
            exits(300, 0)
        } else {
            for_ever()
        }
    })
    .await;
    let mut sidecar = container("sidecar");
    sidecar["restartPolicy"] = "Always".into();
    let spec = json!({ "restartPolicy": "Never", "containers": [container("main")],
        "initContainers": [container("init-1"), sidecar, container("init-2")] });
    world.pod("chain", spec).await;
    let running = world.pod_until("chain", ready).await;
    assert_eq!(phase(&running), "Running");
    world.pod_until("chain", |pod| phase(pod) == "Succeeded").await;
    let calls = world.runtime.calls();
    assert_eq!(calls, ["sandbox 0", "start init-1 0", "start sidecar 0", "start init-2 0", "start main 0", "stop sidecar 30"]);
    world.stop().await;
}

#[tokio::test]
async fn readiness_follows_probes_and_liveness_restarts() {
    let world = World::run(|_, _| for_ever()).await;
    let mut web = container("web");
    web["readinessProbe"] = json!({ "httpGet": { "port": 80 } });
    web["livenessProbe"] = json!({ "httpGet": { "port": 80 } });
    let uid = world.pod("web", json!({ "containers": [web] })).await;
    let pod = world.pod_until("web", |pod| phase(pod) == "Running").await;
    assert!(!ready(&pod));
    world.pod_until("web", |_| world.prober.probed(&uid, "web").is_some()).await;
    let says = |kind, ok, id| ProbeResult {
        pod_uid: uid.clone(),
        container: "web".into(),
        container_id: id,
        kind,
        ok,
        message: String::new(),
    };
    let id = world.prober.probed(&uid, "web").expect("it is probed");
    world.prober.say(says(ProbeKind::Readiness, true, id.clone())).await;
    world.pod_until("web", ready).await;
    world.prober.say(says(ProbeKind::Liveness, false, id)).await;
    world.pod_until("web", |pod| text(pod, "/status/containerStatuses/0/restartCount") == "1").await;
    world.said("web", "Killing: Container web failed liveness probe, will be restarted").await;
    world.stop().await;
}
