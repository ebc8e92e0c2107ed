//! A pass ends when the cache has seen what it wrote, so that the next one cannot do it again.
//!
//! Upstream counts what it expects to see per owner and forgets after five minutes; a revision needs neither.

use reconcile::Informer;
use tokio_util::sync::CancellationToken;

/// What a pass has written to objects of one kind.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    revision: u64,
    deletions: Vec<(String, String, String)>,
}

impl Expectations {
    /// An object was written at this revision.
    pub fn written(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// The deletion of this object was accepted: it will be marked, or gone.
    pub fn deleted(&mut self, object: &meta::Object) {
        let meta = &object.meta;
        self.deletions.push((meta.namespace.clone(), meta.name.clone(), meta.uid.clone()));
    }

    /// Resolves when the cache has all of it, or when the control plane stops.
    pub async fn met(self, informer: &Informer, stop: &CancellationToken) {
        stop.run_until_cancelled(self.wait(informer)).await;
    }

    async fn wait(self, informer: &Informer) {
        informer.reached(self.revision).await;
        for (namespace, name, uid) in self.deletions {
            let leaving = |cache: &Informer| {
                let found = cache.get(&namespace, &name);
                found.is_none_or(|object| object.meta.uid != uid || object.meta.is_deleting())
            };
            informer.until(leaving).await;
        }
    }
}
