//! Daemons on nodes that come, change and go.

use crate::kubelet::{playing, running};
use crate::world::{PODS, World};
use client::{Options, Resource};
use meta::Doc;
use serde_json::json;

const DAEMON_SETS: Resource = Resource::new("apps", "v1", "daemonsets");
const REVISIONS: Resource = Resource::new("apps", "v1", "controllerrevisions");
const NODES: Resource = Resource::new("", "v1", "nodes");

async fn node(world: &World, name: &str, zone: &str) {
    let doc = json!({ "metadata": { "name": name, "labels": { "zone": zone } } });
    world.admin.create(NODES, "", doc).await.expect("a node");
    // Whoever watches conditions takes the taint of a new node away.
    world.admin.patch(NODES, "", name, "", json!({ "spec": { "taints": null } })).await.expect("a patch");
}

async fn daemon(world: &World, spec: Doc) {
    let mut spec = spec;
    spec["selector"] = json!({ "matchLabels": { "app": "d" } });
    spec["template"]["metadata"] = json!({ "labels": { "app": "d" } });
    spec["template"]["spec"]["containers"] = json!([{ "name": "c", "image": "i:1" }]);
    let doc = json!({ "metadata": { "name": "d" }, "spec": spec });
    world.admin.create(DAEMON_SETS, "default", doc).await.expect("a daemon set");
}

async fn counts(world: &World, expected: Doc) -> Doc {
    let is = |doc: Option<&Doc>| {
        let set = doc.filter(|set| set["status"]["observedGeneration"] == set["metadata"]["generation"]);
        set.is_some_and(|set| expected.as_object().into_iter().flatten().all(|(field, count)| set["status"][field] == *count))
    };
    world.until((DAEMON_SETS, "default", "d"), is).await.expect("it is there")
}

/// Target nodes and images.
async fn pods(world: &World) -> Vec<(String, String)> {
    let list = world.admin.list(PODS, "default", Options::default()).await.expect("a list");
    let terms =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";
    let text = |pod: &Doc, pointer: &str| pod.pointer(pointer).and_then(Doc::as_str).unwrap_or_default().to_owned();
    let pods = list.items.iter().map(|pod| pod.to_doc());
    let mut found: Vec<(String, String)> = pods.map(|pod| (text(&pod, terms), text(&pod, "/spec/containers/0/image"))).collect();
    found.sort();
    found
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(node, image)| ((*node).to_owned(), (*image).to_owned())).collect()
}

#[tokio::test]
async fn daemons_follow_nodes() {
    let world = World::start().await;
    node(&world, "a", "east").await;
    node(&world, "b", "west").await;
    daemon(&world, json!({ "template": { "spec": { "nodeSelector": { "zone": "east" } } } })).await;
    let story = async {
        counts(&world, json!({ "desiredNumberScheduled": 1, "numberAvailable": 1 })).await;
        assert_eq!(pods(&world).await, named(&[("a", "i:1")]));
        node(&world, "c", "east").await;
        counts(&world, json!({ "desiredNumberScheduled": 2, "numberAvailable": 2 })).await;
        let zone = |zone: &str| json!({ "metadata": { "labels": { "zone": zone } } });
        world.admin.patch(NODES, "", "a", "", zone("west")).await.expect("a patch");
        counts(&world, json!({ "desiredNumberScheduled": 1, "numberAvailable": 1, "numberMisscheduled": 0 })).await;
        world.admin.patch(NODES, "", "b", "", zone("east")).await.expect("a patch");
        counts(&world, json!({ "desiredNumberScheduled": 2, "numberAvailable": 2, "numberMisscheduled": 0 })).await;
        assert_eq!(pods(&world).await, named(&[("b", "i:1"), ("c", "i:1")]));
    };
    playing(&world, "default", |_| Some(running()), story).await;
    world.stop().await;
}

#[tokio::test]
async fn an_update_reaches_every_node_and_can_be_undone() {
    let world = World::start().await;
    for name in ["a", "b", "c"] {
        node(&world, name, "east").await;
    }
    daemon(&world, json!({})).await;
    let image = |image: &str| json!({ "spec": { "template": { "spec": { "containers": [{ "name": "c", "image": image }] } } } });
    let everywhere = json!({ "updatedNumberScheduled": 3, "numberAvailable": 3 });
    let story = async {
        counts(&world, everywhere.clone()).await;
        for wanted in ["i:2", "i:1"] {
            world.admin.patch(DAEMON_SETS, "default", "d", "", image(wanted)).await.expect("a patch");
            counts(&world, everywhere.clone()).await;
            assert_eq!(pods(&world).await, named(&[("a", wanted), ("b", wanted), ("c", wanted)]));
        }
    };
    playing(&world, "default", |_| Some(running()), story).await;
    // The first template came back as the third revision.
    let revisions = world.admin.list(REVISIONS, "default", Options::default()).await.expect("a list");
    let mut numbers: Vec<i64> = revisions.items.iter().filter_map(|r| r.get("/revision").as_i64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
    let data = revisions.items[0].get("/data/spec/template");
    assert_eq!(data["$patch"], "replace", "{data}");
    world.stop().await;
}

#[tokio::test]
async fn daemons_of_a_deleted_set_go() {
    let world = World::start().await;
    node(&world, "a", "east").await;
    daemon(&world, json!({})).await;
    counts(&world, json!({ "currentNumberScheduled": 1 })).await;
    let name = world.admin.list(PODS, "default", Options::default()).await.expect("a list").items[0].meta.name.clone();
    world.admin.delete(DAEMON_SETS, "default", "d", client::DeleteOptions::default()).await.expect("a deletion");
    world.gone(PODS, "default", &name).await;
    world.stop().await;
}
