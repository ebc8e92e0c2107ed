//! Keeps one instance's node process running and its metadata service answering, until it is told to stop.

use super::sandbox::Sandbox;
use crate::images::ImageServer;
use crate::imds::{ADDRESS, Imds, socket_address};
use ipnet::Ipv4Net;
use node_os::link::Links;
use node_os::netns::NetNs;
use node_os::process::ProcessId;
use reconcile::Runtime;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A process that has run so long did not fail to start.
const SETTLED: Duration = Duration::from_secs(60);

/// A running instance. Stopping it leaves the node process alone.
pub(super) struct Kept {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Kept {
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What the host answers an instance.
pub(super) struct Services {
    pub imds: Imds,
    pub images: ImageServer,
}

/// Adopts or starts the node process and serves its metadata. The error says why it could not be started.
pub(super) async fn keep(
    sandbox: Sandbox,
    program: PathBuf,
    network: &NetNs,
    services: Services,
    runtime: &Runtime,
) -> io::Result<Kept> {
    let kept = Kept { stop: runtime.stop.child_token(), tasks: TaskTracker::new() };
    let listener = metadata_listener(network).await?;
    let server = serve::Server { listener, tls: None, plain: true };
    kept.tasks.spawn(server.run(Arc::new(services.imds), kept.tasks.clone(), kept.stop.clone()));
    services.images.serve(&sandbox.images_socket(), &Runtime { tasks: kept.tasks.clone(), stop: kept.stop.clone() })?;
    let keeper = Keeper { sandbox, program, stop: kept.stop.clone() };
    let process = match keeper.process().await {
        Ok(process) => process,
        Err(error) => {
            kept.stop().await;
            return Err(error);
        }
    };
    let all = kept.tasks.clone();
    // The runtime waits for what the instance's own tracker holds.
    runtime.tasks.spawn(kept.tasks.track_future(keeper.run(process)));
    let stop = kept.stop.clone();
    runtime.tasks.spawn(async move {
        stop.cancelled().await;
        all.close();
        all.wait().await;
    });
    Ok(kept)
}

async fn metadata_listener(network: &NetNs) -> io::Result<tokio::net::TcpListener> {
    let links = Links::open(network)?;
    let loopback = links.need("lo").await?;
    links.set_up(loopback.index).await?;
    links.add_address(loopback.index, Ipv4Net::from(ADDRESS)).await?;
    network.listen_tcp(socket_address())
}

struct Keeper {
    sandbox: Sandbox,
    program: PathBuf,
    stop: CancellationToken,
}

impl Keeper {
    async fn run(self, mut process: ProcessId) {
        let mut failures = 0;
        loop {
            let started = Instant::now();
            match self.stop.run_until_cancelled(process.exited()).await {
                None => return,
                Some(Ok(())) => {
                    tracing::warn!(pid = process.pid, directory = ?self.sandbox.cgroup_path(), "a node process ended")
                }
                Some(Err(error)) => tracing::error!(%error, "a node process cannot be watched"),
            }
            failures = if started.elapsed() >= SETTLED { 0 } else { failures + 1 };
            process = loop {
                if self.stop.run_until_cancelled(tokio::time::sleep(pause(failures))).await.is_none() {
                    return;
                }
                match self.process().await {
                    Ok(process) => break process,
                    Err(error) => tracing::warn!(%error, "a node process does not start"),
                }
                failures += 1;
            };
        }
    }

    async fn process(&self) -> io::Result<ProcessId> {
        let (sandbox, program) = (self.sandbox.clone(), self.program.clone());
        let started = tokio::task::spawn_blocking(move || match sandbox.adopt()? {
            Some(process) => Ok(process),
            None => sandbox.spawn(&program),
        });
        started.await.map_err(io::Error::other)?
    }
}

/// None before the first try, then longer and longer.
fn pause(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        failures => (FIRST_PAUSE * 2u32.pow((failures - 1).min(16))).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        for (failures, milliseconds) in [(0, 0), (1, 250), (2, 500), (3, 1000), (9, 60_000), (1000, 60_000)] {
            assert_eq!(pause(failures).as_millis(), milliseconds, "{failures}");
        }
    }
}
