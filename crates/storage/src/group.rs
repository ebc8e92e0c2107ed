//! Deciding a group of transactions: each sees the ones before it, although none is durable yet.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::frame::FrameBuffer;
use crate::index::Effect;
use crate::record;
use crate::store::{Entry, Revision, Txn, TxnOutcome, Write};

pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// Transactions that will be made durable by one sync.
#[derive(Default)]
pub(crate) struct Group {
    clusters: HashMap<u32, Pending>,
    answers: Vec<(Reply<TxnOutcome>, Result<TxnOutcome>)>,
}

/// One cluster as it will be once the group is durable.
struct Pending {
    cluster: Arc<Cluster>,
    revision: Revision,
    bytes: u64,
    keys: HashMap<Arc<str>, Option<Entry>>,
    committed: Vec<(Revision, Vec<Effect>)>,
}

impl Pending {
    fn new(cluster: &Arc<Cluster>) -> Self {
        let state = cluster.state.read();
        let (revision, bytes) = (state.index.revision(), state.index.bytes());
        Self { cluster: cluster.clone(), revision, bytes, keys: HashMap::new(), committed: Vec::new() }
    }

    fn current(&self, key: &str) -> Option<Entry> {
        match self.keys.get(key) {
            Some(pending) => pending.clone(),
            None => self.cluster.state.read().index.current(key),
        }
    }

    fn decide(&mut self, txn: Txn, quota: u64, out: &mut Vec<u8>) -> Result<TxnOutcome> {
        if self.cluster.state.read().deleted {
            return Err(self.cluster.gone());
        }
        for compare in &txn.compares {
            let current = self.current(compare.key());
            if !compare.holds(current.as_ref().map(|entry| entry.mod_revision)) {
                return Ok(TxnOutcome::Failed { key: compare.key().to_owned(), current });
            }
        }
        let effects = self.effects(txn.writes);
        if effects.is_empty() {
            return Ok(TxnOutcome::Committed { revision: self.revision });
        }
        let bytes = self.within_quota(&effects, quota)?;
        let writes = effects.iter().map(|(key, value)| {
            let value = value.as_ref();
            (&**key, value.map(|(value, _)| &**value), value.is_some_and(|(_, sensitive)| *sensitive))
        });
        record::put_txn(out, self.cluster.number, self.revision + 1, &self.cluster.key, writes)?;
        self.bytes = bytes;
        Ok(TxnOutcome::Committed { revision: self.advance(effects) })
    }

    /// The writes that change something: deleting what is not there does not.
    fn effects(&self, writes: Vec<Write>) -> Vec<Effect> {
        let effects = writes.into_iter().filter_map(|write| match write {
            Write::Put { key, value, sensitive } => Some((Arc::from(key), Some((value, sensitive)))),
            Write::Delete { key } => self.current(&key).map(|entry| (entry.key, None)),
        });
        effects.collect()
    }

    /// The cluster's size with the effects; only puts can be refused, so that a full cluster can be emptied.
    fn within_quota(&self, effects: &[Effect], limit: u64) -> Result<u64> {
        let added = |(key, value): &Effect| key.len() + value.as_ref().map_or(0, |(value, _)| value.len());
        let bytes = self.bytes + effects.iter().map(added).sum::<usize>() as u64;
        let puts = effects.iter().any(|(_, value)| value.is_some());
        if puts && bytes > limit {
            return Err(Error::QuotaExceeded { cluster: self.cluster.id.to_string(), used: self.bytes, limit });
        }
        Ok(bytes)
    }

    fn advance(&mut self, effects: Vec<Effect>) -> Revision {
        self.revision += 1;
        let mod_revision = self.revision;
        for (key, value) in &effects {
            let create_revision = self.current(key).map_or(mod_revision, |entry| entry.create_revision);
            let entry =
                value.as_ref().map(|(value, _)| Entry { key: key.clone(), value: value.clone(), create_revision, mod_revision });
            self.keys.insert(key.clone(), entry);
        }
        self.committed.push((mod_revision, effects));
        mod_revision
    }

    /// Makes the durable transactions visible and tells the watchers, in one critical section.
    fn apply(self, segment: u64) {
        let Some((last, _)) = self.committed.last() else { return };
        let last = *last;
        let mut state = self.cluster.state.write();
        let mut changes = Vec::with_capacity(self.committed.len());
        for (revision, effects) in self.committed {
            changes.extend(state.index.apply(revision, effects));
        }
        state.note_segment(segment, last);
        state.hub.publish(changes);
    }
}

impl Group {
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Decides a transaction and writes its record, if it has one, into the frame.
    pub fn add(&mut self, cluster: &Arc<Cluster>, txn: Txn, quota: u64, frame: &mut FrameBuffer, reply: Reply<TxnOutcome>) {
        let pending = self.clusters.entry(cluster.number).or_insert_with(|| Pending::new(cluster));
        let outcome = pending.decide(txn, quota, frame.payload());
        self.answers.push((reply, outcome));
    }

    /// The group is durable in `segment`: visible first, then acknowledged.
    pub fn commit(self, segment: u64) {
        for (_, pending) in self.clusters {
            pending.apply(segment);
        }
        for (reply, outcome) in self.answers {
            // Nobody waits any more when the caller's future was dropped; the outcome stands all the same.
            drop(reply.send(outcome));
        }
    }

    /// The group may or may not be on disk: nobody is told that it is.
    pub fn fail(self, error: &Error) {
        for (reply, _) in self.answers {
            drop(reply.send(Err(error.clone()))); // the caller may have gone
        }
    }
}
