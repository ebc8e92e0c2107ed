//! Keeps a set's revisions in the cluster.

use super::revision::{Revision, Update, data_of, document, sort, update};
use crate::context::Cx;
use crate::workloads::{Claimant, Kind};
use client::{Client, DeleteOptions, Preconditions, Resource};
use meta::{Doc, LabelSelector, Object, Reason, Status};
use reconcile::{Error, Informer};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const REVISIONS: Resource = Resource::new("apps", "v1", "controllerrevisions");
/// Revisions by the UID of the set they belong to; orphans by their namespace.
const BY_SET: &str = "by-set";

/// What one kind of sets keeps its revisions with.
pub(crate) struct History {
    pub informer: Arc<Informer>,
    client: Client,
    kind: Kind,
    /// The label that carries a revision's hash.
    label: &'static str,
    stop: CancellationToken,
}

/// A set's revisions, in order, the last one its template as it is.
pub(crate) struct Past {
    pub revisions: Vec<Revision>,
}

impl Past {
    pub fn latest(&self) -> &Revision {
        self.revisions.last().expect("a set's template is a revision by now")
    }
}

impl History {
    pub fn new(cx: &Cx, client: Client, kind: Kind, label: &'static str) -> Self {
        let informer = cx.informers.get(REVISIONS);
        informer.add_index(BY_SET, |revision| {
            let owner = revision.meta.controller().map(|owner| owner.uid.clone());
            vec![owner.unwrap_or_else(|| revision.meta.namespace.clone())]
        });
        Self { informer, client, kind, label, stop: cx.context.runtime.stop.clone() }
    }

    /// Adopts, creates or renumbers, so that the template is the latest revision. None after a collision of names: one
    /// more is to be counted in the set's status.
    pub async fn of(&self, set: &Object, doc: &Doc, selector: &LabelSelector) -> Result<Option<Past>, Error> {
        let mut revisions = self.claimed(set, selector).await?;
        let data = data_of(doc);
        match update(&revisions, &data) {
            Update::None => {}
            Update::Renumber(at, number) => {
                let renumbered = self.renumber(&revisions[at], number).await?;
                revisions[at] = renumbered;
            }
            Update::Create(number) => {
                let collisions = doc["status"]["collisionCount"].as_i64().unwrap_or(0);
                let new = document(set, self.kind, self.label, data, number, collisions);
                let Some(created) = self.create(set, new).await? else { return Ok(None) };
                revisions.push(created);
            }
        }
        sort(&mut revisions);
        Ok(Some(Past { revisions }))
    }

    async fn claimed(&self, set: &Object, selector: &LabelSelector) -> Result<Vec<Revision>, Error> {
        let mut candidates = self.informer.indexed(BY_SET, &set.meta.uid);
        candidates.extend(self.informer.indexed(BY_SET, &set.meta.namespace));
        let (client, cache, stop) = (&self.client, &*self.informer, &self.stop);
        let claimant = Claimant { client, owner: set, kind: self.kind, dependents: REVISIONS, cache, stop };
        let claimed = claimant.claim(selector, candidates).await?;
        let mut revisions: Vec<Revision> = claimed.into_iter().map(Revision::of).collect();
        sort(&mut revisions);
        Ok(revisions)
    }

    async fn create(&self, set: &Object, new: Doc) -> Result<Option<Revision>, Status> {
        let (namespace, name) = (&set.meta.namespace, new["metadata"]["name"].as_str().unwrap_or("").to_owned());
        let data = new["data"].clone();
        let created = match self.client.create(REVISIONS, namespace, new).await {
            Err(status) if status.reason == Reason::AlreadyExists => self.client.get(REVISIONS, namespace, &name).await?,
            other => other?,
        };
        self.wait(created.revision).await;
        let revision = Revision::of(created);
        let ours = revision.object.meta.controller().is_some_and(|owner| owner.uid == set.meta.uid);
        Ok((ours && revision.data == data).then_some(revision))
    }

    async fn renumber(&self, revision: &Revision, number: i64) -> Result<Revision, Status> {
        let meta = &revision.object.meta;
        let patch =
            json!({ "metadata": { "uid": meta.uid, "resourceVersion": revision.object.resource_version() }, "revision": number });
        let patched = self.client.patch(REVISIONS, &meta.namespace, &meta.name, "", patch).await?;
        self.wait(patched.revision).await;
        Ok(Revision::of(patched))
    }

    pub async fn delete(&self, revision: &Object) -> Result<(), Status> {
        let meta = &revision.meta;
        let preconditions = Preconditions { uid: Some(meta.uid.clone()), ..Preconditions::default() };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        match self.client.delete(REVISIONS, &meta.namespace, &meta.name, options).await {
            Err(status) if !matches!(status.reason, Reason::NotFound | Reason::Conflict) => Err(status),
            _ => Ok(()),
        }
    }

    async fn wait(&self, revision: u64) {
        self.stop.run_until_cancelled(self.informer.reached(revision)).await;
    }
}
