//! What the kubelet stands on beside the container runtime and the image service: borders, so that each side can be
//! replaced (a simulated node has fakes of them).

use crate::pod::{ContainerView, PodView};
use runtime::cri::{Mount, SandboxStatus, Tmpfs};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Addresses and links of pods. Calls can be repeated; teardown without setup is success.
#[async_trait::async_trait]
pub trait PodNetwork: Send + Sync + 'static {
    /// Gives the sandbox's network namespace its links. The addresses of the pod, the first is `podIP`. Repeating it for
    /// a sandbox that has its addresses says them again.
    async fn setup(&self, sandbox: &SandboxStatus) -> Result<Vec<IpAddr>, NetworkError>;
    /// Frees the addresses. The sandbox may be gone already.
    async fn teardown(&self, sandbox: &SandboxStatus) -> Result<(), NetworkError>;
}

/// The text is for the user, in an event.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(pub String);

/// What must exist before a pod's sandbox does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prepared {
    /// Memory-backed directories of the sandbox.
    pub tmpfs: Vec<Tmpfs>,
    /// Directory on the host of each volume, by the volume's name.
    pub directories: std::collections::BTreeMap<String, PathBuf>,
}

/// `message` reads as upstream's FailedMount event does.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct VolumeError {
    pub message: String,
}

/// A pod's volumes.
#[async_trait::async_trait]
pub trait Volumes: Send + Sync + 'static {
    /// Before the sandbox: resolves sources and makes host directories.
    async fn prepare(&self, pod: &PodView) -> Result<Prepared, VolumeError>;
    /// After the sandbox: writes files, also into its tmpfs, and keeps them up to date until [`Volumes::teardown`]. Called
    /// again when the pod's labels or annotations changed, and by a kubelet that adopts the pod.
    async fn populate(&self, pod: &PodView, prepared: &Prepared, sandbox: &SandboxStatus) -> Result<(), VolumeError>;
    /// Of one container, the files that the kubelet itself makes (hosts, resolv.conf, termination log) among them.
    /// `addresses` are the pod's.
    async fn mounts(
        &self,
        pod: &PodView,
        prepared: &Prepared,
        container: ContainerView<'_>,
        addresses: &[IpAddr],
    ) -> Result<Vec<Mount>, VolumeError>;
    /// The pod is about to end: its files need not follow what they show any more.
    fn settle(&self, pod_uid: &str);
    /// Forgets and removes everything of a pod.
    async fn teardown(&self, pod_uid: &str) -> Result<(), VolumeError>;
}

/// What a pod's environment may refer to beyond its own document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnvFacts {
    pub pod_ips: Vec<IpAddr>,
    pub host_ips: Vec<IpAddr>,
}

/// Ends as the reason CreateContainerConfigError with this message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EnvError(pub String);

#[async_trait::async_trait]
pub trait Environment: Send + Sync + 'static {
    /// All variables of a container, in order, names unique.
    async fn build(
        &self,
        pod: &PodView,
        container: ContainerView<'_>,
        facts: &EnvFacts,
    ) -> Result<Vec<(String, String)>, EnvError>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

impl ProbeKind {
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// The field of a container that holds it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }
}

/// A probe passed a threshold: from now on it succeeds, or fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    pub pod_uid: String,
    pub container: String,
    pub container_id: String,
    pub kind: ProbeKind,
    pub ok: bool,
    pub message: String,
}

/// A running container to probe.
#[derive(Clone, Debug)]
pub struct ProbeTarget {
    pub pod: Arc<PodView>,
    pub container: String,
    pub container_id: String,
    pub started_at_ns: i64,
    /// Its startup probe has succeeded before (the kubelet adopted it).
    pub started: bool,
    pub pod_ip: Option<IpAddr>,
    pub sandbox: SandboxStatus,
}

/// Runs probes. Each failed attempt is an `Unhealthy` event; thresholds passed are results.
pub trait Prober: Send + Sync + 'static {
    /// Starts the container's probes. Nothing changes when they run for this container id already; another id replaces.
    fn start(&self, target: ProbeTarget);
    /// Stops the probes of one container, or of the whole pod.
    fn stop(&self, pod_uid: &str, container: Option<&str>);
    /// Where results arrive; taken once.
    fn results(&self) -> Option<mpsc::Receiver<ProbeResult>>;
}
