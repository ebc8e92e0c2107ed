//! How many pods a second find a node, on a real API server: `cargo test -p scheduler --test throughput -- --ignored
//! --nocapture`. Numbers are printed, not judged.

#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
#[path = "../../../apiserver/tests/plane/watched.rs"]
mod watched;
#[path = "../scenarios/world.rs"]
#[allow(dead_code, reason = "stories need more of a world than this does")]
mod world;

use futures::{StreamExt, stream};
use meta::Doc;
use serde_json::json;
use std::time::{Duration, Instant};
use world::{PODS, World};

/// Nodes, and pods created on them of each shape.
const SIZES: [(usize, usize); 3] = [(100, 2000), (1000, 5000), (5000, 10_000)];
const ZONES: usize = 3;
/// Replicas of one application.
const REPLICAS: usize = 100;
const CREATORS: usize = 64;

/// What the pods of application `app` ask for.
type Shape = fn(app: &str) -> Doc;

const SHAPES: [(&str, Shape); 5] = [
    ("basic", |_| json!({})),
    ("zone spread", |app| json!({"topologySpreadConstraints": [spread("topology.kubernetes.io/zone", "DoNotSchedule", app)]})),
    (
        "node spread preferred",
        |app| json!({"topologySpreadConstraints": [spread("kubernetes.io/hostname", "ScheduleAnyway", app)]}),
    ),
    ("required anti-affinity", |app| json!({"affinity": {"podAntiAffinity": required("kubernetes.io/hostname", app)}})),
    ("required affinity", |app| json!({"affinity": {"podAffinity": required("topology.kubernetes.io/zone", app)}})),
];

fn spread(key: &str, when: &str, app: &str) -> Doc {
    json!({"maxSkew": 5, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": {"matchLabels": {"app": app}}})
}

fn required(key: &str, app: &str) -> Doc {
    let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
    json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]})
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn pods_a_second() {
    for (nodes, pods) in SIZES {
        measure(nodes, pods).await;
    }
}

async fn measure(nodes: usize, pods: usize) {
    let mut world = World::start().await;
    stream::iter(0..nodes).for_each_concurrent(CREATORS, |n| node(&world, n)).await;
    println!("{nodes} nodes");
    for (name, shape) in SHAPES {
        // A scheduler that has nothing counted from shapes before.
        world.restart_scheduler().await;
        let started = Instant::now();
        stream::iter(0..pods).for_each_concurrent(CREATORS, |n| pod(&world, name, n, shape)).await;
        let created = started.elapsed();
        while world.stats.scheduled() < pods as u64 && started.elapsed() < Duration::from_secs(120) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (scheduled, took) = (world.stats.scheduled(), started.elapsed());
        let rate = scheduled as f64 / took.as_secs_f64();
        println!(
            "{name:>24}: {scheduled} pods in {took:.2?} (created in {created:.2?}): {rate:.0}/s, cycle {:.1?}",
            world.stats.mean_cycle()
        );
    }
    world.stop().await;
}

async fn node(world: &World, n: usize) {
    let labels = json!({"kubernetes.io/hostname": format!("n{n}"), "topology.kubernetes.io/zone": format!("z{}", n % ZONES)});
    let allocatable = json!({"cpu": "32", "memory": "256Gi", "pods": "110"});
    world.node(&format!("n{n}"), json!({"metadata": {"labels": labels}, "status": {"allocatable": allocatable}})).await;
}

async fn pod(world: &World, name: &str, n: usize, shape: Shape) {
    let app = format!("{}-{}", name.replace(' ', "-"), n / REPLICAS);
    let mut spec = shape(&app);
    spec["containers"] = world::asking("100m");
    let doc = json!({"metadata": {"name": format!("{app}-{n}"), "labels": {"app": app}}, "spec": spec});
    world.admin.create(PODS, "default", doc).await.expect("a pod");
}
