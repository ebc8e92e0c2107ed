//! What a service costs that nobody uses.

use super::clusters;
use super::report::Report;
use crate::demo::{service, world::World};
use crate::process::Result;
use crate::procfs;
use std::time::Duration;

/// Start-up work is over by then.
const SETTLE: Duration = Duration::from_secs(5);
/// Long enough that one clock tick is 0.03 % of a core.
const LENGTH: Duration = Duration::from_secs(30);
const MANY: usize = 10;

pub fn one_cluster_and_ten(world: &mut World, report: &mut Report) -> Result<()> {
    let (memory, cpu) = idle(world)?;
    report.add("idle, 1 cluster", "<= 50 MiB PSS, <= 0.2 % of a core", format!("{memory:.1} MiB PSS, {cpu:.2} % of a core"));
    for number in 1..MANY {
        clusters::create(world, &format!("idle-{number}"))?;
    }
    let (more, cpu) = idle(world)?;
    let each = (more - memory) / (MANY - 1) as f64;
    report.add(
        format!("idle, {MANY} clusters"),
        "<= 4 MiB for each further cluster",
        format!("{more:.1} MiB PSS ({each:.1} MiB for each further one), {cpu:.2} % of a core"),
    );
    for number in 1..MANY {
        clusters::delete(world, &format!("idle-{number}"))?;
    }
    Ok(())
}

/// PSS, once what was just done has settled.
pub fn memory_mib(world: &World) -> Result<f64> {
    std::thread::sleep(SETTLE);
    Ok(procfs::pss_mib(service::only_pid(world)?).ok_or("the service is gone")?)
}

fn idle(world: &World) -> Result<(f64, f64)> {
    let pid = service::only_pid(world)?;
    std::thread::sleep(SETTLE);
    let before = procfs::cpu_seconds(pid).ok_or("the service is gone")?;
    std::thread::sleep(LENGTH);
    let spent = procfs::cpu_seconds(pid).ok_or("the service is gone")? - before;
    let memory = procfs::pss_mib(pid).ok_or("the service is gone")?;
    Ok((memory, spent / LENGTH.as_secs_f64() * 100.0))
}
