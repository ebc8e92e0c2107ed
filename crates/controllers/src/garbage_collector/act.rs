//! Carries steps out. Every write insists on the version that was looked at.

use super::node::Uid;
use super::observe::Seen;
use super::plan::Step;
use super::{Collector, is_absent};
use client::{DeleteOptions, Preconditions, Propagation};
use futures::{StreamExt, TryStreamExt, stream};
use meta::{Doc, Gvr, Object, OwnerReference, Status};
use reconcile::EventType;
use serde_json::json;

/// Dependents orphaned at a time: their writes share the store's commits.
const ORPHANED_AT_ONCE: usize = 16;

impl Collector {
    pub async fn act(&self, seen: &Seen, steps: Vec<Step>) -> Result<(), Status> {
        let object = &*seen.object;
        for step in steps {
            match step {
                Step::ReportMisplaced(index) => self.report(seen, &object.meta.owner_references[index]).await,
                Step::DropOwners(indexes) => {
                    self.patch(seen, json!({ "ownerReferences": owners_but(object, |index, _| indexes.contains(&index)) }))
                        .await?
                }
                Step::Unblock => return self.unblock_and_delete(seen).await,
                Step::Delete(propagation) => self.delete(seen, propagation).await?,
                Step::Orphan(dependents) => self.orphan_all(seen, dependents).await?,
                Step::Wake(uids) => uids.into_iter().for_each(|uid| self.queue.add(uid)),
                Step::Release(finalizer) => self.release(seen, finalizer).await?,
            }
        }
        Ok(())
    }

    fn resource(&self, seen: &Seen) -> Gvr {
        self.kinds[usize::from(seen.place.kind)].gvr.clone()
    }

    async fn patch(&self, seen: &Seen, metadata: Doc) -> Result<(), Status> {
        let object = &*seen.object;
        let patch = pinned(object, metadata);
        self.client.patch(self.resource(seen), &object.meta.namespace, &object.meta.name, "", patch).await.map(drop)
    }

    async fn delete(&self, seen: &Seen, propagation: Propagation) -> Result<(), Status> {
        let resource_version = Some(seen.object.resource_version());
        self.delete_with(seen, propagation, resource_version).await
    }

    async fn delete_with(&self, seen: &Seen, propagation: Propagation, version: Option<String>) -> Result<(), Status> {
        let meta = &seen.object.meta;
        let preconditions = Preconditions { uid: Some(meta.uid.clone()), resource_version: version };
        let options = DeleteOptions { propagation: Some(propagation), preconditions, ..DeleteOptions::default() };
        tracing::debug!(kind = seen.place.kind, namespace = meta.namespace, name = meta.name, ?propagation, "deleting");
        self.client.delete(self.resource(seen), &meta.namespace, &meta.name, options).await.map(drop)
    }

    /// The patch makes a new version, so the deletion can insist on the UID only.
    async fn unblock_and_delete(&self, seen: &Seen) -> Result<(), Status> {
        let mut owners = seen.object.get("/metadata/ownerReferences");
        owners.as_array_mut().into_iter().flatten().for_each(|owner| owner["blockOwnerDeletion"] = false.into());
        self.patch(seen, json!({ "ownerReferences": owners })).await?;
        self.delete_with(seen, Propagation::Foreground, None).await
    }

    async fn release(&self, seen: &Seen, finalizer: &str) -> Result<(), Status> {
        let finalizers = &seen.object.meta.finalizers;
        if !finalizers.iter().any(|f| f == finalizer) {
            return Ok(());
        }
        let left: Vec<&String> = finalizers.iter().filter(|f| *f != finalizer).collect();
        self.patch(seen, json!({ "finalizers": if left.is_empty() { Doc::Null } else { json!(left) } })).await
    }

    async fn orphan_all(&self, owner: &Seen, dependents: Vec<Uid>) -> Result<(), Status> {
        let orphaned = stream::iter(dependents).map(|dependent| self.orphan(&owner.object.meta.uid, dependent));
        orphaned.buffer_unordered(ORPHANED_AT_ONCE).try_collect::<()>().await
    }

    async fn orphan(&self, owner: &str, dependent: Uid) -> Result<(), Status> {
        let Some(place) = self.graph.lock().node(dependent).map(|node| node.place.clone()) else { return Ok(()) };
        let Some(object) = self.live(dependent, &place).await? else { return Ok(()) };
        if !object.meta.owner_references.iter().any(|reference| reference.uid == owner) {
            return Ok(());
        }
        let patch = pinned(&object, json!({ "ownerReferences": owners_but(&object, |_, uid| uid == owner) }));
        let resource = self.kinds[usize::from(place.kind)].gvr.clone();
        match self.client.patch(resource, &place.namespace, &place.name, "", patch).await {
            Err(status) if is_absent(&status, &place.name) => Ok(()),
            other => other.map(drop),
        }
    }

    /// An event that cannot be written holds nothing up.
    async fn report(&self, seen: &Seen, owner: &OwnerReference) {
        let (facts, namespace) = (&self.kinds[usize::from(seen.place.kind)], &seen.place.namespace);
        let OwnerReference { api_version, kind, name, uid, .. } = owner;
        let message = format!(
            "ownerRef [{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {uid}] does not exist in namespace \
             {namespace:?}"
        );
        let about = (facts.gvr.api_version(), &*facts.kind);
        let about = (&*about.0, about.1);
        let written = self.recorder.record(&seen.object, about, EventType::Warning, "OwnerRefInvalidNamespace", &message).await;
        if let Err(status) = written {
            tracing::debug!(%status, "cannot record an event");
        }
    }
}

/// A patch that fails on any other version of the object.
fn pinned(object: &Object, mut metadata: Doc) -> Doc {
    metadata["uid"] = object.meta.uid.clone().into();
    metadata["resourceVersion"] = object.resource_version().into();
    json!({ "metadata": metadata })
}

/// The object's references as it carries them, without those that `gone` names by index and UID; null for none.
fn owners_but(object: &Object, gone: impl Fn(usize, &str) -> bool) -> Doc {
    let references = object.get("/metadata/ownerReferences");
    let references = references.as_array().into_iter().flatten().enumerate();
    let kept = references.filter(|(index, reference)| !gone(*index, reference["uid"].as_str().unwrap_or_default()));
    match kept.map(|(_, reference)| reference.clone()).collect::<Vec<Doc>>() {
        none if none.is_empty() => Doc::Null,
        kept => kept.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_kept_whole_or_go() {
        let reference = |uid: &str| json!({"uid": uid, "name": uid, "controller": true});
        let object = |uids: &[&str]| {
            let references: Vec<Doc> = uids.iter().map(|uid| reference(uid)).collect();
            let metadata = json!({"name": "a", "uid": "u", "ownerReferences": references});
            Object::from_doc(&json!({ "metadata": metadata }), 7).expect("an object")
        };
        for (uids, gone, left) in [
            (&["x", "y"][..], "x", json!([reference("y")])),
            (&["x"], "x", Doc::Null),
            (&["x"], "y", json!([reference("x")])),
            (&[], "y", Doc::Null),
        ] {
            assert_eq!(owners_but(&object(uids), |_, uid| uid == gone), left, "{uids:?} but {gone}");
        }
        let patch = pinned(&object(&["x"]), json!({"finalizers": null}));
        assert_eq!(patch, json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": null}}));
    }
}
