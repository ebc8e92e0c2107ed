//! The thread that owns the log: takes everything that is waiting, decides it, syncs once, then shows and answers.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use tokio::sync::{mpsc, oneshot};

use crate::cluster::{Cluster, State};
use crate::crypto::DataKey;
use crate::engine::Shared;
use crate::error::Result;
use crate::frame::FrameBuffer;
use crate::group::{Group, Reply};
use crate::keeper::Task;
use crate::log::Log;
use crate::record;
use crate::store::{Revision, Txn, TxnOutcome};

/// Jobs taken off the queue at once.
const GROUP_JOBS: usize = 1024;
/// A group is closed when its frame grows beyond this, to bound memory and the time to the first answer.
const GROUP_BYTES: usize = 16 << 20;

pub(crate) enum Job {
    Txn {
        cluster: Arc<Cluster>,
        txn: Txn,
        reply: Reply<TxnOutcome>,
    },
    Compact {
        cluster: Arc<Cluster>,
        upto: Revision,
        reply: Reply<()>,
    },
    /// Opens the cluster if it exists.
    Create {
        id: Arc<str>,
        reply: Reply<Arc<Cluster>>,
    },
    /// False when there is none.
    Delete {
        id: String,
        reply: Reply<bool>,
    },
    Checkpoint {
        reply: Reply<()>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
}

pub(crate) struct Committer {
    pub shared: Arc<Shared>,
    pub jobs: mpsc::Receiver<Job>,
    pub log: Log,
    pub next_number: u32,
    pub keeper: SyncSender<Task>,
    pub frame: FrameBuffer,
}

impl Committer {
    /// Runs until closed or until the last handle is gone. Gives back whom to tell that all is closed.
    pub fn run(mut self) -> Option<oneshot::Sender<()>> {
        let mut queue = Vec::with_capacity(GROUP_JOBS);
        while self.jobs.blocking_recv_many(&mut queue, GROUP_JOBS) > 0 {
            let mut group = Group::default();
            for job in queue.drain(..) {
                match job {
                    Job::Txn { cluster, txn, reply } => {
                        group.add(&cluster, txn, self.shared.options.quota_bytes, &mut self.frame, reply);
                        if self.frame.payload_len() > GROUP_BYTES {
                            self.commit(std::mem::take(&mut group));
                        }
                    }
                    Job::Close { reply } => {
                        self.commit(group);
                        return Some(reply);
                    }
                    // Rare: each is a group of its own.
                    job => {
                        self.commit(std::mem::take(&mut group));
                        self.single(job);
                    }
                }
            }
            let answered = group.len();
            self.commit(group);
            let target = (answered + self.jobs.len()).min(GROUP_JOBS);
            self.shared.gather.wait(target, || self.jobs.len(), self.log.last_sync());
        }
        None
    }

    fn commit(&mut self, group: Group) {
        if group.is_empty() {
            return;
        }
        match self.append() {
            Ok(()) => group.commit(self.log.sequence()),
            Err(error) => group.fail(&error),
        }
    }

    /// Makes the frame durable, if there is anything in it. The first failure is the last thing the log does.
    fn append(&mut self) -> Result<()> {
        self.shared.check_broken()?;
        if self.frame.payload_len() == 0 {
            return Ok(());
        }
        let appended = self.log.append(&mut self.frame);
        self.frame.clear();
        match appended {
            Ok(None) => Ok(()),
            Ok(Some(closed)) => {
                // Blocks when the keeper is far behind, so that the log cannot outgrow the disk. It ends only after us.
                drop(self.keeper.send(Task::Closed(closed)));
                Ok(())
            }
            Err(error) => Err(self.shared.poison(&error)),
        }
    }

    /// Writes one record as a group of its own.
    fn append_one(&mut self, put: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        put(self.frame.payload())?;
        self.append()
    }

    /// The callers below may have gone; what was done stands all the same, so their absence is ignored.
    fn single(&mut self, job: Job) {
        match job {
            Job::Compact { cluster, upto, reply } => drop(reply.send(self.compact(&cluster, upto))),
            Job::Create { id, reply } => drop(reply.send(self.create(id))),
            Job::Delete { id, reply } => drop(reply.send(self.delete(&id))),
            Job::Checkpoint { reply } => drop(self.keeper.send(Task::Checkpoint { reply })),
            Job::Txn { .. } | Job::Close { .. } => {}
        }
    }

    fn compact(&mut self, cluster: &Cluster, upto: Revision) -> Result<()> {
        if cluster.state.read().deleted {
            return Err(cluster.gone());
        }
        if upto <= cluster.state.read().index.compacted() {
            return Ok(());
        }
        self.append_one(|out| record::put_compact(out, cluster.number, upto))?;
        cluster.state.write().index.compact(upto);
        Ok(())
    }

    fn create(&mut self, id: Arc<str>) -> Result<Arc<Cluster>> {
        if let Some(cluster) = self.shared.clusters.read().get(&id) {
            return Ok(cluster.clone());
        }
        let key = DataKey::generate(&self.shared.masters, &id)?;
        let number = self.next_number;
        self.append_one(|out| record::put_create(out, number, &id, &key))?;
        self.next_number += 1;
        let mut state = State::default();
        state.note_segment(self.log.sequence(), state.index.revision());
        let cluster = Cluster::new(number, id.clone(), key, state);
        self.shared.clusters.write().insert(id, cluster.clone());
        // The engine may have broken meanwhile, elsewhere: the next call on the cluster says so.
        Ok(cluster)
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        let Some(cluster) = self.shared.clusters.read().get(id).cloned() else { return Ok(false) };
        self.append_one(|out| record::put_delete(out, cluster.number))?;
        self.shared.clusters.write().remove(id);
        let index = {
            let mut state = cluster.state.write();
            state.deleted = true;
            state.hub.finish_all(&cluster.gone());
            std::mem::take(&mut state.index)
        };
        // The keeper removes the snapshot, and frees the memory, which takes a while for a large cluster.
        drop(self.keeper.send(Task::Deleted { cluster, index }));
        Ok(true)
    }
}
