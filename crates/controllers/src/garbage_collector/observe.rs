//! What a decision about one object may look at: the object, its owners as they are now, its dependents as the graph has
//! them.

use super::graph::Dependents;
use super::node::{Deletion, FOREGROUND, Place, Uid};
use super::{Collector, is_absent};
use crate::kinds;
use meta::{Object, OwnerReference, Status};
use std::sync::Arc;

/// What has become of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerState {
    Solid,
    /// There is no object of that name and UID.
    Absent,
    /// As [`OwnerState::Absent`], but the UID lives in another namespace.
    Misplaced,
    /// It waits for its dependents to go.
    Waiting,
    /// A kind that is not served, or one that this object cannot refer to: nothing can be said, nothing is done.
    Unknown,
}

pub struct Seen {
    pub place: Place,
    pub object: Arc<Object>,
    /// As the graph knows it: the dependents known then are all that can matter to it.
    pub deletion: Deletion,
    /// In the order of the object's references.
    pub owners: Vec<OwnerState>,
    pub dependents: Dependents,
}

impl Collector {
    /// None when the graph or the API server no longer has the object.
    pub async fn observe(&self, uid: Uid) -> Result<Option<Seen>, Status> {
        let (place, deletion) = {
            let graph = self.graph.lock();
            let Some(node) = graph.node(uid) else { return Ok(None) };
            (node.place.clone(), node.deletion)
        };
        let Some(object) = self.live(uid, &place).await? else { return Ok(None) };
        let mut owners = Vec::with_capacity(object.meta.owner_references.len());
        // Whoever is on the way out already needs no judgement of its owners.
        if !object.meta.is_deleting() {
            for reference in &object.meta.owner_references {
                owners.push(self.judge(reference, &place.namespace).await?);
            }
        }
        let dependents = self.graph.lock().dependents(uid);
        Ok(Some(Seen { place, object, deletion, owners, dependents }))
    }

    async fn judge(&self, reference: &OwnerReference, namespace: &str) -> Result<OwnerState, Status> {
        let facts = kinds::by_kind(&self.kinds, &reference.api_version, &reference.kind);
        let Some(facts) = facts.filter(|f| f.allows("get")) else { return Ok(OwnerState::Unknown) };
        if facts.namespaced && namespace.is_empty() {
            return Ok(OwnerState::Unknown);
        }
        let within = if facts.namespaced { namespace } else { "" };
        match self.client.get(facts.gvr.clone(), within, &reference.name).await {
            Err(status) if is_absent(&status, &reference.name) => Ok(self.absent(reference, namespace)),
            Err(status) => Err(status),
            Ok(owner) if owner.meta.uid != reference.uid => Ok(self.absent(reference, namespace)),
            Ok(owner) if owner.meta.is_deleting() && owner.meta.finalizers.iter().any(|f| f == FOREGROUND) => {
                Ok(OwnerState::Waiting)
            }
            Ok(_) => Ok(OwnerState::Solid),
        }
    }

    fn absent(&self, reference: &OwnerReference, namespace: &str) -> OwnerState {
        let graph = self.graph.lock();
        let elsewhere = graph.whereabouts(Uid::of(&reference.uid)).is_some_and(|known| !known.is_reachable_from(namespace));
        if elsewhere { OwnerState::Misplaced } else { OwnerState::Absent }
    }
}
