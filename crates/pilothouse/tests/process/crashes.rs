//! `kill -9` at any moment: what was acknowledged is there afterwards, and nothing is left half done.

use crate::aws::Aws;
use crate::binary::{Home, Running, cluster_input};
use crate::http::connect;
use crate::kube::Kube;
use crate::sandbox;
use client::{Options, Resource};
use cloud_eks::{ACCESS_ENTRIES, CLUSTERS, CONTROL_PLANES};
use cluster::{Config, Service};
use meta::Doc;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CONTROL_PLANE_KEYS: Resource = Resource::new("eks.pilothouse.dev", "v1", "controlplanekeys");
const CYCLES: u64 = 20;
/// Clusters that stay while others come and go.
const KEPT: usize = 2;
/// A creation or deletion is over within about this time, so that kills fall on all of its steps.
const SPAN_MS: u64 = 120;

/// The kills of a run fall at the same moments in every run, unless this variable names another seed.
const SEED_VARIABLE: &str = "PILOTHOUSE_TEST_SEED";
const SEED: u64 = 0x5eed;

pub struct Moments {
    state: u64,
    span_ms: u64,
}

impl Moments {
    pub fn seeded(span_ms: u64) -> Self {
        let seed = std::env::var(SEED_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
        println!("{SEED_VARIABLE}={seed}");
        Self { state: seed, span_ms }
    }

    /// splitmix64.
    pub fn next(&mut self) -> Duration {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis((z ^ (z >> 31)) % self.span_ms)
    }
}

fn kube(running: &Running, cluster: &Doc) -> Kube {
    Kube::of(cluster, running.aws.cluster_token(cluster["name"].as_str().expect("a name")))
}

/// An endpoint listens again shortly after the service is ready: clients try again.
pub async fn listens(kube: &Kube) {
    let trying = async {
        while connect(&kube.endpoint).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    crate::binary::within("the endpoint", trying).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_state_survives() {
    if !sandbox::contained("crashes::acknowledged_state_survives") {
        return;
    }
    let home = Home::new();
    let mut running = home.up().await;
    running.create("demo").await;
    let demo = running.active("demo").await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let mut written = BTreeMap::new();
    for n in 0..20 {
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{n}")}, "data": {"n": n.to_string()}});
        let (status, made) = kube(&running, &demo).post(maps, map).await;
        assert_eq!(status, 201);
        written.insert(format!("m{n}"), made);
    }
    for _ in 0..2 {
        running.kill().await;
        running = home.up().await;
        let again = running.aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await["cluster"].take();
        assert_eq!(again, demo);
        let kube = kube(&running, &demo);
        listens(&kube).await;
        for (name, made) in &written {
            assert_eq!(kube.get(&format!("{maps}/{name}")).await, (200, made.clone()));
        }
        let newest = written.values().filter_map(|made| made["metadata"]["resourceVersion"].as_str()?.parse::<u64>().ok()).max();
        let (_, list) = kube.get(maps).await;
        let revision = list["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse::<u64>().ok());
        assert!(revision >= newest, "{revision:?} went back behind {newest:?}");
    }
    running.kill().await;
    assert!(home.refusal(&["status"]).await.contains("pilothouse up"), "nobody answers for a killed service");
    home.ok(&["down", "--purge"]).await;
    assert!(!home.state().exists());
}

/// Twenty clusters come and go, and the service is killed during each creation and each deletion.
#[tokio::test(flavor = "multi_thread")]
async fn creations_and_deletions_end_whole() {
    if !sandbox::contained("crashes::creations_and_deletions_end_whole") {
        return;
    }
    let home = Home::new();
    let mut running = home.up().await;
    let mut moments = Moments::seeded(SPAN_MS);
    let mut alive: Vec<String> = Vec::new();
    let mut answered = 0;
    for cycle in 0..CYCLES {
        let name = format!("c{cycle}");
        let input = cluster_input(&running.aws, &name).await;
        let aws = running.aws.clone();
        let acknowledged = killed_during(&mut running, moments.next(), answered_well(&aws, "CreateCluster", input)).await;
        answered += u64::from(acknowledged);
        running = home.up().await;
        let listed = running.aws.ok("eks", "ListClusters", json!({})).await["clusters"].take();
        let exists = listed.as_array().is_some_and(|names| names.contains(&json!(name)));
        assert!(exists || !acknowledged, "{name} was acknowledged and is not there");
        if exists {
            alive.push(name);
        }
        check_alive(&running, &alive).await;
        if alive.len() <= KEPT {
            continue;
        }
        let name = alive.remove(0);
        let aws = running.aws.clone();
        let acknowledged =
            killed_during(&mut running, moments.next(), answered_well(&aws, "DeleteCluster", json!({"name": name}))).await;
        answered += u64::from(acknowledged);
        running = home.up().await;
        if !acknowledged {
            // Whether the request arrived or not, asking again is fine.
            drop(running.aws.call("eks", "DeleteCluster", json!({"name": name})).await);
        }
        running.gone(&name).await;
        check_alive(&running, &alive).await;
    }
    running.kill().await;
    println!("{answered} of {} requests were answered before the kill", 2 * CYCLES - KEPT as u64);
    check_records(&home, alive.len()).await;
}

pub async fn answered_well(aws: &Aws, operation: &str, input: Doc) -> bool {
    matches!(aws.try_call("eks", operation, input).await, Ok(Ok(_)))
}

/// Kills the service a while after the request was begun; says whether the request was answered well.
pub async fn killed_during(running: &mut Running, after: Duration, request: impl Future<Output = bool>) -> bool {
    let kill = async {
        tokio::time::sleep(after).await;
        running.kill().await;
    };
    tokio::join!(request, kill).0
}

/// Every cluster answers at an address, under an authority, that is its own.
async fn check_alive(running: &Running, alive: &[String]) {
    let mut addresses = BTreeSet::new();
    for name in alive {
        let cluster = running.active(name).await;
        let kube = kube(running, &cluster);
        listens(&kube).await;
        assert_eq!(kube.get("/api/v1/namespaces/default").await.0, 200, "{name}");
        assert!(addresses.insert(kube.endpoint), "{name} shares its address");
    }
}

/// What the records of a stopped service hold: each cluster's own, and nothing of those that are gone.
async fn check_records(home: &Home, clusters: usize) {
    let config = Config {
        state_dir: home.state(),
        port: 0,
        account: "123456789012".into(),
        region: "us-east-1".into(),
        zones: ["a", "b", "c"].map(|zone| format!("us-east-1{zone}")).into(),
        hosts_file: None,
        simulated: false,
    };
    let service = Service::start(&config, &|_| ()).await.expect("the service starts");
    // One security group more: the default VPC's.
    for (resource, count) in [
        (CLUSTERS, clusters),
        (CONTROL_PLANES, clusters),
        (CONTROL_PLANE_KEYS, clusters),
        (ACCESS_ENTRIES, clusters),
        (cloud_ec2::SECURITY_GROUPS, clusters + 1),
    ] {
        let listed = service.admin.list(resource, "", Options::default()).await.expect("a list");
        assert_eq!(listed.items.len(), count, "{}", resource.plural);
    }
    service.stop().await;
}
