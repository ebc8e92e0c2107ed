//! The loss of one node.

use crate::stage::{Acts, NODES, Stage, condition, named};
use crate::stories::a_lost_node_is_replaced;
use crate::world::World;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_lost_node() {
    let world = World::start(&["a", "b", "c"], 1).await;
    a_lost_node_is_replaced(&world, "b0", 6).await;
    assert_eq!((world.fleet.containers("b0"), world.pods_on("b0").await.len()), (0, 0));
    world.stop().await;
}

/// As after an outage of the network, which a kubelet does not notice.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_believed_lost_is_not() {
    let world = World::start(&["a"], 1).await;
    let mut nodes = world.follow(NODES).await;
    let lost = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}});
    world.admin().patch(NODES, "", "a0", "status", lost).await.expect("a patch");
    let begun = Instant::now();
    for status in ["Unknown", "True"] {
        nodes.until(status, |nodes| named(nodes, "a0").is_some_and(|node| condition(node, "Ready") == status)).await;
    }
    assert!(begun.elapsed() <= HEARTBEAT, "{:?}", begun.elapsed());
    world.stop().await;
}
