//! Who owns what: orphans that match are adopted, what no longer matches is released.
//! Follows kubernetes `pkg/controller/controller_ref_manager.go`.

use super::pod::Pod;
use super::{Expectations, Kind, controller_reference};
use client::{Client, Resource};
use meta::{Doc, LabelSelector, Meta, Object, Reason, Status};
use reconcile::{Error, Informer};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Something with an owner.
pub(crate) trait Claimable {
    fn object(&self) -> &Object;
}

impl Claimable for Arc<Object> {
    fn object(&self) -> &Object {
        self
    }
}

impl Claimable for Arc<Pod> {
    fn object(&self) -> &Object {
        &self.object
    }
}

/// A decision about candidates. Those that are neither belong to somebody else or to nobody.
#[derive(Debug)]
pub(crate) struct Claims<T> {
    pub owned: Vec<T>,
    pub adopt: Vec<T>,
    pub release: Vec<T>,
}

pub(crate) fn claim<T: Claimable>(owner: &Meta, selector: &LabelSelector, candidates: Vec<T>) -> Claims<T> {
    let mut claims = Claims { owned: Vec::new(), adopt: Vec::new(), release: Vec::new() };
    for candidate in candidates {
        let meta = &candidate.object().meta;
        let matches = selector.matches(&meta.labels);
        match meta.controller() {
            Some(controller) if controller.uid != owner.uid => {}
            Some(_) if matches => claims.owned.push(candidate),
            Some(_) if !owner.is_deleting() => claims.release.push(candidate),
            None if matches && !owner.is_deleting() && !meta.is_deleting() => claims.adopt.push(candidate),
            _ => {}
        }
    }
    claims
}

/// Claims for one owner.
pub(crate) struct Claimant<'a> {
    pub client: &'a Client,
    pub owner: &'a Object,
    pub kind: Kind,
    pub dependents: Resource,
    pub cache: &'a Informer,
    pub stop: &'a CancellationToken,
}

impl Claimant<'_> {
    /// Adopts and releases, and returns what is owned then, as soon as the cache shows it. All are tried before the first
    /// failure is reported.
    pub async fn claim<T: Claimable>(&self, selector: &LabelSelector, candidates: Vec<T>) -> Result<Vec<T>, Error> {
        let claims = claim(&self.owner.meta, selector, candidates);
        let (mut owned, mut written, mut failed) = (claims.owned, Expectations::default(), None);
        if !claims.adopt.is_empty() {
            self.check_still_there().await?;
        }
        for candidate in claims.adopt {
            match self.patch(candidate.object(), self.adoption(candidate.object())).await {
                Ok(revision) => {
                    written.written(revision);
                    owned.push(candidate);
                }
                Err(status) if status.reason == Reason::NotFound => {}
                Err(status) => failed = failed.or(Some(status)),
            }
        }
        for candidate in claims.release {
            match self.patch(candidate.object(), self.release(candidate.object())).await {
                Ok(revision) => written.written(revision),
                // Gone, or another object by now.
                Err(status) if matches!(status.reason, Reason::NotFound | Reason::Invalid) => {}
                Err(status) => failed = failed.or(Some(status)),
            }
        }
        if let Some(status) = failed {
            return Err(status.into());
        }
        written.met(self.cache, self.stop).await;
        Ok(owned)
    }

    /// The cache may be older than the owner's deletion: an owner that is going adopts nobody.
    async fn check_still_there(&self) -> Result<(), Error> {
        let meta = &self.owner.meta;
        let live = self.client.get(self.kind.resource, &meta.namespace, &meta.name).await?;
        if live.meta.uid != meta.uid || live.meta.is_deleting() {
            return Err(Error::Waiting(format!("{} {}/{} has just been deleted", self.kind.kind, meta.namespace, meta.name)));
        }
        Ok(())
    }

    fn adoption(&self, candidate: &Object) -> Doc {
        let owners = [controller_reference(self.owner, self.kind)];
        json!({ "metadata": { "uid": candidate.meta.uid, "ownerReferences": owners } })
    }

    fn release(&self, candidate: &Object) -> Doc {
        let owners = [json!({ "$patch": "delete", "uid": self.owner.meta.uid })];
        json!({ "metadata": { "uid": candidate.meta.uid, "ownerReferences": owners } })
    }

    /// A strategic merge patch, which leaves other owners alone.
    async fn patch(&self, candidate: &Object, patch: Doc) -> Result<u64, Status> {
        let (namespace, name) = (&candidate.meta.namespace, &candidate.meta.name);
        Ok(self.client.patch_strategic(self.dependents, namespace, name, "", patch).await?.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(metadata: Doc) -> Arc<Object> {
        Object::from_doc(&json!({ "metadata": metadata }), 1).expect("an object").shared()
    }

    #[test]
    fn owners_claim_by_uid_and_selector() {
        let selector = LabelSelector::parse("app=web").expect("a selector");
        let by =
            |uid: &str| json!([{"uid": uid, "controller": true, "name": "o", "kind": "ReplicaSet", "apiVersion": "apps/v1"}]);
        let (web, other) = (json!({"app": "web"}), json!({"app": "other"}));
        let plain = json!([{"uid": "me", "name": "o"}]);
        for (owner_deleting, labels, owners, deleting, claimed) in [
            (false, &web, by("me"), false, "owned"),
            (false, &web, by("me"), true, "owned"),
            (false, &other, by("me"), false, "release"),
            (true, &other, by("me"), false, ""),
            (true, &web, by("me"), false, "owned"),
            (false, &web, by("you"), false, ""),
            (false, &web, json!([]), false, "adopt"),
            // A reference that does not control is no owner.
            (false, &web, plain, false, "adopt"),
            (false, &web, json!([]), true, ""),
            (true, &web, json!([]), false, ""),
            (false, &other, json!([]), false, ""),
        ] {
            let stamp = |yes: bool| if yes { json!("2026-01-01T00:00:00Z") } else { Doc::Null };
            let owner = object(json!({"name": "o", "uid": "me", "deletionTimestamp": stamp(owner_deleting)}));
            let metadata =
                json!({"name": "p", "labels": labels, "ownerReferences": owners, "deletionTimestamp": stamp(deleting)});
            let claims = claim(&owner.meta, &selector, vec![object(metadata)]);
            let found = [("owned", claims.owned), ("adopt", claims.adopt), ("release", claims.release)];
            let found: String = found.iter().filter(|(_, list)| !list.is_empty()).map(|(name, _)| *name).collect();
            assert_eq!(found, claimed, "{labels} {owners} {deleting} of an owner deleting={owner_deleting}");
        }
    }
}
