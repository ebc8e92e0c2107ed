//! Services lead to their pods: EndpointSlices, Endpoints and mirrors.

use crate::world::{PODS, World};
use client::{DeleteOptions, Resource};
use meta::Doc;
use serde_json::json;

const SERVICES: Resource = Resource::new("", "v1", "services");
const ENDPOINTS: Resource = Resource::new("", "v1", "endpoints");
const SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
const MANAGER: &str = "endpointslice-controller.k8s.io";
const MIRROR: &str = "endpointslicemirroring-controller.k8s.io";

fn service(selector: &Doc) -> Doc {
    let ports = json!([{ "name": "http", "port": 80, "targetPort": "http" }]);
    json!({ "metadata": { "name": "web" }, "spec": { "selector": selector, "ports": ports } })
}

/// `address ready serving terminating`, of all slices that `manager` keeps.
fn endpoints(slices: &[Doc], manager: &str) -> Vec<String> {
    let managed = slices.iter().filter(|slice| slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == manager);
    let mut all: Vec<String> = managed.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten()).map(line).collect();
    all.sort();
    all
}

fn line(endpoint: &Doc) -> String {
    let set = |name: &str| if endpoint["conditions"][name] == true { format!(" {name}") } else { String::new() };
    let address = endpoint["addresses"][0].as_str().unwrap_or_default();
    format!("{address}{}{}{}", set("ready"), set("serving"), set("terminating"))
}

async fn until(world: &World, expected: &[&str]) -> Vec<Doc> {
    world.until_all(SLICES, "default", |slices| endpoints(slices, MANAGER) == expected).await
}

#[tokio::test]
async fn endpoints_follow_the_pods() {
    let world = World::start().await;
    world.node("node", "zone-a").await;
    for (name, ip) in [("one", "10.0.0.1"), ("two", "10.0.0.2")] {
        world.pod(name, "web", "node").await;
        world.pod_runs(name, ip, name == "one").await;
    }
    world.admin.create(SERVICES, "default", service(&json!({ "app": "web" }))).await.expect("a service");
    let slices = until(&world, &["10.0.0.1 ready serving", "10.0.0.2"]).await;
    let ours: Vec<&Doc> = slices.iter().filter(|slice| slice["metadata"]["generateName"] == "web-").collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0]["ports"], json!([{ "name": "http", "port": 8080, "protocol": "TCP" }]));
    assert_eq!((&ours[0]["endpoints"][0]["nodeName"], &ours[0]["endpoints"][0]["zone"]), (&json!("node"), &json!("zone-a")));

    world.pod_runs("two", "10.0.0.2", true).await;
    until(&world, &["10.0.0.1 ready serving", "10.0.0.2 ready serving"]).await;
    world.admin.delete(PODS, "default", "one", DeleteOptions::default()).await.expect("a deletion");
    until(&world, &["10.0.0.1 serving terminating", "10.0.0.2 ready serving"]).await;
    let only = |doc: Option<&Doc>| {
        let addresses = doc.and_then(|doc| doc.pointer("/subsets/0/addresses")).and_then(Doc::as_array);
        addresses.is_some_and(|list| list.len() == 1 && list[0]["ip"] == "10.0.0.2")
    };
    world.until((ENDPOINTS, "default", "web"), only).await;
    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    world.admin.delete(PODS, "default", "one", now).await.expect("a deletion");
    let relabelled = json!({ "metadata": { "labels": { "app": "other" } } });
    world.admin.patch(PODS, "default", "two", "", relabelled).await.expect("a patch");
    let left = until(&world, &[]).await;
    assert!(left.iter().any(|slice| slice["metadata"]["name"] == ours[0]["metadata"]["name"]), "the slice is used again");

    world.admin.delete(SERVICES, "default", "web", DeleteOptions::default()).await.expect("a deletion");
    world.gone(ENDPOINTS, "default", "web").await;
    world.until_all(SLICES, "default", |slices| slices.iter().all(|slice| slice["metadata"]["generateName"] != "web-")).await;
    world.stop().await;
}

/// What the slices and the Endpoints object of the Service say of when the change happened that they are about.
async fn trigger_times(world: &World, expected: Option<&str>) {
    let says =
        |doc: &Doc| doc["metadata"]["annotations"]["endpoints.kubernetes.io/last-change-trigger-time"].as_str() == expected;
    let ours = |slice: &&Doc| slice["metadata"]["generateName"] == "web-";
    world.until_all(SLICES, "default", |slices| slices.iter().filter(ours).all(says)).await;
    world.until((ENDPOINTS, "default", "web"), |doc| doc.is_some_and(says)).await;
}

#[tokio::test]
async fn endpoints_say_when_their_cause_happened() {
    let world = World::start().await;
    world.node("node", "zone-a").await;
    world.pod("one", "web", "node").await;
    world.pod_runs("one", "10.0.0.1", false).await;
    let web = world.admin.create(SERVICES, "default", service(&json!({ "app": "web" }))).await.expect("a service");
    until(&world, &["10.0.0.1"]).await;
    trigger_times(&world, web.get("/metadata/creationTimestamp").as_str()).await;
    let since = "2040-01-01T00:00:00Z";
    let ready = json!({ "type": "Ready", "status": "True", "lastTransitionTime": since });
    world.admin.patch(PODS, "default", "one", "status", json!({ "status": { "conditions": [ready] } })).await.expect("a patch");
    until(&world, &["10.0.0.1 ready serving"]).await;
    trigger_times(&world, Some(since)).await;
    world.admin.delete(PODS, "default", "one", DeleteOptions::default()).await.expect("a deletion");
    until(&world, &["10.0.0.1 serving terminating"]).await;
    trigger_times(&world, None).await;
    world.stop().await;
}

#[tokio::test]
async fn hundreds_of_pods_fill_slices_that_others_cannot_spoil() {
    let world = World::start().await;
    world.node("node", "zone-a").await;
    let names: Vec<String> = (0..230).map(|number| format!("pod-{number}")).collect();
    futures::future::join_all(names.iter().enumerate().map(async |(number, name)| {
        world.pod(name, "web", "node").await;
        world.pod_runs(name, &format!("10.0.{}.{}", number / 250, number % 250), true).await;
    }))
    .await;
    world.admin.create(SERVICES, "default", service(&json!({ "app": "web" }))).await.expect("a service");
    let full = |slices: &[Doc]| endpoints(slices, MANAGER).len() == 230;
    let slices = world.until_all(SLICES, "default", full).await;
    let sizes = |slices: &[Doc]| {
        let ours = slices.iter().filter(|slice| slice["metadata"]["generateName"] == "web-");
        let mut sizes: Vec<usize> = ours.map(|slice| slice["endpoints"].as_array().map_or(0, Vec::len)).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(&slices), [30, 100, 100]);

    let victim = slices[0]["metadata"]["name"].as_str().expect("a name");
    world.admin.patch(SLICES, "default", victim, "", json!({ "endpoints": [] })).await.expect("a patch");
    world.until_all(SLICES, "default", full).await;
    // A second life of the controllers finds all as it should be.
    world.stop_controllers().await;
    let (_, before) = world.all(SLICES, "default").await;
    world.start_controllers();
    let later = json!({ "metadata": { "name": "later" }, "spec": { "selector": { "app": "none" }, "ports": [{ "port": 1 }] } });
    world.admin.create(SERVICES, "default", later).await.expect("a service");
    let after =
        world.until_all(SLICES, "default", |slices| slices.iter().any(|s| s["metadata"]["generateName"] == "later-")).await;
    assert_eq!(sizes(&after), sizes(&slices));
    let newest = |doc: &Doc| doc["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse::<u64>().ok());
    let rewritten = after.iter().filter(|s| s["metadata"]["generateName"] == "web-" && newest(s) > Some(before)).count();
    assert_eq!(rewritten, 0, "nothing is written anew");
    world.stop().await;
}

#[tokio::test]
async fn a_service_without_a_selector_mirrors_what_people_write() {
    let world = World::start().await;
    world.admin.create(SERVICES, "default", service(&Doc::Null)).await.expect("a service");
    let addresses = json!([{ "addresses": [{ "ip": "192.0.2.7" }], "ports": [{ "name": "http", "port": 5432 }] }]);
    let doc = json!({ "metadata": { "name": "web" }, "subsets": addresses });
    world.admin.create(ENDPOINTS, "default", doc).await.expect("endpoints");
    world.until_all(SLICES, "default", |slices| endpoints(slices, MIRROR) == ["192.0.2.7 ready"]).await;
    let selecting = json!({ "spec": { "selector": { "app": "web" } } });
    world.admin.patch(SERVICES, "default", "web", "", selecting).await.expect("a patch");
    world.until_all(SLICES, "default", |slices| endpoints(slices, MIRROR).is_empty()).await;
    world.stop().await;
}

#[tokio::test]
async fn the_api_servers_own_endpoints_are_left_alone() {
    let world = World::start().await;
    let addresses = json!([{ "addresses": [{ "ip": "10.0.9.9" }], "ports": [{ "name": "https", "port": 443 }] }]);
    let labels = json!({ "endpointslice.kubernetes.io/skip-mirror": "true" });
    let doc = json!({ "metadata": { "name": "kubernetes", "labels": labels }, "subsets": addresses });
    world.admin.create(ENDPOINTS, "default", doc).await.expect("endpoints");
    let slice = json!({ "metadata": { "name": "kubernetes", "labels": { "kubernetes.io/service-name": "kubernetes" } },
        "addressType": "IPv4", "endpoints": [{ "addresses": ["10.0.9.9"] }], "ports": [{ "name": "https", "port": 443 }] });
    world.admin.create(SLICES, "default", slice).await.expect("a slice");
    world.admin.create(SERVICES, "default", service(&json!({ "app": "web" }))).await.expect("a service");
    world.there(ENDPOINTS, "default", "web").await;
    let slices = world.until_all(SLICES, "default", |slices| slices.len() == 2).await;
    assert!(slices.iter().any(|slice| slice["endpoints"][0]["addresses"][0] == "10.0.9.9"));
    let kubernetes = world.there(ENDPOINTS, "default", "kubernetes").await;
    assert_eq!(kubernetes["subsets"][0]["addresses"][0]["ip"], "10.0.9.9");
    world.stop().await;
}
