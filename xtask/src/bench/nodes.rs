//! Nodes and pods: how long until a node is Ready, until a pod runs, and what the processes of a node cost.

use super::events::Events;
use super::http::{Connection, Target};
use super::report::Report;
use super::{clusters, percentile, sorted};
use crate::demo::{image, world::World};
use crate::process::{Failure, Result};
use crate::procfs;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

const CLUSTER: &str = "nodes";
/// Four interfaces of fifteen addresses: room for more pods than are started here.
const INSTANCE_TYPE: &str = "m5.xlarge";
const ONE_AFTER_THE_OTHER: usize = 30;
const AT_ONCE: usize = 40;
pub const PODS: &str = "/api/v1/namespaces/default/pods";

pub fn measure(world: &mut World, runtime: &Runtime, report: &mut Report) -> Result<()> {
    clusters::create(world, CLUSTER)?;
    let archive = image::pack(&world.directory)?;
    world.ok(&format!("pilothouse image load --state-dir $STATE {}", archive.display()))?;
    let target = clusters::target(world, CLUSTER)?;
    let (node, took) = runtime.block_on(node_ready(world, &target, CLUSTER))?;
    report.add("CreateNodegroup to its node Ready", "<= 3 s", format!("{took:.2} s"));
    runtime.block_on(one_by_one(&target, &node, report))?;
    runtime.block_on(all_at_once(world, &target, &node, report))?;
    clusters::delete_group(world, CLUSTER)?;
    clusters::delete(world, CLUSTER)
}

/// A node's name, and the seconds from the call of CreateNodegroup to the event that says Ready.
pub async fn node_ready(world: &mut World, target: &Target, cluster: &str) -> Result<(String, f64)> {
    let mut events = Events::open(target, "/api/v1/nodes?watch=true").await?;
    let called: f64 = world
        .ok(&format!("python3 clusters.py nodegroup {cluster} {INSTANCE_TYPE}"))?
        .stdout
        .trim()
        .parse()
        .map_err(|_| Failure("clusters.py prints when it called".into()))?;
    let is_ready = |node: &Value| {
        let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    let node = events.until(is_ready).await?;
    // The watch was read late if the node was quicker than Python's exit; its own clock is to the second only.
    let took = since_epoch() - called;
    Ok((node["metadata"]["name"].as_str().unwrap_or_default().to_owned(), took)) // every object has a name
}

fn since_epoch() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "compared with the hour that another process printed")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0.0, |passed| passed.as_secs_f64())
}

/// One that does nothing.
pub fn pod(name: &str, node: &str) -> Bytes {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "bench"}},
        "spec": {
            "nodeName": node, "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": image::NAME, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "infinity"]}],
        },
    });
    pod.to_string().into()
}

/// When each thing was first seen to be so, in milliseconds after the pod's creation was asked for.
#[derive(Default)]
struct Milestones(BTreeMap<&'static str, Vec<f64>>);

const CREATED: &str = "created";
const SANDBOX: &str = "sandbox and network";
const RUNNING: &str = "running";

async fn one_by_one(target: &Target, node: &str, report: &mut Report) -> Result<()> {
    let mut milestones = Milestones::default();
    let mut events = Events::open(target, &format!("{PODS}?watch=true")).await?;
    let mut writer = target.connect().await?;
    let mut first = None;
    for number in 0..=ONE_AFTER_THE_OTHER {
        let name = format!("single-{number}");
        let started = Instant::now();
        writer.exchange(Method::POST, PODS, pod(&name, node)).await?;
        let mut seen = BTreeMap::from([(CREATED, started.elapsed().as_secs_f64() * 1000.0)]);
        events
            .until(|pod| {
                if pod["metadata"]["name"] != *name {
                    return false;
                }
                if pod.pointer("/status/podIP").is_some() {
                    seen.entry(SANDBOX).or_insert_with(|| started.elapsed().as_secs_f64() * 1000.0);
                }
                is_running(pod)
            })
            .await?;
        seen.insert(RUNNING, started.elapsed().as_secs_f64() * 1000.0);
        if number == 0 {
            first = seen.get(RUNNING).copied();
        } else {
            seen.into_iter().for_each(|(what, when)| milestones.0.entry(what).or_default().push(when));
        }
        delete(&mut writer, &name).await?;
    }
    report.add(
        "the first pod of a node, image cached: create to Running seen by a watch",
        "<= 1 s",
        format!("{:.0} ms", first.unwrap_or(f64::NAN)),
    );
    for (what, goal) in [(RUNNING, "p50 <= 40 ms in the node's half, p99 <= 150 ms"), (SANDBOX, "-"), (CREATED, "-")] {
        let samples = sorted(milestones.0.remove(what).unwrap_or_default()); // a stage that no event showed: NaN
        let here = format!("p50 {:.1} ms, p99 {:.1} ms", percentile(&samples, 0.5), percentile(&samples, 0.99));
        report.add(format!("pod create to {what}, image cached, one after the other"), goal, here);
    }
    Ok(())
}

pub fn is_running(pod: &Value) -> bool {
    pod.pointer("/status/phase").is_some_and(|phase| phase == "Running")
}

async fn delete(writer: &mut Connection, name: &str) -> Result<()> {
    writer.exchange(Method::DELETE, &format!("{PODS}/{name}?gracePeriodSeconds=0"), Bytes::new()).await.map(drop)
}

async fn all_at_once(world: &World, target: &Target, node: &str, report: &mut Report) -> Result<()> {
    let mut events = Events::open(target, &format!("{PODS}?watch=true")).await?;
    let mut writer = target.connect().await?;
    let started = Instant::now();
    for number in 0..AT_ONCE {
        writer.exchange(Method::POST, PODS, pod(&format!("burst-{number}"), node)).await?;
    }
    let mut running = std::collections::BTreeSet::new();
    events
        .until(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default(); // every object has a name
            if name.starts_with("burst-") && is_running(pod) {
                running.insert(name.to_owned());
            }
            running.len() == AT_ONCE
        })
        .await?;
    let took = started.elapsed().as_secs_f64();
    report.add(format!("{AT_ONCE} pods at once on one node"), ">= 40 pods/s", format!("{:.0} pods/s", AT_ONCE as f64 / took));
    for role in ["node", "shim"] {
        let sizes: Vec<f64> = procfs::role(&world.binary, role).into_iter().filter_map(procfs::pss_mib).collect();
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        report.add(
            format!("PSS per {role} process, {AT_ONCE} pods running"),
            "-",
            format!("{mean:.1} MiB ({} processes)", sizes.len()),
        );
    }
    for number in 0..AT_ONCE {
        delete(&mut writer, &format!("burst-{number}")).await?;
    }
    Ok(())
}
