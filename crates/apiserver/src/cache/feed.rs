//! Fills every cache of a control plane from one load and one watch of its store.

use super::{Handoff, Objects, ResourceCache};
use crate::keys;
use api::ResourceDef;
use client::ObjectFeed;
use meta::{Gvr, Object, Reason, Status};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use storage::{Change, Store};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How far a reader of all kinds may fall behind before its feed ends; it then starts over.
const READER_BACKLOG: usize = 16_384;

/// A cache and the definition of what it holds.
struct Stored {
    def: Arc<ResourceDef>,
    cache: Arc<ResourceCache>,
}

/// All caches of one control plane.
pub struct Caches {
    by_prefix: HashMap<String, Stored>,
    /// Who reads the changes of all kinds. Locked over each change, so that a new reader misses none and sees none twice.
    readers: Mutex<Vec<mpsc::Sender<ObjectFeed>>>,
    store: Arc<dyn Store>,
    applied: watch::Sender<u64>,
    /// Nothing more will be applied.
    ended: CancellationToken,
    pub(crate) handoff: Handoff,
}

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error(transparent)]
    Store(#[from] storage::Error),
    #[error("record {key:?} is damaged: {source}")]
    Record { key: String, source: meta::object::ObjectError },
}

impl Caches {
    /// Loads everything the store holds for the given kinds. Records of kinds that are not served stay untouched.
    pub async fn load(store: Arc<dyn Store>, defs: impl Iterator<Item = Arc<ResourceDef>>) -> Result<Arc<Self>, FeedError> {
        let page = store.range("/", None, 0, None).await?;
        let by_prefix: HashMap<_, _> = defs
            .filter(|def| def.stored_as.is_none())
            .map(|def| {
                let cache = Arc::new(ResourceCache::new(page.revision, &def));
                (keys::prefix(&def.gvr), Stored { def, cache })
            })
            .collect();
        for entry in page.entries {
            if let Some((prefix, key)) = keys::split(&entry.key)
                && let Some(stored) = by_prefix.get(prefix)
            {
                stored.cache.load(key, decode(&stored.cache, &entry)?);
            }
        }
        let (readers, applied, ended) = (Mutex::default(), watch::channel(page.revision).0, CancellationToken::new());
        Ok(Arc::new(Self { by_prefix, readers, store, applied, ended, handoff: Handoff::default() }))
    }

    /// Follows the store until it closes. Falling behind starts over from the last revision seen.
    pub async fn follow(self: Arc<Self>) -> Result<(), FeedError> {
        let after = *self.applied.borrow();
        let mut changes = self.store.watch("/", after).await?;
        loop {
            let batch = match changes.next().await {
                Ok(batch) => batch,
                Err(storage::Error::Lagged) => {
                    let after = *self.applied.borrow();
                    changes = self.store.watch("/", after).await?;
                    continue;
                }
                Err(storage::Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            batch.iter().try_for_each(|change| self.apply(change))?;
            if let Some(last) = batch.last() {
                self.applied.send_replace(last.revision);
            }
        }
    }

    fn apply(&self, change: &Change) -> Result<(), FeedError> {
        let Some((prefix, key)) = keys::split(&change.key) else { return Ok(()) };
        let Some(stored) = self.by_prefix.get(prefix) else { return Ok(()) };
        let object = change.value.as_ref().map(|entry| match self.handoff.take(&entry.value) {
            Some(prepared) => Ok(prepared.at(entry.mod_revision)),
            None => decode(&stored.cache, entry).map(Arc::new),
        });
        let object = object.transpose()?;
        let mut readers = self.readers.lock();
        if let Some(event) = stored.cache.apply(key, change.revision, object) {
            readers
                .retain(|reader| reader.try_send(ObjectFeed { resource: stored.def.gvr.clone(), event: event.clone() }).is_ok());
        }
        Ok(())
    }

    /// Everything there is, and whatever changes from then on.
    pub fn read_all(&self) -> (Vec<(Gvr, Objects)>, mpsc::Receiver<ObjectFeed>) {
        let mut readers = self.readers.lock();
        let present = self.by_prefix.values().map(|stored| (stored.def.gvr.clone(), stored.cache.slice().objects));
        let present = present.filter(|(_, objects)| !objects.is_empty()).collect();
        let (sender, live) = mpsc::channel(READER_BACKLOG);
        readers.retain(|reader| !reader.is_closed());
        readers.push(sender);
        (present, live)
    }

    pub fn of(&self, storage: &Gvr) -> Option<Arc<ResourceCache>> {
        self.by_prefix.get(&keys::prefix(storage)).map(|stored| stored.cache.clone())
    }

    /// Waits until everything committed so far can be read from the caches, and returns the revision reached.
    pub async fn fresh(&self) -> Result<u64, Status> {
        self.reached(self.store.revision()).await
    }

    /// Waits until `revision` has been applied.
    pub async fn reached(&self, revision: u64) -> Result<u64, Status> {
        let current = *self.applied.borrow();
        if current >= revision {
            return Ok(current);
        }
        let mut applied = self.applied.subscribe();
        let reached = self.ended.run_until_cancelled(applied.wait_for(|at| *at >= revision)).await;
        match reached {
            Some(Ok(at)) => Ok(*at),
            Some(Err(_)) | None => Err(Status::new(Reason::ServiceUnavailable, "the control plane is shutting down")),
        }
    }

    /// The feed has stopped: whoever waits for more is sent away, so that a control plane can drain.
    pub fn end(&self) {
        self.ended.cancel();
    }

    pub fn applied(&self) -> u64 {
        *self.applied.borrow()
    }

    pub fn compact(&self, revision: u64) {
        self.by_prefix.values().for_each(|stored| stored.cache.compact(revision));
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

fn decode(cache: &ResourceCache, entry: &storage::Entry) -> Result<Object, FeedError> {
    let decoded = cache.decode(entry.value.clone(), entry.mod_revision);
    decoded.map_err(|source| FeedError::Record { key: entry.key.to_string(), source })
}
