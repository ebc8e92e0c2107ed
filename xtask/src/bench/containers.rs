//! Starting a container in a sandbox that is there, beside Debian's runc with the very same OCI configuration: seccomp
//! filter, capabilities, mounts, a cgroup each.

use super::report::Report;
use super::{percentile, sorted};
use crate::demo::image;
use crate::demo::world::World;
use crate::process::{Failure, Result};
use node_os::cgroup::Cgroup;
use runtime::cri::{ContainerConfig, ContainerRuntime, ImageSource, SandboxConfig};
use runtime::{Embedded, RuntimeConfig};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const ROUNDS: usize = 50;
const SANDBOX: &str = "bench";

pub async fn beside_runc(world: &World, report: &mut Report) -> Result<()> {
    let place = Place::new(world)?;
    let measured = place.measure(&world.binary).await;
    let cleared = place.cgroup.kill_all().and_then(|()| place.cgroup.remove());
    let (ours, theirs) = measured?;
    cleared.map_err(|error| Failure::io("the benchmark's cgroup", &error))?;
    let text = |samples: &[f64]| format!("p50 {:.1} ms, p99 {:.1} ms", percentile(samples, 0.5), percentile(samples, 0.99));
    let ratio = percentile(&theirs, 0.5) / percentile(&ours, 0.5);
    report.add(
        "container create + start in its pod's sandbox, its overlayfs mounted",
        "-",
        format!("{}; {ratio:.1}x as quick as runc", text(&ours)),
    );
    report.add("peer: runc create + start (Debian), the same configuration, a plain directory", "-", text(&theirs));
    Ok(())
}

struct Place {
    directory: PathBuf,
    layer: PathBuf,
    cgroup: Cgroup,
}

impl Place {
    fn new(world: &World) -> Result<Self> {
        let directory = world.directory.join("containers");
        let layer = directory.join("layer");
        let make = || -> std::io::Result<()> {
            fs::create_dir_all(layer.join("bin"))?;
            fs::copy(image::BUSYBOX, layer.join("bin/busybox"))?;
            symlink("busybox", layer.join("bin/sleep"))
        };
        make().map_err(|error| Failure::io(directory.display(), &error))?;
        Ok(Self { layer, cgroup: Cgroup::new(format!("pilothouse-bench-{}", std::process::id())), directory })
    }

    /// One of each in turn, so that what else the machine does falls on both.
    async fn measure(&self, program: &Path) -> Result<(Vec<f64>, Vec<f64>)> {
        let stop = CancellationToken::new();
        let runtime = self.runtime(program, &stop)?;
        runtime.run_sandbox(&self.sandbox()).await.map_err(said)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for number in 0..ROUNDS {
            ours.push(self.embedded(&runtime, &format!("c{number}")).await?);
            theirs.push(self.runc(&format!("bench-{}-{number}", std::process::id()))?);
        }
        runtime.remove_sandbox(SANDBOX).await.map_err(said)?;
        stop.cancel();
        Ok((sorted(ours), sorted(theirs)))
    }

    fn runtime(&self, program: &Path, stop: &CancellationToken) -> Result<Embedded> {
        let config = RuntimeConfig {
            root: self.directory.join("sandboxes"),
            program: program.to_owned(),
            arguments: vec!["shim".into()],
            cgroup: self.cgroup.clone(),
        };
        let opened = Embedded::open(config, Arc::new(|| 0), TaskTracker::new(), stop.clone());
        opened.map_err(|error| Failure::io("the runtime", &error))
    }

    fn sandbox(&self) -> SandboxConfig {
        SandboxConfig {
            id: SANDBOX.into(),
            pod_uid: SANDBOX.into(),
            name: SANDBOX.into(),
            hostname: SANDBOX.into(),
            cgroup_parent: "/kubepods/podbench".into(),
            ..SandboxConfig::default()
        }
    }

    async fn embedded(&self, runtime: &Embedded, id: &str) -> Result<f64> {
        let image = ImageSource { id: "sha256:0".into(), layers: vec![self.layer.clone()], ..ImageSource::default() };
        let config = ContainerConfig {
            id: id.into(),
            name: id.into(),
            image,
            command: vec!["/bin/sleep".into(), "60".into()],
            log_path: self.directory.join(format!("{id}.log")),
            ..ContainerConfig::default()
        };
        let started = Instant::now();
        runtime.create_container(SANDBOX, &config).await.map_err(said)?;
        runtime.start_container(id).await.map_err(said)?;
        let took = milliseconds(started);
        if !self.bundle().exists() {
            self.give_runc(id)?;
        }
        runtime.stop_container(id, Duration::ZERO).await.map_err(said)?;
        runtime.remove_container(id).await.map_err(said)?;
        Ok(took)
    }

    fn bundle(&self) -> PathBuf {
        self.directory.join("bundle")
    }

    /// The configuration that the runtime has made for this container, over a plain directory.
    fn give_runc(&self, id: &str) -> Result<()> {
        let made = self.directory.join("sandboxes").join(SANDBOX).join("c").join(id).join("config.json");
        let read = || -> std::io::Result<Value> { Ok(serde_json::from_slice(&fs::read(&made)?)?) };
        let mut spec = read().map_err(|error| Failure::io(made.display(), &error))?;
        spec["root"] = json!({"path": self.layer, "readonly": false});
        spec["linux"]["cgroupsPath"] = format!("/{}/runc", self.cgroup.path().display()).into();
        let write = || -> std::io::Result<()> {
            fs::create_dir(self.bundle())?;
            fs::write(self.bundle().join("config.json"), spec.to_string())
        };
        write().map_err(|error| Failure::io(self.bundle().display(), &error))
    }

    fn runc(&self, id: &str) -> Result<f64> {
        let (root, bundle) = (self.directory.join("runc"), self.bundle());
        let call = |arguments: &[&str]| -> Result<()> {
            let mut command = std::process::Command::new("runc");
            command.arg("--root").arg(&root).args(arguments);
            // Its children keep its descriptors: a pipe would never end.
            command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            let status = command.status().map_err(|error| Failure::io("runc", &error))?;
            if status.success() { Ok(()) } else { Err(Failure(format!("runc {} failed", arguments.join(" ")))) }
        };
        let started = Instant::now();
        call(&["create", "--bundle", &bundle.display().to_string(), id])?;
        call(&["start", id])?;
        let took = milliseconds(started);
        call(&["delete", "--force", id])?;
        Ok(took)
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn said(error: runtime::cri::Error) -> Failure {
    Failure(error.to_string())
}
