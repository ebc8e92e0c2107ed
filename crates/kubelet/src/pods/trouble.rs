//! Why a container does not start: the reasons and texts of kubernetes pkg/kubelet/container/sync_result.go and
//! pkg/kubelet/images/types.go.

/// `reason` is what `state.waiting` shows, `message` its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub reason: &'static str,
    pub message: String,
}

impl Trouble {
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

pub const CREATE_CONFIG: &str = "CreateContainerConfigError";
pub const CREATE: &str = "CreateContainerError";
pub const RUN: &str = "RunContainerError";
pub const CRASH_LOOP: &str = "CrashLoopBackOff";
pub const POST_START: &str = "PostStartHookError";
pub const PULL: &str = "ErrImagePull";
pub const PULL_BACKOFF: &str = "ImagePullBackOff";
pub const NEVER_PULL: &str = "ErrImageNeverPull";
pub const INVALID_NAME: &str = "InvalidImageName";
pub const INSPECT: &str = "ImageInspectError";
