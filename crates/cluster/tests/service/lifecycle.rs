//! A cluster from CreateCluster to its last trace.

use crate::sandbox;
use crate::world::http::{connect, host_of, send};
use crate::world::{CONTROL_PLANE_KEYS, World, config, within};
use aws_wire::HttpRequest;
use client::Options;
use cloud_eks::{CLUSTERS, CONTROL_PLANES};
use http::Method;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;
use storage::backend::Disk;
use storage::{Engine, EngineOptions, Keyring};

/// `/readyz` under the authority and at the address that the description names.
async fn ready(description: &Doc) -> u16 {
    let kube = crate::world::kube::Kube::of(description, String::new());
    let mut request = HttpRequest::new(Method::GET, "/readyz");
    request.set_header("host", host_of(&kube.endpoint));
    send(&kube.endpoint, &kube.authority, &request).await.expect("an answer").status
}

/// The client sees CREATING until it sees ACTIVE, and at the first ACTIVE the cluster answers.
#[tokio::test(flavor = "multi_thread")]
async fn active_means_ready() {
    if !sandbox::contained("lifecycle::active_means_ready") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let creating = aws.ok("eks", "CreateCluster", world.cluster_input("demo").await).await["cluster"].take();
    assert_eq!((&creating["status"], &creating["endpoint"]), (&json!("CREATING"), &Doc::Null));
    let look = async {
        loop {
            let seen = aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await["cluster"].take();
            match seen["status"].as_str() {
                Some("ACTIVE") => break seen,
                Some("CREATING") => tokio::task::yield_now().await,
                other => panic!("CREATING turned into {other:?}"),
            }
        }
    };
    let active = within("ACTIVE", look).await;
    assert_eq!(ready(&active).await, 200);
    assert_eq!(world.kube(&active, &aws).get("/api/v1/namespaces/default").await.0, 200, "the creator gets in at once");
    for member in ["arn", "version", "createdAt", "roleArn", "identity", "resourcesVpcConfig", "kubernetesNetworkConfig"] {
        assert_eq!(active[member], creating[member], "{member}");
    }
    let group = &active["resourcesVpcConfig"]["clusterSecurityGroupId"];
    let described = aws.ok("ec2", "DescribeSecurityGroups", json!({"GroupIds": [group]})).await;
    assert_eq!(described["SecurityGroups"][0]["VpcId"], active["resourcesVpcConfig"]["vpcId"]);
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_leaves_nothing() {
    if !sandbox::contained("lifecycle::deletion_leaves_nothing") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let before = world.census().await;
    let kept = world.cluster("kept").await;
    // Its addresses come a little after it is ACTIVE, where networks can be made at all.
    if node_os::netns::permitted().is_ok() {
        world.until(CONTROL_PLANES, "kept", |doc| doc.is_some_and(|doc| doc["status"]["addresses"].is_array())).await;
    }
    let with_one = world.census().await;
    let mut endpoints = vec![kept["endpoint"].clone()];
    // Twice under one name: the second is another cluster than the first.
    let mut authorities = Vec::new();
    for _ in 0..2 {
        let demo = world.cluster("demo").await;
        let kube = world.kube(&demo, &aws);
        let (status, _) =
            kube.post("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})).await;
        assert_eq!(status, 201, "nothing of the first is left in the second");
        endpoints.push(demo["endpoint"].clone());
        authorities.push(demo["certificateAuthority"]["data"].clone());
        let deleting = aws.ok("eks", "DeleteCluster", json!({"name": "demo"})).await;
        assert_eq!(deleting["cluster"]["status"], "DELETING");
        world.gone("demo").await;
        assert_eq!(aws.refusal("eks", "DescribeCluster", json!({"name": "demo"})).await, "404 ResourceNotFoundException");
        assert!(connect(&kube.endpoint).await.is_err(), "{} still listens", kube.endpoint);
        assert_eq!(world.census().await, with_one);
    }
    assert_ne!(authorities[0], authorities[1]);
    assert_ne!(endpoints[0], endpoints[1]);
    assert_eq!(ready(&kept).await, 200);
    aws.ok("eks", "DeleteCluster", json!({"name": "kept"})).await;
    world.gone("kept").await;
    assert_eq!(world.census().await, before);
    let World { service, directory, .. } = world;
    service.stop().await;
    assert_eq!(stores(directory.path()), ["management"]);
}

/// The clusters that have data in the store of a stopped service.
fn stores(directory: &std::path::Path) -> Vec<String> {
    let disk = Disk::new(directory.join("store")).expect("the store");
    let engine =
        Engine::open(Arc::new(disk), &Keyring::file("master.key"), EngineOptions::default()).expect("nobody else has it");
    engine.clusters().iter().map(|id| id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_protection_and_repeated_requests() {
    if !sandbox::contained("lifecycle::deletion_protection_and_repeated_requests") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let mut input = world.cluster_input("demo").await;
    input["deletionProtection"] = json!(true);
    input["clientRequestToken"] = json!("once");
    let made = aws.ok("eks", "CreateCluster", input.clone()).await;
    assert_eq!(aws.ok("eks", "CreateCluster", input.clone()).await["cluster"]["arn"], made["cluster"]["arn"]);
    input["clientRequestToken"] = json!("twice");
    assert_eq!(aws.refusal("eks", "CreateCluster", input).await, "409 ResourceInUseException");
    world.active("demo").await;
    assert_eq!(aws.refusal("eks", "DeleteCluster", json!({"name": "demo"})).await, "400 InvalidRequestException");
    assert_eq!(aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await["cluster"]["status"], "ACTIVE");
    world.service.stop().await;
}

/// Everything a client knows of its cluster holds after a restart of the service.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing() {
    if !sandbox::contained("lifecycle::a_restart_changes_nothing") {
        return;
    }
    let world = World::start().await;
    let demo = world.cluster("demo").await;
    let mut other = world.cluster_input("other").await;
    other["version"] = json!("1.34");
    world.administrator().ok("eks", "CreateCluster", other).await;
    world.active("other").await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}});
    let (_, made) = world.kube(&demo, &world.administrator()).post("/api/v1/namespaces/default/configmaps", map).await;
    let before = world.census().await;
    let world = world.restart().await;
    let aws = world.administrator();
    let again = aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await["cluster"].take();
    assert_eq!(again, demo);
    assert_eq!(aws.ok("eks", "ListClusters", json!({})).await["clusters"], json!(["demo", "other"]));
    // The endpoint listens before or shortly after the service's own does.
    let answering = async {
        while connect(demo["endpoint"].as_str().expect("an endpoint")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within("the endpoint", answering).await;
    let kube = world.kube(&demo, &aws);
    assert_eq!(kube.get("/api/v1/namespaces/default/configmaps/m").await, (200, made));
    assert_eq!(world.census().await, before);
    world.service.stop().await;
}

/// Clusters of one moment do not share an address, a key or a security group.
#[tokio::test(flavor = "multi_thread")]
async fn side_by_side() {
    if !sandbox::contained("lifecycle::side_by_side") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let names = ["a", "b", "c", "d", "e", "f"];
    let inputs = world.cluster_input("x").await;
    let created = names.map(|name| {
        let (aws, mut input) = (aws.clone(), inputs.clone());
        input["name"] = json!(name);
        async move { aws.ok("eks", "CreateCluster", input).await }
    });
    futures::future::join_all(created).await;
    let mut seen: Vec<[Doc; 3]> = Vec::new();
    for name in names {
        world.active(name).await;
        let mut cluster = aws.ok("eks", "DescribeCluster", json!({"name": name})).await["cluster"].take();
        assert_eq!(ready(&cluster).await, 200);
        let data = cluster["certificateAuthority"]["data"].take();
        let group = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"].take();
        let this = [cluster["endpoint"].take(), data, group];
        assert!(seen.iter().all(|other| other.iter().zip(&this).all(|(a, b)| a != b)), "{name}");
        seen.push(this);
    }
    let keys = world.admin().list(CONTROL_PLANE_KEYS, "", Options::default()).await.expect("a list");
    assert_eq!(keys.items.len(), names.len());
    let second = cluster::Service::start(&config(world.directory.path()), &|_| ()).await;
    let refused = second.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("in use by another pilothouse"), "{refused}");
    world.service.stop().await;
}

/// The address of a cluster is its own for good: while another program has it the cluster says so, and then it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_is_a_health_issue() {
    if !sandbox::contained("lifecycle::a_taken_address_is_a_health_issue") {
        return;
    }
    let world = World::start().await;
    let demo = world.cluster("demo").await;
    let World { service, clock, directory } = world;
    service.stop().await;
    let host = host_of(demo["endpoint"].as_str().expect("an endpoint")).to_owned();
    let address = if host.contains(':') { host } else { format!("{host}:443") };
    let squatter = std::net::TcpListener::bind(&address).expect("nobody has it");
    let world = World::start_in(directory, clock).await;
    let aws = world.administrator();
    world.until(CLUSTERS, "demo", |record| record.is_some_and(|doc| doc["status"]["issues"][0].is_object())).await;
    let ailing = aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await["cluster"].take();
    assert_eq!((&ailing["status"], &ailing["endpoint"]), (&json!("ACTIVE"), &demo["endpoint"]));
    let issue = &ailing["health"]["issues"][0];
    assert!(issue["message"].as_str().is_some_and(|text| text.contains(&address)), "{issue}");
    drop(squatter);
    world.until(CLUSTERS, "demo", |record| record.is_some_and(|doc| doc["status"]["issues"] == json!([]))).await;
    assert_eq!(aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await["cluster"], demo);
    assert_eq!(ready(&demo).await, 200);
    world.service.stop().await;
}
