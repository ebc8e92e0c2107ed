//! Nodes that fall silent: conditions, taints, and the pods on them.

use crate::nodes::condition;
use crate::world::{NODES, PODS, World};
use client::Resource;
use meta::Doc;
use serde_json::json;

const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases");

fn is_tainted(node: Option<&Doc>, key: &str, effect: &str) -> bool {
    let taints = node.and_then(|node| node["spec"]["taints"].as_array());
    let key = format!("node.kubernetes.io/{key}");
    taints.into_iter().flatten().any(|taint| taint["key"] == key.as_str() && taint["effect"] == effect)
}

fn has(object: Option<&Doc>, kind: &str, status: &str) -> bool {
    let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
    conditions.into_iter().flatten().any(|condition| condition["type"] == kind && condition["status"] == status)
}

impl World {
    /// Has a kubelet renew its lease.
    async fn renew(&self, node: &str, time: &str) {
        let renewed = json!({ "spec": { "renewTime": format!("2026-11-20T10:00:{time}.000000Z") } });
        if self.admin.find(LEASES, "kube-node-lease", node).await.expect("an answer").is_none() {
            let lease = json!({ "metadata": { "name": node }, "spec": renewed["spec"] });
            self.admin.create(LEASES, "kube-node-lease", lease).await.expect("a lease");
        } else {
            self.admin.patch(LEASES, "kube-node-lease", node, "", renewed).await.expect("a lease");
        }
        self.heard(node, &format!("renewed-{time}")).await;
    }
}

#[tokio::test]
async fn a_node_that_becomes_ready_takes_pods() {
    let world = World::start().await;
    let node = world.admin.create(NODES, "", json!({ "metadata": { "name": "new" } })).await.expect("a node").to_doc();
    assert!(is_tainted(Some(&node), "not-ready", "NoSchedule"), "{node}");
    world.node_is("new", "False").await;
    world.node_is("new", "True").await;
    let free = |node: Option<&Doc>| node.is_some_and(|node| node["spec"]["taints"].as_array().is_none_or(Vec::is_empty));
    world.until((NODES, "", "new"), free).await;
    world.has_event("RegisteredNode", "Node new event: Registered Node new in Controller").await;
    world.admin.patch(NODES, "", "new", "", json!({ "spec": { "unschedulable": true } })).await.expect("a patch");
    world.until((NODES, "", "new"), |node| is_tainted(node, "unschedulable", "NoSchedule")).await;
    let pressed = json!({ "status": { "conditions": [condition("Ready", "True"), condition("DiskPressure", "True")] } });
    world.admin.patch(NODES, "", "new", "status", pressed).await.expect("a patch");
    world.until((NODES, "", "new"), |node| is_tainted(node, "disk-pressure", "NoSchedule")).await;
    world.stop().await;
}

#[tokio::test]
async fn pods_leave_a_silent_node_when_their_time_is_over() {
    let world = World::start().await;
    for (node, pod, ip) in [("alive", "stays", "10.0.0.1"), ("silent", "leaves", "10.0.0.2")] {
        world.node(node, "zone-a").await;
        world.pod(pod, "web", node).await;
        world.pod_runs(pod, ip, true).await;
    }
    world.skip(30).await;
    world.renew("alive", "01").await;
    world.skip(11).await;
    let node = world.until((NODES, "", "silent"), |node| has(node, "Ready", "Unknown")).await.expect("it is there");
    let ready = &node["status"]["conditions"][0];
    assert_eq!(
        (&ready["reason"], &ready["message"]),
        (&json!("NodeStatusUnknown"), &json!("Kubelet stopped posting node status."))
    );
    world.until((NODES, "", "silent"), |node| is_tainted(node, "unreachable", "NoExecute")).await;
    world.has_event("NodeNotReady", "Node silent status is now: NodeNotReady").await;
    let leaving = world.until((PODS, "default", "leaves"), |pod| has(pod, "Ready", "False")).await.expect("it is there");
    assert!(leaving["metadata"]["deletionTimestamp"].is_null(), "it tolerates this for five minutes");

    world.renew("alive", "02").await;
    world.skip(30).await;
    world.renew("alive", "03").await;
    for time in ["04", "05", "06", "07", "08", "09", "10", "11", "12"] {
        world.skip(29).await;
        world.renew("alive", time).await;
    }
    let gone = |pod: Option<&Doc>| pod.is_some_and(|pod| !pod["metadata"]["deletionTimestamp"].is_null());
    let pod = world.until((PODS, "default", "leaves"), gone).await.expect("its kubelet has not confirmed it");
    let target = pod["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "DisruptionTarget").cloned();
    assert_eq!(target.expect("a condition")["reason"], "DeletionByTaintManager");
    world.has_event("TaintManagerEviction", "Marking for deletion Pod default/leaves").await;
    let stays = world.there(PODS, "default", "stays").await;
    assert!(stays["metadata"]["deletionTimestamp"].is_null() && has(Some(&stays), "Ready", "True"), "{stays}");
    world.stop().await;
}

#[tokio::test]
async fn a_node_that_speaks_again_keeps_its_pods() {
    let world = World::start().await;
    for node in ["alive", "silent"] {
        world.node(node, "zone-a").await;
    }
    world.pod("web", "web", "silent").await;
    world.skip(30).await;
    world.renew("alive", "01").await;
    world.skip(11).await;
    world.until((NODES, "", "silent"), |node| is_tainted(node, "unreachable", "NoExecute")).await;
    world.node_is("silent", "True").await;
    let free = |node: Option<&Doc>| node.is_some_and(|node| node["spec"]["taints"].as_array().is_none_or(Vec::is_empty));
    world.until((NODES, "", "silent"), free).await;
    world.has_event("TaintManagerEviction", "Cancelling deletion of Pod default/web").await;
    world.stop().await;
}

#[tokio::test]
async fn when_every_node_is_silent_nothing_is_evicted() {
    let world = World::start().await;
    for node in ["one", "two"] {
        world.node(node, "zone-a").await;
    }
    world.skip(41).await;
    for node in ["one", "two"] {
        world.until((NODES, "", node), |node| is_tainted(node, "unreachable", "NoSchedule")).await;
    }
    world.skip(60).await;
    world.admin.patch(NODES, "", "one", "", json!({ "spec": { "unschedulable": true } })).await.expect("a patch");
    let node = world.until((NODES, "", "one"), |node| is_tainted(node, "unschedulable", "NoSchedule")).await;
    assert!(!is_tainted(node.as_ref(), "unreachable", "NoExecute"), "{node:?}");
    // One that comes back shows that it was not the control plane's fault.
    world.node_is("two", "True").await;
    world.until((NODES, "", "one"), |node| is_tainted(node, "unreachable", "NoExecute")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_zone_that_is_mostly_broken_is_left_alone() {
    let world = World::start().await;
    for node in ["one", "two", "three", "four"] {
        world.node(node, "zone-a").await;
    }
    for node in ["one", "two", "three"] {
        world.node_is(node, "False").await;
        world.until((NODES, "", node), |node| is_tainted(node, "not-ready", "NoSchedule")).await;
    }
    let mut driven = 0;
    for node in ["one", "two", "three"] {
        let node = world.there(NODES, "", node).await;
        driven += usize::from(is_tainted(Some(&node), "not-ready", "NoExecute"));
    }
    assert!(driven <= 1, "the first may go before the third falls, and no other");
    world.stop().await;
}
