//! Clusters of simulated nodes: how many pods a second find a node, how long a large Deployment takes, and what it all costs.

use super::events::Events;
use super::http::Target;
use super::report::Report;
use super::{clusters, idle, namespace_path};
use crate::demo::{service, world::World};
use crate::process::{Failure, Result};
use crate::procfs;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const CLUSTER: &str = "simulated";
/// 16 processors and room for 234 pods.
const INSTANCE_TYPE: &str = "m5.4xlarge";
/// What EKS allows in one node group.
const LARGEST_GROUP: usize = 450;
/// Nodes, and pods of each shape that are then created.
const SIZES: [(usize, usize); 3] = [(100, 2_000), (1_000, 5_000), (5_000, 10_000)];
/// Pods of one application, each of which is alone in what it asks for.
const REPLICAS: usize = 100;
const CONNECTIONS: usize = 32;
const DEPLOYED: usize = 5_000;
/// Heartbeats and what a rollout leaves behind are over by then.
const LENGTH: Duration = Duration::from_secs(30);

/// What the pods of an application ask for beside a processor's tenth.
struct Shape {
    name: &'static str,
    goal: &'static str,
    spec: fn(&str) -> Value,
}

const SHAPES: [Shape; 4] = [
    Shape { name: "basic", goal: ">= 5,000/s at 5,000 nodes", spec: |_| json!({}) },
    Shape {
        name: "required anti-affinity",
        goal: ">= 1,000/s at 5,000 nodes",
        spec: |app| json!({"affinity": {"podAntiAffinity": required("kubernetes.io/hostname", app)}}),
    },
    Shape {
        name: "required affinity",
        goal: ">= 1,000/s at 5,000 nodes",
        spec: |app| json!({"affinity": {"podAffinity": required("topology.kubernetes.io/zone", app)}}),
    },
    Shape {
        name: "zone spread",
        goal: "-",
        spec: |app| {
            let selector = json!({"matchLabels": {"app": app}});
            let zone = "topology.kubernetes.io/zone";
            json!({"topologySpreadConstraints": [
                {"maxSkew": 5, "topologyKey": zone, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector},
            ]})
        },
    },
];

fn required(key: &str, app: &str) -> Value {
    let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
    json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]})
}

/// In a service of its own, whose instances are simulated.
fn fresh(world: &mut World) -> Result<()> {
    service::purge(world)?;
    world.ok("pilothouse up --simulated --state-dir $STATE --port $PORT --detach")?;
    world.eval("pilothouse env --state-dir $STATE")?;
    clusters::prepare(world)?;
    clusters::create(world, CLUSTER)
}

pub fn scheduler(world: &mut World, runtime: &Runtime, report: &mut Report) -> Result<()> {
    fresh(world)?;
    let mut rates: Vec<[f64; SHAPES.len()]> = Vec::new();
    let mut there = 0;
    for (nodes, pods) in SIZES {
        join(world, there, nodes, report)?;
        there = nodes;
        let target = clusters::target(world, CLUSTER)?;
        let mut measured = [0.0; SHAPES.len()];
        for (shape, rate) in SHAPES.iter().zip(&mut measured) {
            *rate = runtime.block_on(place(world, &target, shape, nodes, pods, report))?;
            runtime.block_on(clear(&target, shape, nodes))?;
        }
        rates.push(measured);
    }
    growth(&rates, report);
    Ok(())
}

/// Where nothing else has ever been, so that memory is that of nodes and pods.
pub fn rollout(world: &mut World, runtime: &Runtime, report: &mut Report) -> Result<()> {
    fresh(world)?;
    let nodes = SIZES[SIZES.len() - 1].0;
    join(world, 0, nodes, report)?;
    at_rest(world, nodes, report)?;
    let target = clusters::target(world, CLUSTER)?;
    runtime.block_on(deploy(world, &target, nodes, report))
}

/// Groups that make of `there` nodes `wanted` ones.
fn join(world: &mut World, there: usize, wanted: usize, report: &mut Report) -> Result<()> {
    let mut left = wanted - there;
    let mut sizes = Vec::new();
    while left > 0 {
        sizes.push(left.min(LARGEST_GROUP).to_string());
        left -= left.min(LARGEST_GROUP);
    }
    let line = format!("python3 clusters.py nodegroups {CLUSTER} {INSTANCE_TYPE} to-{wanted} {}", sizes.join(" "));
    let printed = world.ok(&line)?.stdout;
    let took: f64 = printed.trim().parse().map_err(|_| Failure("clusters.py prints how long it took".into()))?;
    let rate = (wanted - there) as f64 / took;
    report.add(
        format!("simulated nodes, {there} to {wanted}: CreateNodegroup to ACTIVE"),
        "-",
        format!("{took:.1} s, {rate:.0} nodes/s"),
    );
    Ok(())
}

fn at_rest(world: &World, nodes: usize, report: &mut Report) -> Result<()> {
    let memory = idle::memory_mib(world)?;
    let pid = service::only_pid(world)?;
    let before = procfs::cpu_seconds(pid).ok_or("the service is gone")?;
    std::thread::sleep(LENGTH);
    let spent = procfs::cpu_seconds(pid).ok_or("the service is gone")? - before;
    let cores = spent / LENGTH.as_secs_f64();
    report.add(
        format!("{nodes} simulated nodes without pods"),
        "-",
        format!("{memory:.0} MiB PSS ({:.0} KiB each), {cores:.2} cores", memory * 1024.0 / nodes as f64),
    );
    Ok(())
}

/// From a Deployment's creation to its last pod's being ready.
async fn deploy(world: &World, target: &Target, nodes: usize, report: &mut Report) -> Result<()> {
    let mut writer = target.connect().await?;
    let template = json!({
        "metadata": {"labels": {"app": "large"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": "nginx", "resources": {"requests": {"cpu": "100m"}}}]},
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "large"},
        "spec": {"replicas": DEPLOYED, "selector": {"matchLabels": {"app": "large"}}, "template": template},
    });
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let mut watch = Events::open(target, &format!("{deployments}?watch=true&fieldSelector=metadata.name%3Dlarge")).await?;
    let pid = service::only_pid(world)?;
    let (started, before) = (Instant::now(), procfs::cpu_seconds(pid).ok_or("the service is gone")?);
    writer.exchange(Method::POST, deployments, deployment.to_string().into()).await?;
    watch.until(|deployment| deployment["status"]["availableReplicas"] == DEPLOYED).await?;
    let took = started.elapsed().as_secs_f64();
    let spent = procfs::cpu_seconds(pid).ok_or("the service is gone")? - before;
    report.add(
        format!("a Deployment of {DEPLOYED} pods on {nodes} simulated nodes: created to all available"),
        "-",
        format!("{took:.1} s, {:.0} pods/s, {:.2} ms CPU for each", DEPLOYED as f64 / took, spent * 1000.0 / DEPLOYED as f64),
    );
    let memory = idle::memory_mib(world)?;
    report.add(format!("{nodes} simulated nodes, {DEPLOYED} pods running"), "-", format!("{memory:.0} MiB PSS"));
    Ok(())
}

/// Pods of one shape, from the first one's creation to the last one's node; says how many a second.
async fn place(
    world: &World,
    target: &Target,
    shape: &'static Shape,
    nodes: usize,
    pods: usize,
    report: &mut Report,
) -> Result<f64> {
    let run = run_of(shape, nodes);
    let path = format!("{}/pods", namespace_path());
    let mut bound =
        Events::open(target, &format!("{path}?watch=true&fieldSelector=spec.nodeName%21%3D&labelSelector=run%3D{run}")).await?;
    let pid = service::only_pid(world)?;
    let (started, before) = (Instant::now(), procfs::cpu_seconds(pid).ok_or("the service is gone")?);
    let creating = create(target, &path, &run, shape, pods);
    let (created, placed) = tokio::join!(creating, bound.count(pods));
    let (created, ()) = (created?, placed?);
    let took = started.elapsed().as_secs_f64();
    let spent = procfs::cpu_seconds(pid).ok_or("the service is gone")? - before;
    let rate = pods as f64 / took;
    report.add(
        format!("scheduler, {nodes} simulated nodes, {pods} pods, {}", shape.name),
        shape.goal,
        format!(
            "{rate:.0} pods/s (created at {:.0}/s), {:.2} ms CPU for each",
            pods as f64 / created.as_secs_f64(),
            spent * 1000.0 / pods as f64
        ),
    );
    Ok(rate)
}

/// Until its pods are gone.
async fn clear(target: &Target, shape: &Shape, nodes: usize) -> Result<()> {
    let path = format!("{}/pods?labelSelector=run%3D{}", namespace_path(), run_of(shape, nodes));
    let mut connection = target.connect().await?;
    connection.exchange(Method::DELETE, &path, Bytes::new()).await?;
    let give_up = Instant::now() + Duration::from_secs(120);
    loop {
        let left = connection.exchange(Method::GET, &format!("{path}&limit=1"), Bytes::new()).await?;
        let left: Value = serde_json::from_slice(&left).map_err(|error| Failure(error.to_string()))?;
        if left["items"].as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        if Instant::now() > give_up {
            return Err(Failure(format!("pods of {path} are still there")));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn run_of(shape: &Shape, nodes: usize) -> String {
    format!("{}-{nodes}", shape.name.replace(' ', "-"))
}

async fn create(target: &Target, path: &str, run: &str, shape: &'static Shape, pods: usize) -> Result<Duration> {
    let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS.min(pods) {
        let (mut connection, next) = (target.connect().await?, next.clone());
        let (path, run) = (path.to_owned(), run.to_owned());
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= pods {
                    return Ok::<(), Failure>(());
                }
                connection.exchange(Method::POST, &path, pod(&run, number, shape)).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| Failure(error.to_string()))??;
    }
    Ok(started.elapsed())
}

fn pod(run: &str, number: usize, shape: &Shape) -> Bytes {
    let app = format!("{run}-{}", number / REPLICAS);
    let mut spec = (shape.spec)(&app);
    spec["terminationGracePeriodSeconds"] = json!(0);
    spec["containers"] = json!([{"name": "main", "image": "nginx", "resources": {"requests": {"cpu": "10m"}}}]);
    let labels = json!({"app": app, "run": run});
    let metadata = json!({"name": format!("{run}-{number}"), "labels": labels});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}).to_string().into()
}

fn growth(rates: &[[f64; SHAPES.len()]], report: &mut Report) {
    let [first, .., last] = rates else { return };
    let (few, many) = (SIZES[0].0, SIZES[SIZES.len() - 1].0);
    for (at, shape) in SHAPES.iter().enumerate() {
        report.add(
            format!("scheduler, {}: time for a pod at {many} nodes, beside {few}", shape.name),
            "-",
            format!("{:.1}x", first[at] / last[at]),
        );
    }
}
