//! How long a decision takes at 5,000 nodes, everything else left out: `cargo test -p scheduler cycles -- --ignored
//! --nocapture`. Numbers are printed, not judged.

use crate::cluster::Cluster;
use crate::draw::Draw;
use crate::framework::{best, feasible};
use crate::model::Pod;
use crate::plugins::SCHEDULER_PLUGINS;
use crate::testing::{add_node, asking, pod};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NODES: usize = 5000;
const PODS: usize = 5000;
const REPLICAS: usize = 100;
const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

#[test]
#[ignore = "a measurement"]
fn cycles() {
    let spread = |key: &str, when: &str, app: &str| {
        let selector = json!({"matchLabels": {"app": app}});
        json!({"topologySpreadConstraints":
            [{"maxSkew": 5, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector}]})
    };
    let near = |kind: &str, key: &str, app: &str| {
        let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
        json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let mut cluster = Cluster::default();
    for n in 0..NODES {
        let labels = json!({HOST: format!("n{n}"), ZONE: format!("z{}", n % 3)});
        let allocatable = json!({"cpu": "32", "memory": "256Gi", "pods": "110"});
        let doc = json!({"metadata": {"labels": labels}, "status": {"allocatable": allocatable}});
        add_node(&mut cluster, &format!("n{n}"), doc);
    }
    measure(&mut cluster, "basic", |_| json!({}));
    measure(&mut cluster, "zone spread", |app| spread(ZONE, "DoNotSchedule", app));
    measure(&mut cluster, "node spread preferred", |app| spread(HOST, "ScheduleAnyway", app));
    measure(&mut cluster, "required anti-affinity", |app| near("podAntiAffinity", HOST, app));
    measure(&mut cluster, "required affinity", |app| near("podAffinity", ZONE, app));
    measure(&mut cluster, "fits nowhere", |_| json!({"nodeSelector": {"disk": "ssd"}}));
}

fn measure(cluster: &mut Cluster, name: &str, shape: impl Fn(&str) -> Doc) {
    let (mut draw, mut start, mut slowest) = (Draw::new(name), 0, Duration::ZERO);
    let pods: Vec<Arc<Pod>> = (0..PODS).map(|n| replica(name, n, &shape)).collect();
    let started = Instant::now();
    for pod in pods {
        let cycle = Instant::now();
        SCHEDULER_PLUGINS.iter().for_each(|plugin| plugin.prepare(cluster, &pod));
        cluster.begin_cycle();
        let outcome = feasible(SCHEDULER_PLUGINS, cluster, &pod, start);
        start = (start + outcome.looked_at) % NODES;
        let node = best(SCHEDULER_PLUGINS, cluster, &pod, &outcome.feasible, |n| draw.below(n));
        drop(outcome);
        if let Some(node) = node {
            let host = cluster.host(node).name.clone();
            cluster.place(pod, &host, true);
        }
        slowest = slowest.max(cycle.elapsed());
    }
    let mean = started.elapsed() / PODS as u32;
    println!("{name:>24}: {mean:.1?} a cycle, the slowest {slowest:.1?}, {:.0}/s", 1.0 / mean.as_secs_f64());
}

fn replica(name: &str, n: usize, shape: impl Fn(&str) -> Doc) -> Arc<Pod> {
    let app = format!("{}-{}", name.replace(' ', "-"), n / REPLICAS);
    let mut spec = shape(&app);
    spec["containers"] = asking("100m", "64Mi");
    pod(json!({"metadata": {"name": format!("{app}-{n}"), "labels": {"app": app}}, "spec": spec}))
}
