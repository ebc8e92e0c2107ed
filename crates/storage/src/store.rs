//! The contract of every engine: revisioned reads, compare-and-swap transactions, watches without gaps.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;
use crate::watch::Watch;

/// Counts the committed transactions of one cluster. A new cluster is at 1; it never goes back.
pub type Revision = u64;

/// One key as it stood at some revision. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Arc<str>,
    pub value: Bytes,
    pub create_revision: Revision,
    pub mod_revision: Revision,
}

/// A condition that must hold for a transaction to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    Absent(String),
    ModRevision(String, Revision),
    Present(String),
}

impl Compare {
    pub fn key(&self) -> &str {
        match self {
            Compare::Absent(key) | Compare::ModRevision(key, _) | Compare::Present(key) => key,
        }
    }
    /// Whether it holds for a key last modified at `modified`, `None` when absent.
    pub fn holds(&self, modified: Option<Revision>) -> bool {
        match self {
            Compare::Absent(_) => modified.is_none(),
            Compare::Present(_) => modified.is_some(),
            Compare::ModRevision(_, revision) => modified == Some(*revision),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// `sensitive` values are encrypted wherever they touch the disk.
    Put {
        key: String,
        value: Bytes,
        sensitive: bool,
    },
    Delete {
        key: String,
    },
}

impl Write {
    pub fn key(&self) -> &str {
        match self {
            Write::Put { key, .. } | Write::Delete { key } => key,
        }
    }
}

/// All writes happen at one new revision if all compares hold, else none does. No key may be written twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    pub compares: Vec<Compare>,
    pub writes: Vec<Write>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxnOutcome {
    /// Durable and visible. A transaction that changes nothing reports the revision it was decided at.
    Committed { revision: Revision },
    /// The first compare that did not hold, and what is there instead.
    Failed { key: String, current: Option<Entry> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// The revision that the page shows: read the next one `at` it.
    pub revision: Revision,
    pub more: bool,
}

/// One key's change. Those of one transaction share a revision and come in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: Arc<str>,
    pub revision: Revision,
    /// `None` when the key was deleted.
    pub value: Option<Entry>,
    pub previous: Option<Entry>,
}

/// Everything in a cluster at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub revision: Revision,
    pub entries: Vec<Entry>,
}

/// The keys of one cluster.
#[async_trait]
pub trait Store: Send + Sync {
    /// The newest revision that is committed and visible.
    fn revision(&self) -> Revision;

    /// Reads and watches from before this revision are refused; 0 when the whole history is retained.
    fn compacted(&self) -> Revision;

    /// One key, now or at a retained revision.
    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Entry>>;

    /// The keys with `prefix` that come behind `after`, in order, at most `limit` of them (0: all), as of one revision.
    async fn range(&self, prefix: &str, after: Option<&str>, limit: usize, at: Option<Revision>) -> Result<Page>;

    /// Returns once the outcome is durable. The transaction may still commit when the future is dropped.
    async fn txn(&self, txn: Txn) -> Result<TxnOutcome>;

    /// Every change under `prefix` with a revision above `after`: in order, none missing, none twice.
    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch>;

    /// Gives up the history before `upto`; what is visible at `upto` and later stays readable.
    async fn compact(&self, upto: Revision) -> Result<()>;

    /// Everything at the current revision.
    async fn snapshot(&self) -> Result<Snapshot>;
}
