//! What the kubelet's own HTTP server asks about pods.

use meta::Doc;
use std::path::PathBuf;

/// A container as streams and logs need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundContainer {
    pub pod_uid: String,
    pub name: String,
    /// The runtime's id.
    pub id: String,
    pub running: bool,
    /// The current log file; rotated ones lie beside it as `N.log.<timestamp>`.
    pub log_path: PathBuf,
    pub tty: bool,
    pub stdin: bool,
}

/// A pod's sandbox as port forwarding needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPod {
    pub uid: String,
    pub network_namespace: PathBuf,
}

/// The texts are upstream's (kubernetes pkg/kubelet/server/server.go, pkg/kubelet/kubelet_pods.go).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("pod {0} not found")]
    NoPod(String),
    #[error("container {container} is not valid for pod {pod}")]
    NoContainer { pod: String, container: String },
    #[error("container {container:?} in pod {pod:?} is waiting to start: {reason}")]
    Waiting { pod: String, container: String, reason: String },
    #[error("previous terminated container {container:?} in pod {pod:?} not found")]
    NoPrevious { pod: String, container: String },
    #[error("container not found ({0:?})")]
    NotRunning(String),
}

/// Which pods are here. `uid` empty: whichever has the name.
pub trait PodLookup: Send + Sync + 'static {
    /// The newest container of that name that runs, for exec and attach.
    fn running_container(&self, namespace: &str, pod: &str, uid: &str, container: &str) -> Result<FoundContainer, LookupError>;
    /// The container whose log is asked for: the newest with a log, or the one before it.
    fn logged_container(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
    ) -> Result<FoundContainer, LookupError>;
    fn sandbox(&self, namespace: &str, pod: &str, uid: &str) -> Result<FoundPod, LookupError>;
    /// A `v1 PodList` of the pods bound here, with their newest status.
    fn pod_list(&self) -> Doc;
}
