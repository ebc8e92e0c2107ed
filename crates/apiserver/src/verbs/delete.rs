//! DELETE and DELETECOLLECTION: preconditions, grace, finalizers and propagation, as k8s.io/apiserver
//! `pkg/registry/rest/delete.go` and `pkg/registry/generic/registry/store.go` order them.

use crate::admission::{Admission, Operation};
use crate::commit::Plan;
use crate::server::{ApiServer, Cx};
use client::{Body, Call, DeleteOptions, Propagation, Reply, ReplyBody, Verb};
use futures::{StreamExt, TryStreamExt, stream};
use meta::status::Result;
use meta::{Doc, Object, Status};
use std::sync::Arc;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
/// How many objects of a collection are deleted at a time: their writes share the store's commits.
const DELETED_AT_ONCE: usize = 16;

enum Outcome {
    Gone(Arc<Object>),
    /// Marked; somebody (a kubelet, a finalizer's owner) finishes it.
    Pending(Arc<Object>),
}

impl ApiServer {
    pub(crate) async fn delete(&self, cx: &Cx<'_>) -> Result<Reply> {
        loop {
            let current = self.current(cx).await?.ok_or_else(|| cx.not_found())?;
            self.check_preconditions(cx, &current)?;
            let old = current.to_doc();
            let admission = Admission { cx, operation: Operation::Delete, old: Some(&old) };
            self.check_admitted(&admission, None).await?;
            // Somebody else's write in between: decide again on what is there now.
            let Some(outcome) = self.delete_version(cx, &current, old.clone()).await? else { continue };
            return Ok(match outcome {
                Outcome::Pending(object) => Reply::new(ReplyBody::Object(object)),
                Outcome::Gone(object) => Reply::new(ReplyBody::Doc(wire::status::deleted(&cx.def, &object))),
            });
        }
    }

    async fn delete_version(&self, cx: &Cx<'_>, current: &Arc<Object>, old: Doc) -> Result<Option<Outcome>> {
        let options = &cx.call.options.delete;
        let marked = mark(cx, &old, options, self.clock.now());
        let plan = match &marked {
            None => {
                let mut plan = Plan::delete(cx, current);
                self.release_all(cx, &old, &mut plan);
                plan
            }
            // Nothing new to say: it is already on its way out.
            Some(doc) if *doc == old => return Ok(Some(Outcome::Pending(current.clone()))),
            Some(_) => Plan::update(cx, current),
        };
        let doc = marked.as_ref().unwrap_or(&old);
        Ok(self.commit(cx, plan, doc).await?.ok().map(|object| match marked {
            None => Outcome::Gone(object),
            Some(_) => Outcome::Pending(object),
        }))
    }

    fn check_preconditions(&self, cx: &Cx<'_>, current: &Object) -> Result<()> {
        let wanted = &cx.call.options.delete.preconditions;
        let refuse = |what: &str, wanted: &str, found: &str| {
            let why = format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
            Err(Status::conflict(&cx.def.group_resource(), &cx.call.target.name, why))
        };
        match (&wanted.uid, &wanted.resource_version) {
            (Some(uid), _) if *uid != current.meta.uid => refuse("UID", uid, &current.meta.uid),
            (_, Some(version)) if *version != current.resource_version() => {
                refuse("ResourceVersion", version, &current.resource_version())
            }
            _ => Ok(()),
        }
    }

    /// Deletes what a list with the same selectors shows, each on its own; what vanishes meanwhile is fine.
    pub(crate) async fn delete_collection(&self, cx: &Cx<'_>) -> Result<Reply> {
        self.caches.fresh().await?;
        let filter = self.filter(cx)?;
        let slice = self.cache_of(&cx.def)?.slice_of(filter.lookup().as_ref());
        let selected: Vec<Arc<Object>> =
            slice.under(&filter.prefix, "").map(|(_, o)| o).filter(|o| filter.matches(o)).cloned().collect();
        let each = stream::iter(selected.clone()).map(Ok);
        each.try_for_each_concurrent(DELETED_AT_ONCE, |object| self.delete_selected(cx, object)).await?;
        let list = client::List { items: selected, revision: self.caches.applied(), ..client::List::default() };
        Ok(Reply::new(ReplyBody::List(list)))
    }

    async fn delete_selected(&self, cx: &Cx<'_>, object: Arc<Object>) -> Result<()> {
        let mut call = Call::new(Verb::Delete, cx.call.target.resource.clone(), &object.meta.namespace, &object.meta.name);
        call.options = cx.call.options.clone();
        call.options.delete.preconditions.uid = Some(object.meta.uid.clone());
        call.body = Body::Empty;
        let one = Cx { user: cx.user, call: &call, def: cx.def.clone() };
        match self.delete(&one).await {
            // Gone meanwhile, or made anew under its name: either way what was listed is no more.
            Err(status) if !matches!(status.reason, meta::Reason::NotFound | meta::Reason::Conflict) => Err(status),
            _ => Ok(()),
        }
    }
}

/// The object as it waits for its end, or None when it can go at once.
fn mark(cx: &Cx<'_>, old: &Doc, options: &DeleteOptions, now: meta::Time) -> Option<Doc> {
    let mut doc = old.clone();
    set_propagation_finalizers(&mut doc, options.propagation.or(default_propagation(cx)));
    let grace = grace_seconds(cx, old, options);
    let finalizers = doc["metadata"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
    let namespace = cx.def.kind == "Namespace" && cx.def.gvr.group.is_empty();
    let held = finalizers || (namespace && old["spec"]["finalizers"].as_array().is_some_and(|f| !f.is_empty()));
    if grace == 0 && !held {
        return None;
    }
    let already = old["metadata"]["deletionTimestamp"].as_str().and_then(meta::Time::parse);
    let old_grace = old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    // A second delete may only shorten the wait.
    if already.is_none() || grace < old_grace {
        let start = already.map_or(now, |deadline| deadline.plus_seconds(-old_grace));
        doc["metadata"]["deletionTimestamp"] = start.plus_seconds(grace).to_string().into();
        doc["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        if cx.def.generation == api::Generation::Spec && already.is_none() {
            doc["metadata"]["generation"] = (old["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
        }
    }
    if namespace {
        doc["status"]["phase"] = "Terminating".into();
    }
    Some(doc)
}

/// Only pods are deleted gracefully, and only those that a node runs (`pkg/registry/core/pod/strategy.go`).
fn grace_seconds(cx: &Cx<'_>, pod: &Doc, options: &DeleteOptions) -> i64 {
    if cx.def.kind != "Pod" || !cx.def.gvr.group.is_empty() {
        return 0;
    }
    let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let unassigned = pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
    if over || unassigned {
        return 0;
    }
    let period = options.grace_period_seconds.or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30);
    // Negative periods are treated as one second.
    if period < 0 { 1 } else { period }
}

/// Two old kinds orphan their pods unless told otherwise (`DefaultGarbageCollectionPolicy` of their strategies).
fn default_propagation(cx: &Cx<'_>) -> Option<Propagation> {
    match (cx.def.gvr.group.as_str(), cx.def.kind.as_str()) {
        ("batch", "Job") | ("", "ReplicationController") => Some(Propagation::Orphan),
        _ => None,
    }
}

fn set_propagation_finalizers(doc: &mut Doc, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else { return };
    let present = doc["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let mut finalizers: Vec<Doc> = present.iter().filter(|f| *f != ORPHAN && *f != FOREGROUND).cloned().collect();
    match propagation {
        Propagation::Orphan => finalizers.push(ORPHAN.into()),
        Propagation::Foreground => finalizers.push(FOREGROUND.into()),
        Propagation::Background => {}
    }
    if finalizers != present {
        doc["metadata"]["finalizers"] = finalizers.into();
    }
}
