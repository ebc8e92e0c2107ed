//! What can go wrong in a store: one closed enum for this boundary.

use std::io;
use std::sync::Arc;

use crate::store::Revision;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The history asked for is gone; list again and watch from the list's revision.
    #[error("revision {requested} has been compacted: the oldest one retained is {compacted}")]
    Compacted { requested: Revision, compacted: Revision },
    #[error("revision {requested} is in the future: the current one is {current}")]
    FutureRevision { requested: Revision, current: Revision },
    /// This watcher read too slowly and was cut off; resume from the last revision seen.
    #[error("the watcher fell too far behind and was cut off")]
    Lagged,
    #[error("cluster {cluster} has used {used} of its quota of {limit} bytes")]
    QuotaExceeded { cluster: String, used: u64, limit: u64 },
    #[error("transaction of {size} bytes is larger than the limit of {limit}")]
    TooLarge { size: usize, limit: usize },
    #[error("transaction writes key {key:?} twice")]
    DuplicateKey { key: String },
    #[error("key must have 1 to {limit} bytes, not {size}")]
    KeyLength { size: usize, limit: usize },
    #[error("cluster id must have 1 to {limit} bytes, not {size}")]
    ClusterIdLength { size: usize, limit: usize },
    #[error("cluster {cluster} has been deleted")]
    ClusterDeleted { cluster: String },
    #[error("the store is closed")]
    Closed,
    /// A write or fsync failed. What the disk holds is unknown until the log is read again, so nothing is retried.
    #[error("the store stopped serving after a failed write; restart to recover: {reason}")]
    Broken { reason: Arc<str> },
    #[error("state directory {dir} is locked by another process")]
    Locked { dir: String },
    #[error("{file} is damaged at byte {offset}: {what}; restore it from a backup")]
    Corrupt { file: String, offset: u64, what: String },
    #[error("cluster {cluster} is encrypted with master key {key_id:016x}, which the key ring does not hold")]
    UnknownKey { cluster: String, key_id: u64 },
    #[error("key file {file} is readable by others (mode {mode:o}); run: chmod 600 {file}")]
    KeyFileMode { file: String, mode: u32 },
    #[error("key file {file} is not a key ring: {what}")]
    KeyFile { file: String, what: &'static str },
    #[error("cryptography failed while trying to {action}")]
    Crypto { action: &'static str },
    #[error("{action} {path}: {source}")]
    Io { action: &'static str, path: String, source: Arc<io::Error> },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }
    pub(crate) fn corrupt(file: &str, offset: u64, what: impl Into<String>) -> Error {
        Error::Corrupt { file: file.to_owned(), offset, what: what.into() }
    }
}
