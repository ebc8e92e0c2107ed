//! The demo's story with its times, and what its service, nodes and pods cost when nobody asks anything of them.

use super::report::Report;
use crate::demo::{self, service, world::World};
use crate::process::{Failure, Result};
use crate::procfs;
use std::time::Duration;

/// The last rollout and the lost node are over by then.
const SETTLE: Duration = Duration::from_secs(10);
const LENGTH: Duration = Duration::from_secs(60);

pub fn measure(world: &mut World, report: &mut Report) -> Result<()> {
    service::purge(world)?;
    let there = demo::story(world)?;
    idle(world, report)?;
    let back = demo::way_back(world)?;
    let whole: Duration = there.iter().chain(&back).map(|(_, took)| *took).sum();
    let steps: Vec<String> = there.iter().chain(&back).map(|(name, took)| format!("{name} {:.1}", took.as_secs_f64())).collect();
    report.add("the demo's story with stock clients", "-", format!("{:.0} s: {}", whole.as_secs_f64(), steps.join(", ")));
    Ok(())
}

/// Of the service, of each node and of the shims, each with all its processes.
fn idle(world: &World, report: &mut Report) -> Result<()> {
    let gone = || Failure("a process that was there is gone".into());
    let groups = [
        ("service", service::pids(world)),
        ("node", procfs::role(&world.binary, "node")),
        ("shim", procfs::role(&world.binary, "shim")),
    ];
    std::thread::sleep(SETTLE);
    let spent = |pids: &[u32]| pids.iter().map(|pid| procfs::cpu_seconds(*pid)).sum::<Option<f64>>().ok_or_else(gone);
    let before = groups.iter().map(|(_, pids)| spent(pids)).collect::<Result<Vec<f64>>>()?;
    std::thread::sleep(LENGTH);
    let mut told = Vec::new();
    for ((name, pids), before) in groups.iter().zip(before) {
        let cpu = (spent(pids)? - before) / LENGTH.as_secs_f64() * 100.0;
        let memory = pids.iter().map(|pid| procfs::pss_mib(*pid)).sum::<Option<f64>>().ok_or_else(gone)?;
        told.push(format!("{} x {name}: {memory:.1} MiB PSS, {cpu:.2} % of a core", pids.len()));
    }
    report.add("idle, the demo deployed", "-", told.join("; "));
    Ok(())
}
