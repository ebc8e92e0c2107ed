//! One cluster of the embedded engine: what it holds in memory, and the [`Store`] over it.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

use crate::committer::Job;
use crate::crypto::DataKey;
use crate::engine::Shared;
use crate::error::{Error, Result};
use crate::index::Index;
use crate::store::{Entry, Page, Revision, Snapshot, Store, Txn, TxnOutcome, Write};
use crate::watch::{EmbeddedWatch, Hub, Watch};

/// etcd has no limit of its own here; no Kubernetes key comes near it.
const MAX_KEY_BYTES: usize = 4096;
/// Reads and compaction give other tasks a turn after this many keys.
const KEYS_PER_TURN: usize = 1024;

pub(crate) struct Cluster {
    /// Stands for the id in the log; never used twice.
    pub number: u32,
    pub id: Arc<str>,
    pub key: DataKey,
    pub state: RwLock<State>,
}

/// Shows only what is durable. The lock is never held across I/O.
#[derive(Default)]
pub(crate) struct State {
    pub index: Index,
    pub hub: Hub,
    pub deleted: bool,
    /// The log segments with records that no snapshot holds yet, and the last revision in each.
    pub segments: VecDeque<(u64, Revision)>,
    /// The newest snapshot file.
    pub snapshot: Option<Revision>,
}

impl State {
    /// Notes that the record of `revision` lies in `segment`.
    pub fn note_segment(&mut self, segment: u64, revision: Revision) {
        match self.segments.back_mut() {
            Some((last, upto)) if *last == segment => *upto = revision,
            _ => self.segments.push_back((segment, revision)),
        }
    }
}

impl Cluster {
    pub fn new(number: u32, id: Arc<str>, key: DataKey, state: State) -> Arc<Self> {
        Arc::new(Self { number, id, key, state: RwLock::new(state) })
    }
    pub fn gone(&self) -> Error {
        Error::ClusterDeleted { cluster: self.id.to_string() }
    }
}

/// A handle on one cluster. Handles of a deleted cluster stay valid and say so.
pub(crate) struct EmbeddedStore {
    pub cluster: Arc<Cluster>,
    pub shared: Arc<Shared>,
    pub jobs: mpsc::Sender<Job>,
}

impl EmbeddedStore {
    fn index<T>(&self, read: impl FnOnce(&Index) -> Result<T>) -> Result<T> {
        self.shared.check()?;
        let state = self.cluster.state.read();
        if state.deleted { Err(self.cluster.gone()) } else { read(&state.index) }
    }

    async fn submit<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job) -> Result<T> {
        self.shared.submit(&self.jobs, job).await
    }
}

/// Sorts the writes by key, which is the order of the changes inside a revision, and refuses what cannot be stored.
fn admit(txn: &mut Txn, limit: usize) -> Result<()> {
    txn.writes.sort_by(|a, b| a.key().cmp(b.key()));
    if let Some(pair) = txn.writes.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
        return Err(Error::DuplicateKey { key: pair[0].key().to_owned() });
    }
    let mut size = 0;
    for write in &txn.writes {
        let length = write.key().len();
        if !(1..=MAX_KEY_BYTES).contains(&length) {
            return Err(Error::KeyLength { size: length, limit: MAX_KEY_BYTES });
        }
        size += length + if let Write::Put { value, .. } = write { value.len() } else { 0 };
    }
    if size > limit { Err(Error::TooLarge { size, limit }) } else { Ok(()) }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn revision(&self) -> Revision {
        self.cluster.state.read().index.revision()
    }

    fn compacted(&self) -> Revision {
        self.cluster.state.read().index.compacted()
    }

    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Entry>> {
        self.index(|index| Ok(index.get(key, index.readable(at)?)))
    }

    async fn range(&self, prefix: &str, after: Option<&str>, limit: usize, at: Option<Revision>) -> Result<Page> {
        if (1..=KEYS_PER_TURN).contains(&limit) {
            return self.index(|index| Ok(index.range(prefix, after, limit, index.readable(at)?)));
        }
        let (index, at) = self.index(|index| Ok((index.clone(), index.readable(at)?)))?;
        let mut page = index.range(prefix, after, KEYS_PER_TURN, at);
        while page.more && (limit == 0 || page.entries.len() < limit) {
            tokio::task::yield_now().await;
            let last = page.entries.last().map(|entry| entry.key.clone());
            let turn = if limit == 0 { KEYS_PER_TURN } else { KEYS_PER_TURN.min(limit - page.entries.len()) };
            let next = index.range(prefix, last.as_deref(), turn, at);
            page.entries.extend(next.entries);
            page.more = next.more;
        }
        Ok(page)
    }

    async fn txn(&self, mut txn: Txn) -> Result<TxnOutcome> {
        admit(&mut txn, self.shared.options.max_txn_bytes)?;
        self.submit(|reply| Job::Txn { cluster: self.cluster.clone(), txn, reply }).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch> {
        self.shared.check()?;
        let watch = EmbeddedWatch::new(&self.cluster, prefix, after, self.shared.options.watch_backlog)?;
        // The engine may have stopped between the check and the subscription: then nobody would end this watch.
        self.shared.check()?;
        Ok(Watch::new(watch))
    }

    async fn compact(&self, upto: Revision) -> Result<()> {
        self.index(|index| {
            let current = index.revision();
            if upto > current { Err(Error::FutureRevision { requested: upto, current }) } else { Ok(()) }
        })?;
        self.submit(|reply| Job::Compact { cluster: self.cluster.clone(), upto, reply }).await?;
        while !self.cluster.state.write().index.prune(KEYS_PER_TURN) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn snapshot(&self) -> Result<Snapshot> {
        let Page { entries, revision, .. } = self.range("", None, 0, None).await?;
        Ok(Snapshot { revision, entries })
    }
}
