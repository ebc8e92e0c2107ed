//! Controllers that die at each of their writes, in turn, and start again.

use crate::deployments::{REVISION, is_rolled_out, roll_to, sets, sizes, strategy};
use crate::fuse::Fuse;
use crate::workloads::{DEPLOYMENTS, Kubelets, PodsSeen, V2, create, is_ready};
use crate::world::{SERVICE_ACCOUNTS, World};
use futures::{StreamExt, future, stream};
use serde_json::json;

/// Worlds at a time: most of a story is waiting for the disk.
const AT_ONCE: usize = 4;

/// A deployment comes up and is rolled over, never with more pods than may be, nor with fewer ready than may be.
async fn story(world: &World) {
    create(world, DEPLOYMENTS, json!({"strategy": strategy(json!(1), json!(0))})).await;
    let revision = |doc: Option<&meta::Doc>, wanted: &str| {
        doc.is_some_and(|doc| is_rolled_out(doc) && doc["metadata"]["annotations"][REVISION] == wanted)
    };
    let at = (DEPLOYMENTS, "default", "web");
    world.until(at, |doc| revision(doc, "1")).await;
    let mut pods = PodsSeen::follow(world).await;
    roll_to(world, V2).await;
    pods.until(|pods| {
        let active = PodsSeen::active(pods);
        let ready = active.iter().filter(|pod| is_ready(pod)).count();
        assert!(ready >= 3 && active.len() <= 4, "{ready} of {} ready", active.len());
        active.len() == 3 && active.iter().all(|pod| pod.get("/spec/containers/0/image") == V2)
    })
    .await;
    world.until(at, |doc| revision(doc, "2")).await;
    assert_eq!(sets(world).await, sizes(&[("1", 0), ("2", 3)]));
}

/// Returns whether the story was over before the fuse burnt.
async fn dies_after(writes: usize) -> bool {
    let world = World::without_controllers().await;
    let fuse = Fuse::new(writes);
    world.start_controllers_behind(&fuse);
    world.there(SERVICE_ACCOUNTS, "default", "default").await;
    let _kubelets = Kubelets::start(&world).await;
    let restarts = async {
        fuse.burns().await;
        world.stop_controllers().await;
        world.start_controllers();
        future::pending::<()>().await;
    };
    tokio::select! {
        () = story(&world) => {}
        () = restarts => {}
    }
    world.stop().await;
    !fuse.is_burnt()
}

#[tokio::test]
async fn a_rollout_survives_a_crash_after_each_of_its_writes() {
    let mut crashes = 0;
    let mut stories = stream::iter(1..).map(dies_after).buffered(AT_ONCE);
    while stories.next().await == Some(false) {
        crashes += 1;
    }
    // Sets and their sizes, pods, and what is told of them.
    assert!(crashes > 20, "{crashes} writes are fewer than the story takes");
}
