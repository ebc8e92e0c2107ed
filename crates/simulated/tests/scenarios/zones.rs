//! The loss of zones: how fast pods are driven from it depends on what is left (kubernetes
//! `pkg/controller/nodelifecycle/node_lifecycle_controller.go`, handleDisruption).

use crate::stage::{Acts, NODES, PODS, Stage, condition, is_leaving, is_tainted};
use crate::world::World;
use meta::Doc;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// `--node-eviction-rate`: one node in ten seconds.
const PACE: Duration = Duration::from_secs(10);

fn driven(nodes: &[Doc]) -> BTreeSet<String> {
    let tainted = nodes.iter().filter(|node| is_tainted(node, "unreachable", "NoExecute"));
    tainted.map(|node| node["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

fn unknown(nodes: &[Doc]) -> usize {
    nodes.iter().filter(|node| condition(node, "Ready") == "Unknown").count()
}

/// Pods that do not wait.
fn hasty(world: &World) -> Doc {
    let mut template = world.template("v1", 1);
    template["spec"]["tolerations"] =
        json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}]);
    template
}

#[tokio::test(start_paused = true)]
async fn a_dark_zone_is_emptied_at_the_usual_pace() {
    let world = World::start(&["a", "b", "c"], 4).await;
    world.deploy(24, hasty(&world), json!({})).await;
    world.rolled_out(24).await;
    let mut nodes = world.follow(NODES).await;
    let lost: Vec<String> = (0..4).map(|at| format!("a{at}")).collect();
    lost.iter().for_each(|node| world.silence(node));
    let (mut hours, mut known) = (Vec::new(), 0);
    nodes
        .until("an empty zone", |nodes| {
            let now = driven(nodes);
            assert!(now.iter().all(|node| node.starts_with('a')), "{now:?}");
            hours.extend((known..now.len()).map(|_| Instant::now()));
            known = known.max(now.len());
            known == 4
        })
        .await;
    for pair in hours.windows(2) {
        assert!(pair[1] - pair[0] >= PACE - Duration::from_millis(10), "{hours:?}");
    }
    assert!(hours[3] - hours[0] <= 4 * PACE, "{hours:?}");
    world.rolled_out(24).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_driven_out_when_everything_is_dark() {
    let world = World::start(&["a", "b"], 2).await;
    world.deploy(8, hasty(&world), json!({})).await;
    world.rolled_out(8).await;
    let mut nodes = world.follow(NODES).await;
    let all = ["a0", "a1", "b0", "b1"];
    all.iter().for_each(|node| world.silence(node));
    nodes.until("nodes of unknown state", |nodes| unknown(nodes) == 4).await;
    world.pass(600).await;
    nodes.until("no taints", |nodes| driven(nodes).is_empty()).await;
    world.follow(PODS).await.until("all pods", |pods| pods.iter().filter(|pod| !is_leaving(pod)).count() == 8).await;
    // It was the network: what runs goes on.
    all.iter().for_each(|node| world.bring_back(node));
    nodes.until("ready nodes", |nodes| nodes.iter().all(|node| condition(node, "Ready") == "True")).await;
    world.rolled_out(8).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_small_zone_that_is_mostly_dark_is_left_alone() {
    let world = World::start(&["a", "b"], 4).await;
    world.deploy(16, hasty(&world), json!({})).await;
    world.rolled_out(16).await;
    let mut nodes = world.follow(NODES).await;
    ["a0", "a1", "a2"].iter().for_each(|node| world.silence(node));
    nodes.until("nodes of unknown state", |nodes| unknown(nodes) == 3).await;
    world.pass(300).await;
    let driven_out = driven(nodes.until("a look", |_| true).await);
    // Those that were found out before the third was.
    assert!(driven_out.len() <= 1, "{driven_out:?}");
    world.bring_back("a1");
    nodes.until("a zone of two and two", |nodes| driven(nodes).len() == 2).await;
    world.rolled_out(16).await;
    world.stop().await;
}
