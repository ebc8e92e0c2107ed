//! Pods that depend on where others are.

use crate::world::World;
use meta::Doc;
use serde_json::json;
use std::collections::BTreeMap;

const ZONE: &str = "topology.kubernetes.io/zone";

async fn three_zones() -> World {
    let world = World::start().await;
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c"), ("c2", "c")] {
        world.node(name, json!({"metadata": {"labels": {ZONE: zone, "kubernetes.io/hostname": name}}})).await;
    }
    world
}

fn web() -> Doc {
    json!({"matchLabels": {"app": "web"}})
}

#[tokio::test]
async fn replicas_are_spread_over_zones() {
    let world = three_zones().await;
    let constraint = json!({"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": web()});
    let spec = json!({ "topologySpreadConstraints": [constraint] });
    for n in 0..9 {
        world.labelled_pod(&format!("p{n}"), json!({"app": "web"}), spec.clone()).await;
    }
    let mut zones: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..9 {
        *zones.entry(world.node_of(&format!("p{n}")).await[..1].to_owned()).or_default() += 1;
    }
    assert_eq!(zones.into_values().collect::<Vec<_>>(), [3, 3, 3]);
    world.stop().await;
}

#[tokio::test]
async fn one_of_each_node_and_no_more() {
    let world = three_zones().await;
    let term = json!({"labelSelector": web(), "topologyKey": "kubernetes.io/hostname"});
    let affinity = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    for n in 0..7 {
        world.labelled_pod(&format!("p{n}"), json!({"app": "web"}), json!({ "affinity": affinity })).await;
    }
    let mut nodes = Vec::new();
    for n in 0..6 {
        nodes.push(world.node_of(&format!("p{n}")).await);
    }
    nodes.sort();
    assert_eq!(nodes, ["a1", "a2", "b1", "b2", "c1", "c2"]);
    let message = "0/6 nodes are available: 6 node(s) didn't match pod anti-affinity rules. preemption: \
        0/6 nodes are available: 6 No preemption victims found for incoming pod.";
    assert_eq!(world.refusal("p6").await, message);
    // A place becomes free.
    let now = client::DeleteOptions { grace_period_seconds: Some(0), ..client::DeleteOptions::default() };
    world.admin.delete(crate::world::PODS, "default", "p3", now).await.expect("it was there");
    world.node_of("p6").await;
    world.stop().await;
}
