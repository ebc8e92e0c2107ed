//! The embedded engine: opening, closing, and the clusters in it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc as std_mpsc};
use std::thread;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

use crate::backend::Backend;
use crate::cluster::{Cluster, EmbeddedStore};
use crate::committer::{Committer, Job};
use crate::crypto::{Keyring, MasterKeys};
use crate::error::{Error, Result};
use crate::frame::FrameBuffer;
use crate::gather::Gather;
use crate::keeper::Keeper;
use crate::recovery::{self, Recovered};
use crate::store::Store;

/// Keeps every record well below what the file format can say.
const MAX_TXN_BYTES: usize = 256 << 20;
const MAX_CLUSTER_ID_BYTES: usize = 1024;
/// Callers wait (without a thread) when this many jobs are queued.
const JOB_QUEUE: usize = 4096;
/// The log waits when this many closed segments are not looked at yet.
const KEEPER_QUEUE: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// A new log segment begins when the current one would grow beyond this.
    pub segment_bytes: u64,
    /// Closed segments are kept up to this many bytes, or the size of the live data if that is more.
    pub log_bytes: u64,
    /// All retained keys and values of one cluster; the default is the size of EKS's etcd.
    pub quota_bytes: u64,
    /// Keys and values of one transaction; at most 256 MiB.
    pub max_txn_bytes: usize,
    /// Batches that may wait for one watcher before it is cut off.
    pub watch_backlog: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, log_bytes: 256 << 20, quota_bytes: 8 << 30, max_txn_bytes: 16 << 20, watch_backlog: 1024 }
    }
}

/// What the handles and the threads of one engine share.
pub(crate) struct Shared {
    pub backend: Arc<dyn Backend>,
    pub options: EngineOptions,
    pub masters: MasterKeys,
    pub clusters: RwLock<HashMap<Arc<str>, Arc<Cluster>>>,
    pub gather: Gather,
    broken: OnceLock<Arc<str>>,
    closed: AtomicBool,
}

impl Shared {
    pub fn check_broken(&self) -> Result<()> {
        match self.broken.get() {
            Some(reason) => Err(Error::Broken { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    pub fn check(&self) -> Result<()> {
        self.check_broken()?;
        if self.closed.load(Ordering::Acquire) { Err(Error::Closed) } else { Ok(()) }
    }

    /// Stops serving for good, and says how every later call is answered.
    pub fn poison(&self, error: &Error) -> Error {
        let reason = match error {
            Error::Broken { reason } => reason.clone(),
            other => other.to_string().into(),
        };
        let reason = self.broken.get_or_init(|| reason).clone();
        tracing::error!(%reason, "the store stops serving");
        let error = Error::Broken { reason };
        self.finish_watches(&error);
        error
    }

    fn finish_watches(&self, error: &Error) {
        for cluster in self.all_clusters() {
            cluster.state.write().hub.finish_all(error);
        }
    }

    pub fn all_clusters(&self) -> Vec<Arc<Cluster>> {
        self.clusters.read().values().cloned().collect()
    }

    pub fn live_bytes(&self) -> u64 {
        self.clusters.read().values().map(|cluster| cluster.state.read().index.bytes()).sum()
    }

    /// Sends a job to the log's thread and waits for its answer.
    pub async fn submit<T>(&self, jobs: &mpsc::Sender<Job>, job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job) -> Result<T> {
        self.check()?;
        let (reply, answer) = oneshot::channel();
        if jobs.send(job(reply)).await.is_err() {
            return Err(self.gone());
        }
        self.gather.arrived(jobs.max_capacity() - jobs.capacity());
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Why the log's thread does not answer any more.
    fn gone(&self) -> Error {
        self.check().err().unwrap_or(Error::Closed)
    }
}

/// Says so when the log's thread dies by a panic, so that nobody takes the store for closed in good order.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.poison(&Error::Broken { reason: "a thread of the store panicked".into() });
        }
    }
}

/// All clusters of a process in one state directory. Clones are the same engine; it ends with `close`, or when the last
/// clone and the last store are dropped.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

impl Engine {
    /// Recovers what the directory holds. Blocks: it reads everything.
    pub fn open(backend: Arc<dyn Backend>, keyring: &Keyring, mut options: EngineOptions) -> Result<Self> {
        options.max_txn_bytes = options.max_txn_bytes.min(MAX_TXN_BYTES);
        let dir = backend.describe();
        let lock = backend.lock().map_err(Error::io("lock", &dir))?.ok_or(Error::Locked { dir })?;
        let masters = keyring.resolve(&*backend)?;
        let Recovered { clusters, next_number, log, closed } = recovery::recover(&backend, &masters, &options)?;
        let clusters = RwLock::new(clusters);
        let (broken, stopped) = (OnceLock::new(), AtomicBool::new(false));
        let gather = Gather::default();
        let shared = Arc::new(Shared { backend, options, masters, clusters, gather, broken, closed: stopped });

        let (jobs, waiting) = mpsc::channel(JOB_QUEUE);
        let (keeper, tasks) = std_mpsc::sync_channel(KEEPER_QUEUE);
        let committer = Committer { shared: shared.clone(), jobs: waiting, log, next_number, keeper, frame: FrameBuffer::new() };
        let keeper = Keeper { shared: shared.clone(), tasks, closed };
        start(shared.clone(), keeper, committer, lock)?;
        Ok(Self { shared, jobs })
    }

    /// Opens a cluster, or makes an empty one at revision 1.
    pub async fn cluster(&self, id: &str) -> Result<Arc<dyn Store>> {
        if !(1..=MAX_CLUSTER_ID_BYTES).contains(&id.len()) {
            return Err(Error::ClusterIdLength { size: id.len(), limit: MAX_CLUSTER_ID_BYTES });
        }
        let found = self.shared.clusters.read().get(id).cloned();
        let cluster = match found {
            Some(cluster) => cluster,
            None => self.shared.submit(&self.jobs, |reply| Job::Create { id: id.into(), reply }).await?,
        };
        self.shared.check()?;
        Ok(Arc::new(EmbeddedStore { cluster, shared: self.shared.clone(), jobs: self.jobs.clone() }))
    }

    /// Forgets a cluster durably; false when there is none. Its stores and watches answer that it was deleted.
    pub async fn delete_cluster(&self, id: &str) -> Result<bool> {
        self.shared.submit(&self.jobs, |reply| Job::Delete { id: id.to_owned(), reply }).await
    }

    /// The ids of all clusters, sorted.
    pub fn clusters(&self) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = self.shared.clusters.read().keys().cloned().collect();
        ids.sort();
        ids
    }

    /// Removes the closed log segments, after writing the snapshots that stand in for them.
    pub async fn checkpoint(&self) -> Result<()> {
        self.shared.submit(&self.jobs, |reply| Job::Checkpoint { reply }).await
    }

    /// Why the engine stopped serving, if it did.
    pub fn failure(&self) -> Option<Error> {
        self.shared.check_broken().err()
    }

    /// Finishes what was submitted, then lets go of the directory. Everything answers [`Error::Closed`] from now on.
    pub async fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        let (reply, done) = oneshot::channel();
        if self.jobs.send(Job::Close { reply }).await.is_ok() {
            drop(done.await); // an error says that the thread has ended already, which is what was wanted
        }
    }
}

/// Two threads however many clusters there are; both sleep while there is nothing to do.
fn start(shared: Arc<Shared>, keeper: Keeper, committer: Committer, lock: Box<dyn Send>) -> Result<()> {
    let guard = PanicGuard(shared.clone());
    let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.to_owned()).spawn(run).map_err(Error::io("start thread", name))
    };
    let keeper = spawn(
        "store-keeper",
        Box::new(move || {
            let _guard = guard; // dropped when the thread ends, one way or the other
            keeper.run();
        }),
    )?;
    let guard = PanicGuard(shared.clone());
    spawn(
        "store-log",
        Box::new(move || {
            let _guard = guard; // as above
            let closed = committer.run();
            let joined = keeper.join();
            shared.finish_watches(&Error::Closed);
            drop(lock);
            if let Some(closed) = closed {
                let _ = closed.send(()); // the closer may have gone
            }
            drop(joined); // its panic is reported by its own guard
        }),
    )?;
    Ok(())
}
