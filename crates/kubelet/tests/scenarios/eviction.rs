//! A node that runs out of something.

use crate::world::{NODE, NODES, PODS, World, for_ever, phase, ready, text};
use client::DeleteOptions;
use kubelet::eviction::Signal;
use runtime::cri::ContainerStats;
use serde_json::{Value, json};

const MIB: i64 = 1 << 20;

fn pod(container: &str, spec: Value) -> Value {
    let mut pod = json!({ "containers": [{ "name": container, "image": "busybox:1" }] });
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod[key] = value.clone();
    }
    pod
}

/// `True KubeletHasDiskPressure`
async fn until_node(world: &World, kind: &str, status: &str) -> String {
    let condition = |node: &Value| {
        let all = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default()
    };
    let node = world.until(NODES, "", NODE, |node| node.is_some_and(|node| condition(node)["status"] == status)).await;
    let found = condition(&node.expect("it is there"));
    format!("{}: {}", text(&found, "/reason"), text(&found, "/message"))
}

fn uses(memory: i64, disk: i64) -> ContainerStats {
    let unsigned = |number: i64| u64::try_from(number).expect("a positive number");
    ContainerStats {
        memory_working_set_bytes: unsigned(memory),
        writable_layer_bytes: unsigned(disk),
        ..ContainerStats::default()
    }
}

fn evicted(pod: &Value) -> bool {
    phase(pod) == "Failed"
}

#[tokio::test]
async fn short_of_memory_the_greediest_goes() {
    let world = World::run(|_, _| for_ever()).await;
    world.runtime.set_usage("greedy", uses(80 * MIB, 0));
    world.runtime.set_usage("vital", uses(500 * MIB, 0));
    let modest = json!([{ "name": "modest", "image": "busybox:1", "resources": { "requests": { "memory": "100Mi" } } }]);
    for (name, spec) in [
        ("modest", pod("modest", json!({ "containers": modest }))),
        ("vital", pod("vital", json!({ "priorityClassName": "system-node-critical" }))),
        ("greedy", pod("greedy", json!({}))),
    ] {
        world.pod(name, spec).await;
        world.pod_until(name, ready).await;
    }
    world.stats.set(Signal::MemoryAvailable, 50 * MIB, 4096 * MIB);
    let gone = world.pod_until("greedy", evicted).await;
    let message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. \
                   Container greedy was using 80Mi, request is 0, has larger consumption of memory. ";
    assert_eq!((text(&gone, "/status/reason"), text(&gone, "/status/message")), ("Evicted".into(), message.into()));
    let conditions = gone["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let target = conditions.iter().find(|condition| condition["type"] == "DisruptionTarget").expect("it says why");
    assert_eq!((text(target, "/status"), text(target, "/reason")), ("True".into(), "TerminationByKubelet".into()));
    world.said("greedy", &format!("Evicted: {message}")).await;
    world.stats.set(Signal::MemoryAvailable, 3000 * MIB, 4096 * MIB);
    let said = until_node(&world, "MemoryPressure", "True").await;
    assert_eq!(said, "KubeletHasInsufficientMemory: kubelet has insufficient memory available");
    world.pod("late", pod("late", json!({}))).await;
    let late = world.pod_until("late", evicted).await;
    let refusal = "Pod was rejected: The node had condition: [MemoryPressure]. ";
    assert_eq!((text(&late, "/status/reason"), text(&late, "/status/message")), ("Evicted".into(), refusal.into()));
    let said = until_node(&world, "MemoryPressure", "False").await;
    assert_eq!(said, "KubeletHasSufficientMemory: kubelet has sufficient memory available");
    world.pod("later", pod("later", json!({}))).await;
    world.pod_until("later", ready).await;
    for name in ["modest", "vital"] {
        world.pod_until(name, ready).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn short_of_disk_the_writer_goes() {
    let world = World::run(|_, _| for_ever()).await;
    // The host has enough, but pods have written all but one of the volume's 20 GiB.
    world.stats.set(Signal::NodeFsAvailable, 20 << 30, 20 << 30);
    for name in ["reader", "writer"] {
        world.pod(name, pod(name, json!({}))).await;
        world.pod_until(name, ready).await;
    }
    world.runtime.set_usage("writer", uses(0, 19 << 30));
    let gone = world.pod_until("writer", evicted).await;
    let message = "The node was low on resource: ephemeral-storage. Threshold quantity: 2Gi, available: ";
    assert_eq!(text(&gone, "/status/reason"), "Evicted");
    assert!(text(&gone, "/status/message").starts_with(message), "{gone}");
    assert!(text(&gone, "/status/message").ends_with("has larger consumption of ephemeral-storage. "), "{gone}");
    let said = until_node(&world, "DiskPressure", "True").await;
    assert_eq!(said, "KubeletHasDiskPressure: kubelet has disk pressure");
    for event in [
        "EvictionThresholdMet: Attempting to reclaim ephemeral-storage".to_owned(),
        format!("NodeHasDiskPressure: Node {NODE} status is now: NodeHasDiskPressure"),
    ] {
        world.said(NODE, &event).await;
    }
    until_node(&world, "DiskPressure", "False").await;
    world.pod_until("reader", ready).await;
    world.stop().await;
}

#[tokio::test]
async fn a_volume_that_outgrows_its_limit_ends_its_pod() {
    let world = World::run(|_, _| for_ever()).await;
    let volumes = json!([{ "name": "cache", "emptyDir": { "sizeLimit": "1Mi" } }]);
    let uid = world.pod("hoarder", pod("hoarder", json!({ "volumes": volumes }))).await;
    world.pod_until("hoarder", ready).await;
    let directory = world.config.pod_directory(&uid).join("volumes/kubernetes.io~empty-dir/cache");
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::write(directory.join("file"), vec![1; 2 << 20]).expect("a file");
    let gone = world.pod_until("hoarder", evicted).await;
    let message = "Usage of EmptyDir volume \"cache\" exceeds the limit \"1Mi\". ";
    assert_eq!((text(&gone, "/status/reason"), text(&gone, "/status/message")), ("Evicted".into(), message.into()));
    let conditions = gone["status"]["conditions"].as_array().cloned().unwrap_or_default();
    assert!(conditions.iter().all(|condition| condition["type"] != "DisruptionTarget"), "it is its own fault");
    world.stop().await;
}

#[tokio::test]
async fn images_that_nobody_uses_go_when_the_disk_fills_up() {
    let world = World::run(|_, _| for_ever()).await;
    let image = |name: &str| json!({ "containers": [{ "name": "web", "image": name }] });
    for (name, wanted) in [("old", "pulled/old:1"), ("new", "pulled/new:1")] {
        world.pod(name, image(wanted)).await;
        world.pod_until(name, ready).await;
    }
    let images = |node: &Value| node["status"]["images"].as_array().map_or(0, Vec::len);
    world.until(NODES, "", NODE, |node| node.is_some_and(|node| images(node) == 2)).await;
    world.admin.delete(PODS, "default", "old", DeleteOptions::default()).await.expect("deleted");
    world.gone("old").await;
    world.images.set_file_system(900_000, 149_000);
    world.until(NODES, "", NODE, |node| node.is_some_and(|node| images(node) == 1)).await;
    let why = "Failed to garbage collect required amount of images. Attempted to free 60800 bytes, but only found 1000 bytes \
               eligible to free.";
    for reason in ["FreeDiskSpaceFailed", "ImageGCFailed"] {
        world.said(NODE, &format!("{reason}: {why}")).await;
    }
    world.pod_until("new", ready).await;
    world.stop().await;
}
