//! What a kubelet asks of a container runtime. Names and meanings are CRI's (k8s.io/cri-api, runtime/v1 api.proto), as a
//! Rust trait, so that a fake or an external runtime fits as well.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{kind} {id:?} not found")]
    NotFound { kind: &'static str, id: String },
    /// The container cannot be started as asked: no such program, no such user, a bad mount. The text is for the user.
    #[error("{0}")]
    Create(String),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A pod's sandbox: its namespaces, its cgroup, and the shim that holds them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SandboxConfig {
    /// Chosen by the kubelet; unique for ever.
    pub id: String,
    pub pod_uid: String,
    pub namespace: String,
    pub name: String,
    pub attempt: u32,
    pub hostname: String,
    /// Share the node's network namespace instead of having one.
    pub host_network: bool,
    /// Share the machine's processes, and its System V objects and message queues.
    pub host_pid: bool,
    pub host_ipc: bool,
    /// One PID namespace for all containers of the pod.
    pub share_process_namespace: bool,
    /// `/kubepods/burstable/pod<uid>`, beneath the node's own cgroup.
    pub cgroup_parent: String,
    /// Of the pod as a whole.
    pub resources: Resources,
    pub sysctls: BTreeMap<String, String>,
    /// Memory-backed directories, mounted in the sandbox's mount namespace before anything else happens there. The kubelet
    /// writes into them through [`SandboxStatus::root`].
    pub tmpfs: Vec<Tmpfs>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tmpfs {
    /// Absolute, existing.
    pub path: PathBuf,
    /// 0: half of the machine's memory, the kernel's default.
    pub size_bytes: u64,
    pub mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SandboxState {
    Ready,
    NotReady,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxStatus {
    pub config: SandboxConfig,
    pub state: SandboxState,
    pub created_at_ns: i64,
    /// The shim. Its `/proc/<pid>/ns/net` is the pod's network namespace for as long as it lives.
    pub pid: u32,
}

impl SandboxStatus {
    /// The file system as the sandbox sees it.
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid))
    }
    pub fn network_namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.pid))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// 0 in each field: not set.
    pub cpu_shares: u64,
    pub cpu_quota_us: i64,
    pub cpu_period_us: u64,
    pub memory_limit_bytes: i64,
    pub pids_limit: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    pub host_path: PathBuf,
    pub container_path: PathBuf,
    pub readonly: bool,
    pub propagation: Propagation,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    #[default]
    None,
    HostToContainer,
    Bidirectional,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityContext {
    pub privileged: bool,
    /// None: the image's user.
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub supplemental_groups: Vec<i64>,
    /// Without `CAP_`; `ALL` stands for all.
    pub add_capabilities: Vec<String>,
    pub drop_capabilities: Vec<String>,
    pub readonly_rootfs: bool,
    pub no_new_privileges: bool,
    pub seccomp: Seccomp,
    /// Absent: the usual list of container runtimes.
    pub masked_paths: Option<Vec<String>>,
    pub readonly_paths: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Seccomp {
    #[default]
    RuntimeDefault,
    Unconfined,
    /// An OCI `linux.seccomp` document in JSON.
    Localhost(String),
}

/// The root file system and the defaults that an image brings, as the image service hands them out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageSource {
    /// `sha256:…` of the image's config.
    pub id: String,
    /// Unpacked layers, the lowest first, ready as overlayfs lower directories.
    pub layers: Vec<PathBuf>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub env: Vec<String>,
    pub working_dir: String,
    /// `user`, `uid`, `user:group`…
    pub user: String,
    pub stop_signal: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerConfig {
    /// Chosen by the kubelet; 64 hex digits, unique for ever.
    pub id: String,
    pub name: String,
    /// 0 for the first, raised at each restart.
    pub attempt: u32,
    pub image: ImageSource,
    /// Replaces the image's entrypoint when not empty.
    pub command: Vec<String>,
    /// Replaces the image's cmd when not empty, or when `command` is not.
    pub args: Vec<String>,
    pub working_dir: String,
    /// Names are unique; wins over the image's.
    pub env: Vec<(String, String)>,
    pub mounts: Vec<Mount>,
    pub tty: bool,
    pub stdin: bool,
    pub stdin_once: bool,
    /// In CRI's format; rotated by the shim.
    pub log_path: PathBuf,
    pub log_max_bytes: u64,
    pub log_max_files: u32,
    pub security: SecurityContext,
    pub resources: Resources,
    /// Empty: the image's, else SIGTERM.
    pub stop_signal: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerState {
    Created,
    Running,
    Exited,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    pub config: ContainerConfig,
    pub sandbox_id: String,
    pub state: ContainerState,
    pub pid: u32,
    pub created_at_ns: i64,
    pub started_at_ns: i64,
    pub finished_at_ns: i64,
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`, `ContainerStatusUnknown`
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStats {
    pub container_id: String,
    pub cpu_usage_ns: u64,
    pub memory_usage_bytes: u64,
    pub memory_working_set_bytes: u64,
    pub memory_rss_bytes: u64,
    pub pids: u64,
    pub writable_layer_bytes: u64,
    pub writable_layer_inodes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    pub width: u16,
    pub height: u16,
}

pub type Reader = Pin<Box<dyn AsyncRead + Send>>;
pub type Writer = Pin<Box<dyn AsyncWrite + Send>>;

/// The streams of an exec or an attach. Dropping `stdin` closes it.
pub struct Streams {
    pub stdin: Option<Writer>,
    pub stdout: Option<Reader>,
    pub stderr: Option<Reader>,
    pub resize: mpsc::Sender<TerminalSize>,
    /// The exit code. For an attach: sent when the container ends. An error: the program could not be started.
    pub exit: oneshot::Receiver<Result<i32>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecConfig {
    pub command: Vec<String>,
    pub tty: bool,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

/// Something changed; the reader asks for the status. Hints only: who missed some lists everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeEvent {
    ContainerStarted {
        pod_uid: String,
        container: String,
    },
    ContainerExited {
        pod_uid: String,
        container: String,
    },
    /// The shim is gone.
    SandboxGone {
        pod_uid: String,
        sandbox: String,
    },
}

/// All calls can be repeated: stopping what is stopped and removing what is gone is success.
#[async_trait::async_trait]
pub trait ContainerRuntime: Send + Sync + 'static {
    /// `pilothouse://0.1.0`, for the node's status.
    fn version(&self) -> String;

    /// Makes and starts it; the network namespace exists but has no links but `lo`, which is up.
    async fn run_sandbox(&self, config: &SandboxConfig) -> Result<SandboxStatus>;
    /// Kills every container and the shim; what was mounted and the network namespace are gone afterwards.
    async fn stop_sandbox(&self, id: &str) -> Result<()>;
    /// Stops it and forgets it with its containers.
    async fn remove_sandbox(&self, id: &str) -> Result<()>;
    async fn list_sandboxes(&self) -> Result<Vec<SandboxStatus>>;

    /// Makes the container up to the point where its program would run.
    async fn create_container(&self, sandbox: &str, config: &ContainerConfig) -> Result<()>;
    async fn start_container(&self, id: &str) -> Result<()>;
    /// The stop signal, then after `grace` SIGKILL. Returns when it has ended.
    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()>;
    /// Kills it if it still runs; removes its file system, not its log.
    async fn remove_container(&self, id: &str) -> Result<()>;
    async fn list_containers(&self) -> Result<Vec<ContainerStatus>>;
    /// The sandboxes of one pod, and their containers.
    async fn list_pod(&self, uid: &str) -> Result<(Vec<SandboxStatus>, Vec<ContainerStatus>)> {
        let mut sandboxes = self.list_sandboxes().await?;
        sandboxes.retain(|sandbox| sandbox.config.pod_uid == uid);
        let mut containers = self.list_containers().await?;
        containers.retain(|container| sandboxes.iter().any(|sandbox| sandbox.config.id == container.sandbox_id));
        Ok((sandboxes, containers))
    }
    async fn container_status(&self, id: &str) -> Result<ContainerStatus>;
    async fn container_stats(&self, id: &str) -> Result<ContainerStats>;
    async fn update_resources(&self, id: &str, resources: &Resources) -> Result<()>;

    async fn exec(&self, id: &str, config: &ExecConfig) -> Result<Streams>;
    /// `config.command` is unused.
    async fn attach(&self, id: &str, config: &ExecConfig) -> Result<Streams>;

    /// Events from now on. A slow reader loses some and is told by a `Lagged` error of the channel.
    fn events(&self) -> tokio::sync::broadcast::Receiver<RuntimeEvent>;
}
