//! The background thread: writes snapshots so that old log segments can go, and removes what deleted clusters leave.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::backend::Backend;
use crate::cluster::Cluster;
use crate::engine::Shared;
use crate::error::{Error, Result};
use crate::group::Reply;
use crate::index::Index;
use crate::log::{Closed, LOG_DIR, segment_path};
use crate::snapshot::{self, SNAPSHOT_DIR};

pub(crate) enum Task {
    /// Everything in the segment is applied by the time this arrives.
    Closed(Closed),
    Deleted {
        cluster: Arc<Cluster>,
        index: Index,
    },
    /// Snapshot whatever a closed segment is still needed for, and remove all closed segments.
    Checkpoint {
        reply: Reply<()>,
    },
}

pub(crate) struct Keeper {
    pub shared: Arc<Shared>,
    pub tasks: Receiver<Task>,
    pub closed: VecDeque<Closed>,
}

impl Keeper {
    pub fn run(mut self) {
        while let Ok(task) = self.tasks.recv() {
            let (reply, done) = self.perform(task);
            let done = done.map_err(|error| self.shared.poison(&error));
            if let Some(reply) = reply {
                drop(reply.send(done)); // the caller may have gone
            }
        }
    }

    fn perform(&mut self, task: Task) -> (Option<Reply<()>>, Result<()>) {
        if let Err(error) = self.shared.check_broken() {
            return (if let Task::Checkpoint { reply } = task { Some(reply) } else { None }, Err(error));
        }
        match task {
            Task::Closed(closed) => {
                self.closed.push_back(closed);
                (None, self.retire(self.shared.options.log_bytes.max(self.shared.live_bytes())))
            }
            Task::Deleted { cluster, index } => {
                drop(index);
                (None, self.remove_snapshot(&cluster))
            }
            Task::Checkpoint { reply } => (Some(reply), self.retire(0)),
        }
    }

    /// Removes closed segments, the oldest first, until no more than `keep` bytes of them are left. Because `keep` grows
    /// with the live data, the bytes written for snapshots stay below a small multiple of the bytes logged.
    fn retire(&mut self, keep: u64) -> Result<()> {
        let mut bytes: u64 = self.closed.iter().map(|closed| closed.bytes).sum();
        while bytes > keep
            && let Some(oldest) = self.closed.front().copied()
        {
            for cluster in self.shared.all_clusters() {
                let needed = cluster.state.read().segments.front().is_some_and(|(first, _)| *first <= oldest.sequence);
                if needed {
                    self.snapshot(&cluster)?;
                }
            }
            let path = segment_path(oldest.sequence);
            self.backend().remove(&path).map_err(Error::io("remove", &path))?;
            // One by one, so that no crash leaves a hole in the sequence.
            self.backend().sync_dir(LOG_DIR).map_err(Error::io("sync directory", LOG_DIR))?;
            self.closed.pop_front();
            bytes -= oldest.bytes;
        }
        Ok(())
    }

    fn snapshot(&self, cluster: &Cluster) -> Result<()> {
        let (index, previous) = {
            let state = cluster.state.read();
            if state.deleted {
                return Ok(());
            }
            (state.index.clone(), state.snapshot)
        };
        let revision = index.revision();
        snapshot::write(self.backend(), cluster, &index)?;
        let mut state = cluster.state.write();
        while state.segments.front().is_some_and(|(_, last)| *last <= revision) {
            state.segments.pop_front();
        }
        state.snapshot = Some(revision);
        drop(state);
        if let Some(previous) = previous.filter(|previous| *previous != revision) {
            let path = snapshot::path(cluster.number, previous);
            self.backend().remove(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    /// Durable before the segment with the record of the deletion can go, or the cluster would come back. An older snapshot
    /// whose removal is not durable must not outlive this one: the log in between may be gone.
    fn remove_snapshot(&self, cluster: &Cluster) -> Result<()> {
        let Some(revision) = cluster.state.write().snapshot.take() else { return Ok(()) };
        self.backend().sync_dir(SNAPSHOT_DIR).map_err(Error::io("sync directory", SNAPSHOT_DIR))?;
        let path = snapshot::path(cluster.number, revision);
        self.backend().remove(&path).map_err(Error::io("remove", &path))?;
        self.backend().sync_dir(SNAPSHOT_DIR).map_err(Error::io("sync directory", SNAPSHOT_DIR))
    }

    fn backend(&self) -> &dyn Backend {
        &*self.shared.backend
    }
}
