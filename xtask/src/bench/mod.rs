//! The numbers of SPECIFICATION.md: one run on one machine, the peer beside it under the same conditions.

mod balancer;
mod clusters;
mod containers;
mod etcd;
mod events;
mod field;
mod http;
mod idle;
mod list;
mod load;
mod nodes;
mod report;
mod services;
mod simulated;
mod starts;
mod story;
mod traffic;
mod watch;

use crate::demo::{sandbox, service, world::World};
use crate::process::{self, Failure, Result};
use clap::{Args, ValueEnum};
use report::Report;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Args)]
pub struct Options {
    /// Put the measured numbers into SPECIFICATION.md
    #[arg(long)]
    write: bool,
    /// Length of each load phase
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Pods for LIST and for the start with data
    #[arg(long, default_value_t = 50_000)]
    pods: usize,
    /// Clusters created one after the other for the latency of CreateCluster
    #[arg(long, default_value_t = 100)]
    clusters: usize,
    /// Measure this `pilothouse` instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Phase>,
    /// Set in the sandbox that the benchmark makes for itself
    #[arg(long, hide = true)]
    inside: bool,
}

/// A measurement that stands on its own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Phase {
    Idle,
    Clusters,
    Starts,
    Load,
    Watch,
    Etcd,
    Nodes,
    Services,
    Balancer,
    Scheduler,
    Rollout,
    Story,
    Pods,
}

impl Options {
    fn wants(&self, phase: Phase) -> bool {
        self.only.is_empty() || self.only.contains(&phase)
    }
}

pub fn run(options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(path) => path.canonicalize().map_err(|error| Failure::io(path.display(), &error))?,
        None => {
            process::timed("build", || process::cargo(&["build", "--locked", "--profile", "bench", "-p", "pilothouse"]))?;
            service::binary("release")?
        }
    };
    if !options.inside && sandbox::run(&arguments(options, &binary))? {
        return Ok(());
    }
    // Under target/, because /tmp may be memory, where a sync costs nothing.
    let target = crate::workspace::Metadata::read()?.target_directory;
    let directory = target.join(format!("bench-state-{}", std::process::id()));
    let mut world = World::new(directory, binary, service::free_port()?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("the load generator's runtime", &error))?;
    let mut report = Report::new()?;
    let measured = measure(&mut world, &runtime, options, &mut report);
    report.print();
    let tail = if measured.is_err() { service::tail_of_log(&world) } else { String::new() };
    service::purge(&mut world)?;
    world.remove_files()?;
    measured.map_err(|failure| Failure(format!("{failure}\n{tail}")))?;
    // A part of the table would pass for all of it.
    if options.write && options.only.is_empty() { report.write() } else { Ok(()) }
}

/// What the process in the sandbox is called with.
fn arguments(options: &Options, binary: &Path) -> Vec<String> {
    let numbers = [("seconds", options.seconds), ("pods", options.pods as u64), ("clusters", options.clusters as u64)];
    let mut arguments = vec!["bench".to_owned(), "--inside".to_owned(), format!("--binary={}", binary.display())];
    arguments.extend(numbers.map(|(name, number)| format!("--{name}={number}")));
    arguments.extend(options.write.then(|| "--write".to_owned()));
    let phases = options.only.iter().filter_map(ValueEnum::to_possible_value);
    arguments.extend(phases.map(|phase| format!("--only={}", phase.get_name())));
    arguments
}

fn measure(world: &mut World, runtime: &tokio::runtime::Runtime, options: &Options, report: &mut Report) -> Result<()> {
    let length = Duration::from_secs(options.seconds);
    service::up(world)?;
    clusters::prepare(world)?;
    clusters::create(world, "bench")?;
    if options.wants(Phase::Idle) {
        // First, while nothing but that one cluster has ever been there.
        idle::one_cluster_and_ten(world, report)?;
    }
    if options.wants(Phase::Clusters) {
        clusters::create_to_active(world, options.clusters, report)?;
    }
    let target = clusters::target(world, "bench")?;
    if options.wants(Phase::Starts) {
        starts::empty(world, runtime, &target, report)?;
    }
    let target = clusters::renew_token(world, target)?;
    if options.wants(Phase::Load) {
        runtime.block_on(load::writes_and_reads(world, &target, length, report))?;
    }
    if options.wants(Phase::Watch) {
        runtime.block_on(watch::fan_out(&target, length, report))?;
    }
    if options.wants(Phase::Etcd) {
        etcd::writes(world, length, report)?;
    }
    clusters::delete(world, "bench")?;
    if options.wants(Phase::Nodes) {
        nodes::measure(world, runtime, report)?;
        runtime.block_on(containers::beside_runc(world, report))?;
    }
    if options.wants(Phase::Services) {
        services::measure(world, runtime, report)?;
    }
    if options.wants(Phase::Balancer) {
        balancer::measure(world, runtime, length, report)?;
    }
    if options.wants(Phase::Scheduler) {
        simulated::scheduler(world, runtime, report)?;
    }
    if options.wants(Phase::Rollout) {
        simulated::rollout(world, runtime, report)?;
    }
    if options.wants(Phase::Story) {
        story::measure(world, report)?;
    }
    if options.wants(Phase::Pods) { with_pods(world, runtime, options.pods, report) } else { Ok(()) }
}

/// In a service that has never held anything else, so that nothing but the pods counts: a log that is read at a start
/// still holds what was deleted.
fn with_pods(world: &mut World, runtime: &tokio::runtime::Runtime, pods: usize, report: &mut Report) -> Result<()> {
    service::purge(world)?;
    service::up(world)?;
    clusters::prepare(world)?;
    clusters::create(world, PODS_CLUSTER)?;
    let target = clusters::target(world, PODS_CLUSTER)?;
    let before = idle::memory_mib(world)?;
    runtime.block_on(load::fill_with_pods(&target, pods, report))?;
    let grown = idle::memory_mib(world)? - before;
    let size = runtime.block_on(list::whole(&target, pods, report))?;
    starts::with_data(world, runtime, &target, pods, report)?;
    let loaded = idle::memory_mib(world)? - before;
    report.add(
        format!("memory of {pods} pods, {size:.0} MiB as JSON"),
        "<= 1.3x",
        format!(
            "{grown:.0} MiB PSS more than without ({:.1}x), {loaded:.0} MiB more after a start ({:.1}x)",
            grown / size,
            loaded / size
        ),
    );
    Ok(())
}

/// The cluster that holds the pods.
const PODS_CLUSTER: &str = "pods";

/// A namespace for the load, made ready by the controllers of the cluster.
fn namespace_path() -> &'static str {
    "/api/v1/namespaces/default"
}

/// A share of sorted samples: 0.5 is the median.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN) // no samples: nothing to say
}

fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_samples_are_samples() {
        let samples = sorted(vec![3.0, 1.0, 2.0]);
        assert_eq!(percentile(&samples, 0.5), 2.0);
        assert_eq!(percentile(&samples, 0.99), 3.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
