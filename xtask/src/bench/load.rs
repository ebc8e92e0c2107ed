//! Closed loops of writes and reads: how many per second, how long each, and what the service's CPU paid for one.

use super::http::{Connection, Target};
use super::report::Report;
use super::{namespace_path, percentile, sorted};
use crate::demo::{service, world::World};
use crate::process::{Failure, Result};
use crate::procfs;
use bytes::Bytes;
use hyper::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Connections of the two phases: latency, and throughput.
const CONNECTIONS: [usize; 2] = [1, 64];
/// Before each phase, not counted: allocators, caches and the token check settle.
const WARM_UP: Duration = Duration::from_secs(1);
/// Bytes of payload in each written object.
const PAYLOAD: usize = 1024;

/// What a request of a loop is.
#[derive(Clone, Copy)]
enum Work {
    Write,
    Read,
}

pub async fn writes_and_reads(world: &World, target: &Target, length: Duration, report: &mut Report) -> Result<()> {
    let pid = service::only_pid(world)?;
    for (work, name) in [(Work::Write, "durable writes of 1 KiB through the API"), (Work::Read, "GET of 1 KiB")] {
        for connections in CONNECTIONS {
            let goal = match (work, connections) {
                (Work::Write, 64) => ">= 15,000/s",
                _ => "-",
            };
            let open = open(target, connections).await?;
            let (open, _) = run_loops(open, work, "warm", WARM_UP).await?;
            let before = procfs::cpu_seconds(pid).ok_or("the service is gone")?;
            let (_, loops) = run_loops(open, work, "counted", length).await?;
            let spent = procfs::cpu_seconds(pid).ok_or("the service is gone")? - before;
            let what = format!("{name}, {connections} connection(s)");
            report.add(what, goal, loops.describe(spent));
        }
    }
    Ok(())
}

/// What a phase achieved.
struct Loops {
    latencies_ms: Vec<f64>,
    seconds: f64,
}

impl Loops {
    fn describe(&self, cpu_seconds: f64) -> String {
        let count = self.latencies_ms.len() as f64;
        format!(
            "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {:.0} us CPU each ({:.2} cores)",
            count / self.seconds,
            percentile(&self.latencies_ms, 0.50),
            percentile(&self.latencies_ms, 0.99),
            cpu_seconds * 1e6 / count,
            cpu_seconds / self.seconds
        )
    }
}

async fn open(target: &Target, connections: usize) -> Result<Vec<Connection>> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(target.connect().await?);
    }
    Ok(open)
}

/// Gives the connections back, for the next phase.
async fn run_loops(open: Vec<Connection>, work: Work, phase: &str, length: Duration) -> Result<(Vec<Connection>, Loops)> {
    let connections = open.len();
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, connection) in open.into_iter().enumerate() {
        tasks.spawn(one_loop(connection, work, format!("{phase}-{connections}-{index}"), started + length));
    }
    let (mut open, mut latencies_ms) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (connection, latencies) = done.map_err(|error| Failure(error.to_string()))??;
        open.push(connection);
        latencies_ms.extend(latencies);
    }
    Ok((open, Loops { latencies_ms: sorted(latencies_ms), seconds: started.elapsed().as_secs_f64() }))
}

async fn one_loop(mut connection: Connection, work: Work, name: String, end: Instant) -> Result<(Connection, Vec<f64>)> {
    let collection = format!("{}/configmaps", namespace_path());
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        match work {
            Work::Write => {
                let body = config_map(&format!("{name}-{}", latencies.len()));
                connection.exchange(Method::POST, &collection, body).await?;
            }
            // Written by the write phase of the same name with as many connections, before.
            Work::Read => drop(connection.exchange(Method::GET, &format!("{collection}/{name}-0"), Bytes::new()).await?),
        }
        latencies.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok((connection, latencies))
}

fn config_map(name: &str) -> Bytes {
    let payload = "x".repeat(PAYLOAD);
    format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}},"data":{{"payload":"{payload}"}}}}"#).into()
}

/// Creates the pods that LIST and the start with data need.
pub async fn fill_with_pods(target: &Target, pods: usize, report: &mut Report) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS[1] {
        let (mut connection, next) = (target.connect().await?, next.clone());
        tasks.spawn(async move {
            let collection = format!("{}/pods", namespace_path());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= pods {
                    return Ok::<(), Failure>(());
                }
                connection.exchange(Method::POST, &collection, pod(number)).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| Failure(error.to_string()))??;
    }
    let rate = pods as f64 / started.elapsed().as_secs_f64();
    report.add(format!("durable creates of {pods} pods, {} connections", CONNECTIONS[1]), "-", format!("{rate:.0}/s"));
    Ok(())
}

fn pod(number: usize) -> Bytes {
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"pod-{number}","labels":{{"app":"web","shard":"{}"}}}},"spec":{{"containers":[{{"name":"main","image":"nginx:1.29","ports":[{{"containerPort":80}}],"resources":{{"requests":{{"cpu":"100m","memory":"64Mi"}}}}}}]}}}}"#,
        number % 100
    )
    .into()
}
