//! The loss of one node.

use crate::stage::Acts;
use crate::stories::a_lost_node_is_replaced;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_lost_node() {
    let world = World::start(&["a", "b", "c"], 1).await;
    a_lost_node_is_replaced(&world, "b0", 6).await;
    assert_eq!((world.fleet.containers("b0"), world.pods_on("b0").await.len()), (0, 0));
    world.stop().await;
}
