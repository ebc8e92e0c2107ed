//! From the start of the process to /readyz of a cluster that was there before.

use super::http::Target;
use super::report::Report;
use super::{percentile, sorted};
use crate::demo::{service, world::World};
use crate::process::{Failure, Result};
use bytes::Bytes;
use hyper::Method;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const RUNS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts: the resolution of the measurement.
const PAUSE: Duration = Duration::from_millis(1);

pub fn empty(world: &mut World, runtime: &Runtime, target: &Target, report: &mut Report) -> Result<()> {
    let here = median_start(world, runtime, target)?;
    report.add("process start to /readyz, one empty cluster", "<= 150 ms", format!("{here:.0} ms"));
    Ok(())
}

pub fn with_data(world: &mut World, runtime: &Runtime, target: &Target, pods: usize, report: &mut Report) -> Result<()> {
    let here = median_start(world, runtime, target)?;
    report.add(format!("process start to /readyz, {pods} pods on disk"), "<= 1 s with 150,000", format!("{here:.0} ms"));
    Ok(())
}

fn median_start(world: &mut World, runtime: &Runtime, target: &Target) -> Result<f64> {
    let mut samples = Vec::new();
    for _ in 0..RUNS {
        world.ok("pilothouse down --state-dir $STATE")?;
        let started = Instant::now();
        let mut child = world.start("pilothouse up --state-dir $STATE --port $PORT >up.log")?;
        runtime.block_on(ready(target))?;
        samples.push(started.elapsed().as_secs_f64() * 1000.0);
        world.ok("pilothouse down --state-dir $STATE")?;
        child.wait().map_err(|error| Failure::io("the service in the foreground", &error))?;
    }
    // Left running for the next phase the way people run it.
    service::up(world)?;
    Ok(percentile(&sorted(samples), 0.5))
}

async fn ready(target: &Target) -> Result<()> {
    let started = Instant::now();
    loop {
        let attempt = async { target.connect().await?.exchange(Method::GET, "/readyz", Bytes::new()).await };
        match attempt.await {
            Ok(_) => return Ok(()),
            Err(failure) if started.elapsed() > PATIENCE => return Err(failure),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
