//! What a node asks of its host's image store. Names are CRI's ImageService.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// Each text is what the user reads in the pod's event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "detail")]
pub enum PullError {
    /// `couldn't parse image name "x": invalid reference format`: the kubelet's InvalidImageName.
    #[error("{0}")]
    InvalidName(String),
    /// The registry says that there is none, or that the caller may not know.
    #[error("failed to pull and unpack image {image:?}: {why}")]
    Refused { image: String, why: String },
    #[error("failed to pull and unpack image {image:?}: {why}")]
    Unreachable { image: String, why: String },
    #[error("no space left on device: {0}")]
    Full(String),
    #[error("{0}")]
    Internal(String),
}

impl PullError {
    /// What the disk said while `what` was done.
    pub fn io(what: impl std::fmt::Display, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(what.to_string()),
            _ => Self::Internal(format!("{what}: {error}")),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Credentials {
    pub username: String,
    pub password: String,
    pub identity_token: String,
}

/// An unpacked image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// `sha256:…` of the config.
    pub id: String,
    /// `docker.io/library/busybox:1.36`
    pub repo_tags: Vec<String>,
    /// `docker.io/library/busybox@sha256:…`
    pub repo_digests: Vec<String>,
    pub size_bytes: u64,
    /// Absolute directories, the lowest first, ready as overlayfs lower directories.
    pub layers: Vec<PathBuf>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub env: Vec<String>,
    pub working_dir: String,
    pub user: String,
    pub stop_signal: String,
    /// Not to be removed to make room.
    pub pinned: bool,
}

#[async_trait::async_trait]
pub trait ImageService: Send + Sync + 'static {
    /// `name` as a pod writes it, or an image's id. None: not here.
    async fn image_status(&self, name: &str) -> Result<Option<Image>, PullError>;
    /// Takes what is missing from the registry. Pulls of one image by several callers are one pull.
    async fn pull_image(&self, name: &str, credentials: Option<&Credentials>) -> Result<Image, PullError>;
    async fn list_images(&self) -> Result<Vec<Image>, PullError>;
    /// By id or by any of its names, all of them. An image that is not here is no error; one that a container stands on is
    /// not removed.
    async fn remove_image(&self, id: &str) -> Result<(), PullError>;
    /// Used and free bytes of the file system that holds the store.
    async fn file_system(&self) -> Result<(u64, u64), PullError>;
}
