//! Stateful sets that grow, change and shrink.

use crate::kubelet::{playing, running};
use crate::world::{PODS, World};
use client::{Options, Resource};
use meta::Doc;
use serde_json::json;

const STATEFUL_SETS: Resource = Resource::new("apps", "v1", "statefulsets");
const CLAIMS: Resource = Resource::new("", "v1", "persistentvolumeclaims");

async fn set(world: &World, spec: Doc) {
    let mut spec = spec;
    spec["selector"] = json!({ "matchLabels": { "app": "db" } });
    spec["serviceName"] = "db".into();
    spec["template"] =
        json!({ "metadata": { "labels": { "app": "db" } }, "spec": { "containers": [{ "name": "c", "image": "i:1" }] } });
    let doc = json!({ "metadata": { "name": "db" }, "spec": spec });
    world.admin.create(STATEFUL_SETS, "default", doc).await.expect("a stateful set");
}

async fn change(world: &World, spec: Doc) {
    world.admin.patch(STATEFUL_SETS, "default", "db", "", json!({ "spec": spec })).await.expect("a patch");
}

async fn counts(world: &World, expected: Doc) -> Doc {
    let is = |doc: Option<&Doc>| {
        let set = doc.filter(|set| set["status"]["observedGeneration"] == set["metadata"]["generation"]);
        set.is_some_and(|set| expected.as_object().into_iter().flatten().all(|(field, count)| set["status"][field] == *count))
    };
    world.until((STATEFUL_SETS, "default", "db"), is).await.expect("it is there")
}

/// `name image`, in the order of creation.
async fn pods(world: &World) -> Vec<String> {
    let list = world.admin.list(PODS, "default", Options::default()).await.expect("a list");
    let mut pods: Vec<&std::sync::Arc<meta::Object>> = list.items.iter().collect();
    pods.sort_by_key(|pod| pod.meta.name.clone());
    let image = |pod: &meta::Object| pod.get("/spec/containers/0/image").as_str().unwrap_or_default().to_owned();
    pods.into_iter().map(|pod| format!("{} {}", pod.meta.name, image(pod))).collect()
}

fn image(image: &str) -> Doc {
    json!({ "template": { "spec": { "containers": [{ "name": "c", "image": image }] } } })
}

#[tokio::test]
async fn an_ordered_set_waits_for_each_pod() {
    let world = World::start().await;
    set(&world, json!({ "replicas": 3 })).await;
    world.there(PODS, "default", "db-0").await;
    counts(&world, json!({ "replicas": 1 })).await;
    assert_eq!(pods(&world).await, ["db-0 i:1"], "the next one waits for this one");
    let story = async {
        let done = counts(&world, json!({ "readyReplicas": 3 })).await;
        assert_eq!(pods(&world).await, ["db-0 i:1", "db-1 i:1", "db-2 i:1"]);
        assert_eq!(done["status"]["currentRevision"], done["status"]["updateRevision"]);
        change(&world, json!({ "replicas": 1 })).await;
        counts(&world, json!({ "replicas": 1 })).await;
        assert_eq!(pods(&world).await, ["db-0 i:1"]);
    };
    playing(&world, "default", |_| Some(running()), story).await;
    world.stop().await;
}

#[tokio::test]
async fn an_update_stops_at_its_partition_and_can_be_undone() {
    let world = World::start().await;
    set(&world, json!({ "replicas": 3, "updateStrategy": { "rollingUpdate": { "partition": 2 } } })).await;
    let story = async {
        counts(&world, json!({ "readyReplicas": 3 })).await;
        change(&world, image("i:2")).await;
        counts(&world, json!({ "readyReplicas": 3, "updatedReplicas": 1, "currentReplicas": 2 })).await;
        assert_eq!(pods(&world).await, ["db-0 i:1", "db-1 i:1", "db-2 i:2"]);
        change(&world, json!({ "updateStrategy": { "rollingUpdate": { "partition": 0 } } })).await;
        let done = counts(&world, json!({ "readyReplicas": 3, "updatedReplicas": 3, "currentReplicas": 3 })).await;
        assert_eq!(done["status"]["currentRevision"], done["status"]["updateRevision"]);
        assert_eq!(pods(&world).await, ["db-0 i:2", "db-1 i:2", "db-2 i:2"]);
        change(&world, image("i:1")).await;
        let back = |doc: Option<&Doc>| {
            doc.is_some_and(|set| {
                set["status"]["currentRevision"] != done["status"]["currentRevision"] && set["status"]["updatedReplicas"] == 3
            })
        };
        world.until((STATEFUL_SETS, "default", "db"), back).await;
        assert_eq!(pods(&world).await, ["db-0 i:1", "db-1 i:1", "db-2 i:1"]);
    };
    playing(&world, "default", |_| Some(running()), story).await;
    world.stop().await;
}

#[tokio::test]
async fn pods_keep_their_names_and_claims() {
    let world = World::start().await;
    let claim = json!({ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
    set(&world, json!({ "replicas": 2, "podManagementPolicy": "Parallel", "volumeClaimTemplates": [claim] })).await;
    let story = async {
        counts(&world, json!({ "readyReplicas": 2 })).await;
        let claim = world.there(CLAIMS, "default", "data-db-1").await;
        let first = world.there(PODS, "default", "db-1").await;
        assert_eq!(first["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-1");
        world.admin.delete(PODS, "default", "db-1", client::DeleteOptions::default()).await.expect("a deletion");
        let other = |doc: Option<&Doc>| doc.is_some_and(|pod| pod["metadata"]["uid"] != first["metadata"]["uid"]);
        world.until((PODS, "default", "db-1"), other).await;
        counts(&world, json!({ "readyReplicas": 2 })).await;
        assert_eq!(world.there(CLAIMS, "default", "data-db-1").await["metadata"]["uid"], claim["metadata"]["uid"]);
    };
    playing(&world, "default", |_| Some(running()), story).await;
    world.stop().await;
}

#[tokio::test]
async fn a_pod_that_ended_is_replaced() {
    let world = World::start().await;
    set(&world, json!({ "replicas": 1 })).await;
    let first = world.there(PODS, "default", "db-0").await;
    let evicted = json!({ "status": { "phase": "Failed", "reason": "Evicted" } });
    world.admin.patch(PODS, "default", "db-0", "status", evicted).await.expect("a patch");
    let other = |doc: Option<&Doc>| doc.is_some_and(|pod| pod["metadata"]["uid"] != first["metadata"]["uid"]);
    world.until((PODS, "default", "db-0"), other).await;
    world.stop().await;
}
