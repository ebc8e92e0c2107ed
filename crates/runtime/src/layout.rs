//! Where a sandbox keeps its files. Everything about it lies in one directory, so that whoever starts again finds it.
//!
//! ```text
//! <root>/<sandbox>/sandbox.json      what was asked for, and when
//!                  shim.json         the shim's process
//!                  shim.sock         how it is spoken to
//!                  shim.log
//!                  state/            the OCI library's own
//!                  c/<container>/    container.json status.json config.json rootfs/ upper/ work/
//! ```

use crate::cri::{ContainerConfig, ContainerStatus, SandboxConfig};
use node_os::cgroup::Cgroup;
use node_os::process::ProcessId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub const SOCKET: &str = "shim.sock";
/// Where a new shim says that it listens.
pub const READY: &str = "ready.sock";

/// Beside `kubepods`.
const SHIMS: &str = "shims";

/// `sandbox.json`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxFile {
    pub config: SandboxConfig,
    pub created_at_ns: i64,
    /// From the top of each hierarchy: the sandbox's own group, beneath its pod's, which other sandboxes may share.
    pub cgroup: PathBuf,
    /// The shim's, apart from the pod's: what a pod may use is its containers' alone, and the kernel, when that is used up,
    /// has nobody else to kill.
    pub shim_cgroup: PathBuf,
}

impl SandboxFile {
    /// `node` is the group of everything that runs on it.
    pub fn new(config: SandboxConfig, created_at_ns: i64, node: &Cgroup) -> Self {
        let cgroup = node.child(&config.cgroup_parent).child(&config.id).path().to_owned();
        let shim_cgroup = node.child(SHIMS).child(&config.id).path().to_owned();
        Self { config, created_at_ns, cgroup, shim_cgroup }
    }

    pub fn group(&self) -> Cgroup {
        Cgroup::new(&self.cgroup)
    }

    pub fn pod_group(&self) -> Cgroup {
        Cgroup::new(self.cgroup.parent().unwrap_or(&self.cgroup))
    }

    pub fn shim_group(&self) -> Cgroup {
        Cgroup::new(&self.shim_cgroup)
    }

    /// Ends what runs in the sandbox's groups and removes them, and its pod's where it was the last.
    pub fn clear_cgroups(&self) -> io::Result<()> {
        for group in [self.shim_group(), self.group()] {
            group.kill_all()?;
            group.remove()?;
        }
        self.pod_group().remove_if_childless()
    }
}

#[derive(Clone, Debug)]
pub struct SandboxDir(PathBuf);

impl SandboxDir {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
    pub fn log(&self) -> PathBuf {
        self.0.join("shim.log")
    }
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }
    pub fn container(&self, id: &str) -> ContainerDir {
        ContainerDir(self.0.join("c").join(id))
    }

    /// Ids of all containers that are there, whole or not.
    pub fn containers(&self) -> io::Result<Vec<String>> {
        names(&self.0.join("c"))
    }

    pub fn create(&self, file: &SandboxFile) -> io::Result<()> {
        for directory in [self.0.clone(), self.state(), self.0.join("c")] {
            private_directory(&directory)?;
        }
        write_json(&self.0.join("sandbox.json"), file)
    }

    pub fn file(&self) -> io::Result<SandboxFile> {
        read_json(&self.0.join("sandbox.json"))
    }
    pub fn write_shim(&self, process: &ProcessId) -> io::Result<()> {
        write_json(&self.0.join("shim.json"), process)
    }
    pub fn shim(&self) -> io::Result<ProcessId> {
        read_json(&self.0.join("shim.json"))
    }
    pub fn remove(&self) -> io::Result<()> {
        gone_is_done(fs::remove_dir_all(&self.0))
    }
}

#[derive(Clone, Debug)]
pub struct ContainerDir(PathBuf);

impl ContainerDir {
    pub fn path(&self) -> &Path {
        &self.0
    }
    pub fn rootfs(&self) -> PathBuf {
        self.0.join("rootfs")
    }
    pub fn upper(&self) -> PathBuf {
        self.0.join("upper")
    }
    pub fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    pub fn create(&self, config: &ContainerConfig) -> io::Result<()> {
        for directory in [self.0.clone(), self.rootfs(), self.upper(), self.work()] {
            private_directory(&directory)?;
        }
        // What the container sees as `/`.
        for directory in [self.upper(), self.rootfs()] {
            fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        write_json(&self.0.join("container.json"), config)
    }

    /// The last that the shim knew.
    pub fn status(&self) -> io::Result<ContainerStatus> {
        read_json(&self.0.join("status.json"))
    }
    pub fn write_status(&self, status: &ContainerStatus) -> io::Result<()> {
        write_json(&self.0.join("status.json"), status)
    }
    pub fn remove(&self) -> io::Result<()> {
        gone_is_done(fs::remove_dir_all(&self.0))
    }
}

pub fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn private_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whole or not at all: what is read is what was once written. Not synced: a machine that loses its power loses what is
/// described here too.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let next = path.with_extension("next");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    fs::rename(&next, path)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_reader(io::BufReader::new(File::open(path)?))?)
}

fn gone_is_done(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
