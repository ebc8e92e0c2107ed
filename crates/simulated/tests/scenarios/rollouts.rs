//! Rolling updates while something else goes on.

use crate::stories::a_drain_in_the_middle_of_a_rollout;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_drained_node() {
    let world = World::start(&["a", "b", "c"], 1).await;
    a_drain_in_the_middle_of_a_rollout(&world, "a0").await;
    world.stop().await;
}
