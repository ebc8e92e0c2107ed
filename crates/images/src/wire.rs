//! The calls of an [`ImageService`] as documents: what a node and its host's agent say to each other over a socket.

use crate::service::{Credentials, Image, ImageService, PullError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Every call is a POST of a [`Call`] to this path; the answer is a [`Reply`], or a [`PullError`] with another status.
pub const PATH: &str = "/images";
pub const MAX_CALL_BYTES: usize = 64 << 10;
pub const MAX_REPLY_BYTES: usize = 64 << 20;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Call {
    ImageStatus { name: String },
    PullImage { name: String, credentials: Option<Credentials> },
    ListImages,
    RemoveImage { id: String },
    FileSystem,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    Image(Option<Box<Image>>),
    Images(Vec<Image>),
    Done,
    FileSystem { used_bytes: u64, free_bytes: u64 },
}

impl Call {
    pub async fn answer(self, service: &dyn ImageService) -> Result<Reply, PullError> {
        match self {
            Self::ImageStatus { name } => service.image_status(&name).await.map(|image| Reply::Image(image.map(Box::new))),
            Self::PullImage { name, credentials } => {
                service.pull_image(&name, credentials.as_ref()).await.map(|image| Reply::Image(Some(Box::new(image))))
            }
            Self::ListImages => service.list_images().await.map(Reply::Images),
            Self::RemoveImage { id } => service.remove_image(&id).await.map(|()| Reply::Done),
            Self::FileSystem => {
                service.file_system().await.map(|(used_bytes, free_bytes)| Reply::FileSystem { used_bytes, free_bytes })
            }
        }
    }
}

/// A short name for a socket whose path is longer than the 107 bytes that an address holds. Good while it lives.
pub struct ShortPath {
    _directory: File,
    pub path: PathBuf,
}

impl ShortPath {
    pub fn of(socket: &Path) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (socket.parent(), socket.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let directory = File::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
        let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
        Ok(Self { _directory: directory, path })
    }
}
