//! A store during whose work the paused clock stands still: its threads are none of tokio's.

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use storage::{Entry, Page, Result, Revision, Snapshot, Store, Txn, TxnOutcome, Watch};

pub struct QuietStore(pub Arc<dyn Store>);

/// Tokio's paused clock does not jump while something blocks; this blocks until it is dropped.
struct Standstill {
    _end: SyncSender<()>,
}

impl Standstill {
    fn begin() -> Self {
        let (end, ended) = sync_channel(0);
        tokio::task::spawn_blocking(move || ended.recv().is_err());
        Self { _end: end }
    }
}

#[async_trait]
impl Store for QuietStore {
    fn revision(&self) -> Revision {
        self.0.revision()
    }
    fn compacted(&self) -> Revision {
        self.0.compacted()
    }
    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Entry>> {
        let _still = Standstill::begin();
        self.0.get(key, at).await
    }
    async fn range(&self, prefix: &str, after: Option<&str>, limit: usize, at: Option<Revision>) -> Result<Page> {
        let _still = Standstill::begin();
        self.0.range(prefix, after, limit, at).await
    }
    async fn txn(&self, txn: Txn) -> Result<TxnOutcome> {
        let _still = Standstill::begin();
        self.0.txn(txn).await
    }
    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch> {
        let _still = Standstill::begin();
        self.0.watch(prefix, after).await
    }
    async fn compact(&self, upto: Revision) -> Result<()> {
        let _still = Standstill::begin();
        self.0.compact(upto).await
    }
    async fn snapshot(&self) -> Result<Snapshot> {
        let _still = Standstill::begin();
        self.0.snapshot().await
    }
}
