//! Controllers and scheduler as one process that dies at each of its writes, in turn, and starts again.

use crate::fuse::Fuse;
use crate::stage::{Acts, DEPLOYMENTS, PODS, Stage, condition, is_leaving};
use crate::world::World;
use meta::Doc;
use serde_json::json;

/// Whose writes count.
const PROCESS: &[&str] = &["deployment-controller", "replicaset-controller", "endpointslice-controller", "system:kube-scheduler"];

fn living(pods: &[Doc]) -> Vec<&Doc> {
    pods.iter().filter(|pod| !is_leaving(pod)).collect()
}

/// A deployment comes up, is rolled over and grows; there are never too many pods, nor too few ready ones.
async fn story(world: &World) {
    world.deploy(2, world.template("v1", 1), json!({"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}})).await;
    world.rolled_out(2).await;
    let mut pods = world.follow(PODS).await;
    world.patch(DEPLOYMENTS, "web", json!({"spec": {"template": world.template("v2", 1)}})).await;
    let updated = |pods: &[Doc]| {
        let living = living(pods);
        let ready = living.iter().filter(|pod| condition(pod, "Ready") == "True").count();
        assert!(ready >= 2 && living.len() <= 3, "{ready} of {} ready", living.len());
        living.len() == 2 && living.iter().all(|pod| pod["spec"]["containers"][0]["image"] == "v2")
    };
    pods.until("a rollout", updated).await;
    world.rolled_out(2).await;
    world.patch(DEPLOYMENTS, "web", json!({"spec": {"replicas": 3}})).await;
    let grown = |pods: &[Doc]| {
        assert!(living(pods).len() <= 3, "{pods:#?}");
        living(pods).len() == 3
    };
    pods.until("one more", grown).await;
    world.rolled_out(3).await;
}

/// Whether the story was over before the process died.
async fn dies_after(writes: usize) -> bool {
    let world = World::without_control().await;
    let fuse = Fuse::new(PROCESS, writes);
    world.start_control(Some(&fuse));
    let world = world.with_nodes(&["a", "b"], 1).await;
    let restarts = async {
        fuse.burns().await;
        world.stop_control().await;
        world.start_control(None);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = story(&world) => {}
        () = restarts => {}
    }
    world.stop().await;
    !fuse.is_burnt()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_survives_the_death_of_its_control_at_each_write() {
    let mut writes = 1;
    while !dies_after(writes).await {
        writes += 1;
    }
    // Sets and their sizes, pods and their nodes, endpoints, and what is told of them.
    assert!(writes > 40, "{writes} writes are fewer than the story takes");
}
