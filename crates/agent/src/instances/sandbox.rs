//! An instance on the host: its directory, its cgroup, and the process in it. Everything here may be done again.

use super::node_file::{IMAGES_SOCKET, NODE_FILE, NodeFile};
use node_os::cgroup::{self, Cgroup, Limits};
use node_os::netns::{self, NetNs};
use node_os::process::{Detached, ProcessId};
use serde::Serialize;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PROCESS_FILE: &str = "process.json";
/// What a node and the shims of its pods need, beside the pods' own cgroups.
const MAX_PIDS: i64 = 1 << 15;
const CPU_PERIOD_US: u64 = 100_000;
/// What a program gets that is started outside of any session.
const ENVIRONMENT: &[(&str, &str)] = &[("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")];

/// The cgroup that everything of one service is in.
pub fn service_cgroup(service_id: &str) -> Cgroup {
    Cgroup::new(format!("pilothouse-{service_id}"))
}

#[derive(Clone)]
pub(super) struct Sandbox {
    directory: PathBuf,
    cgroup: Cgroup,
    namespace: String,
}

impl Sandbox {
    pub fn new(service_id: &str, directory: &Path, id: &str) -> Self {
        Self {
            directory: directory.join(id),
            cgroup: service_cgroup(service_id).child(id),
            namespace: format!("ph-{service_id}-{id}"),
        }
    }

    pub fn cgroup_path(&self) -> &Path {
        self.cgroup.path()
    }

    pub fn images_socket(&self) -> PathBuf {
        self.directory.join(IMAGES_SOCKET)
    }

    /// None: not made yet, or not any more.
    pub fn network(&self) -> io::Result<Option<NetNs>> {
        match NetNs::named(&self.namespace) {
            Ok(network) => Ok(Some(network)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Directory, `node.json` and cgroup.
    pub fn create(&self, file: &NodeFile) -> io::Result<()> {
        let make = |name: &str, mode: u32| DirBuilder::new().recursive(true).mode(mode).create(self.directory.join(name));
        make("", 0o700)?;
        make("run", 0o700)?;
        make("log", 0o700)?;
        // Containers see what is beneath it, as users of their own.
        make("root", 0o755)?;
        write_json(&self.directory.join(NODE_FILE), file)?;
        let machine = &file.machine;
        let limits = Limits {
            cpu_shares: u64::from(machine.vcpus) * 1024,
            cpu_quota_us: i64::from(machine.vcpus) * CPU_PERIOD_US.cast_signed(),
            cpu_period_us: CPU_PERIOD_US,
            memory_bytes: i64::try_from(machine.memory_bytes).unwrap_or(i64::MAX),
            pids: MAX_PIDS,
        };
        self.cgroup.create(&limits)?;
        self.cgroup.child("node").create(&Limits::default())
    }

    /// The node process that an earlier service started, if it still runs.
    pub fn adopt(&self) -> io::Result<Option<ProcessId>> {
        let text = match fs::read(self.directory.join(PROCESS_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        // A file that a crash left unreadable names nobody; what it named is found by `stray`.
        let process: Option<ProcessId> = serde_json::from_slice(&text).ok();
        Ok(process.filter(ProcessId::is_alive))
    }

    /// Starts a node process. One that was started but not yet written down when its service died is ended first.
    pub fn spawn(&self, program: &Path) -> io::Result<ProcessId> {
        let network = self.network()?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "its network is not there"))?;
        let node = self.cgroup.child("node");
        for process in self.stray(&node)? {
            process.kill(node_os::process::Signal::SIGKILL)?;
        }
        let directory = self.directory.to_str().ok_or_else(|| io::Error::other("the state directory's path is not UTF-8"))?;
        let process = Detached {
            program,
            arguments: &["node", "--dir", directory],
            network: Some(&network),
            cgroup: Some(&node),
            log: &self.directory.join("log/node.log"),
            directory: &self.directory,
            environment: ENVIRONMENT,
        }
        .spawn()?;
        write_json(&self.directory.join(PROCESS_FILE), &process)?;
        Ok(process)
    }

    /// Told from shims, which may be in the same cgroup, by their arguments.
    fn stray(&self, node: &Cgroup) -> io::Result<Vec<ProcessId>> {
        let tail = [b"node".as_slice(), b"--dir", self.directory.as_os_str().as_encoded_bytes(), b""].join(&0);
        let mut found = Vec::new();
        for pid in node.processes() {
            // Gone between the two: nobody.
            let (Ok(line), Ok(process)) = (fs::read(format!("/proc/{pid}/cmdline")), ProcessId::of(pid)) else { continue };
            if line.ends_with(&tail) {
                found.push(process);
            }
        }
        Ok(found)
    }

    /// Kills everything in it and removes it. Nothing there is success. The network goes with its interfaces, whose end it is
    /// not.
    pub fn destroy(&self) -> io::Result<()> {
        self.cgroup.kill_all()?;
        self.cgroup.remove()?;
        remove_directory(&self.directory)
    }
}

/// The ids of the instances that have a directory.
pub(super) fn present(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Removes what a service has made outside its state directory, whether or not any of its processes still runs, and
/// unmounts what is mounted beneath that directory.
pub fn purge(service_id: &str, state_directory: &Path) -> io::Result<()> {
    let cgroup = service_cgroup(service_id);
    cgroup.kill_all()?;
    cgroup.remove()?;
    for name in cgroup::list(&format!("pilothouse-{service_id}")) {
        Cgroup::new(name).remove()?;
    }
    for name in netns::list(&format!("ph-{service_id}-"))? {
        netns::delete(&name)?;
    }
    unmount_beneath(state_directory)
}

fn unmount_beneath(directory: &Path) -> io::Result<()> {
    let directory = match fs::canonicalize(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    node_os::mounts::unmount_beneath(&directory)
}

fn remove_directory(path: &Path) -> io::Result<()> {
    unmount_beneath(path)?;
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// For its owner only; readers see the old file or the new one.
fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let next = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    file.sync_all()?;
    fs::rename(&next, path)
}
