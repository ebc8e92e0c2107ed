//! Runs pods with lasting names. Promise: never two pods of one name, and in an ordered set never a step before the one
//! before it is done.

mod identity;
mod plan;
mod retention;
mod set;
mod status;
#[cfg(test)]
mod tests;

use crate::context::Cx;
use crate::controller_revisions::History;
use crate::workloads::{Claimant, Events, Expectations, Kind, Owners, PODS, Pod, Pods, StatusWriter, selector_of, slow_start};
use client::{Client, DeleteOptions, Preconditions, Resource};
use identity::NewPod;
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Status};
use plan::{Seen, Step, plan};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use serde_json::json;
use set::Set;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "statefulset-controller";
const KIND: Kind = Kind { resource: Resource::new("apps", "v1", "statefulsets"), api_version: "apps/v1", kind: "StatefulSet" };
const CLAIMS: Resource = Resource::new("", "v1", "persistentvolumeclaims");
/// The label that carries a revision's hash. Pods carry its name.
const HASH_LABEL: &str = "controller.kubernetes.io/hash";
/// Sets looked at at a time.
const WORKERS: usize = 5;

/// Woken by sets, their pods and their revisions.
pub(crate) fn start(cx: &Cx) {
    let (sets, claims) = (cx.informers.get(KIND.resource), cx.informers.get(CLAIMS));
    let owners = Arc::new(Owners::follow(KIND.kind, &sets, selector_of));
    let pods = cx.pods.clone();
    let history = History::new(cx, cx.client(NAME), KIND, HASH_LABEL);
    let revisions = history.informer.clone();
    let pass = Arc::new(Pass {
        client: cx.client(NAME),
        events: Events::new(cx, NAME, KIND),
        status: StatusWriter::new(cx, NAME, KIND.resource),
        history,
        sets: sets.clone(),
        claims: claims.clone(),
        pods: pods.clone(),
        clock: cx.context.clock.clone(),
        stop: cx.context.runtime.stop.clone(),
    });
    let by_revision = owners.clone();
    Controller::new(NAME, &cx.context.runtime)
        .watches_own(&sets)
        // A pod that waits for an old claim of its name to go.
        .watches(&claims, |change| change.new.is_none().then(|| sets_of(change.object())).into_iter().flatten())
        .watches(&pods.informer, move |change| owners.keys(change))
        .watches(&revisions, move |change| by_revision.keys(change))
        .run(WORKERS, move |key: ObjectKey| {
            let pass = pass.clone();
            async move { pass.reconcile(&key).await }
        });
}

/// The sets whose pods owned a claim.
fn sets_of(claim: &Object) -> Vec<ObjectKey> {
    let pods = claim.meta.owner_references.iter().filter(|owner| owner.kind == "Pod");
    let sets = pods.filter_map(|pod| pod.name.rsplit_once('-'));
    sets.map(|(set, _)| ObjectKey::new(&*claim.meta.namespace, set)).collect()
}

struct Pass {
    client: Client,
    events: Events,
    status: StatusWriter,
    history: History,
    sets: Arc<Informer>,
    claims: Arc<Informer>,
    pods: Arc<Pods>,
    clock: SharedClock,
    stop: CancellationToken,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        // What a set on its way out leaves is the garbage collector's, and its revisions may be gone already.
        let found = self.sets.get(&key.namespace, &key.name).filter(|set| !set.meta.is_deleting());
        let Some((set, selector)) = found.and_then(|set| Some((set.clone(), selector_of(&set)?))) else {
            return Ok(Next::OnChange);
        };
        let set = Set::new(set);
        // Only pods that are named as the set's own.
        let candidates = self.pods.claimable(&set.object).into_iter().filter(|pod| set.ordinal(pod.name()).is_some());
        let pods = self.claimant(&set.object).claim(&selector, candidates.collect()).await?;
        let Some(past) = self.history.of(&set.object, &set.doc, &selector).await? else {
            self.status.count_collision(&set.object, &set.doc).await?;
            return Ok(Next::OnChange);
        };
        let claims = self.known_claims(&set, &pods);
        let mut seen = Seen { set, pods, past, claims, settled: true };
        let steps = plan(&seen, self.clock.now());
        let Err(failure) = self.act(&seen.set, &steps).await else { return self.record(&seen.set, steps).await };
        seen.settled = false;
        self.record(&seen.set, plan(&seen, self.clock.now())).await?;
        Err(failure)
    }

    /// Of the replicas there should be, and of the pods there are.
    fn known_claims(&self, set: &Set, pods: &[Arc<Pod>]) -> HashMap<String, Arc<Object>> {
        let wanted = set.first_ordinal()..set.first_ordinal() + set.replicas();
        let ordinals = wanted.chain(pods.iter().filter_map(|pod| set.ordinal(pod.name())));
        let names = ordinals.flat_map(|ordinal| identity::claim_names(set, ordinal));
        names.filter_map(|name| Some((name.clone(), self.claims.get(&set.object.meta.namespace, &name)?))).collect()
    }

    fn claimant<'a>(&'a self, owner: &'a Object) -> Claimant<'a> {
        let (cache, stop) = (&self.pods.informer, &self.stop);
        Claimant { client: &self.client, owner, kind: KIND, dependents: PODS, cache, stop }
    }

    /// Changes pods and claims, and waits until the cache shows it.
    async fn act(&self, set: &Set, steps: &[Step]) -> Result<(), Error> {
        let mut done = Expectations::default();
        let mut outcome = Ok(());
        for step in steps {
            let taken = match step {
                Step::Create(pods) => self.create(set, pods, &mut done).await,
                Step::Claim(pod, claims) => self.make_claims(set, pod, claims).await,
                Step::Own(claim, owners) => self.own(claim, owners).await,
                Step::Identify(pod, labels) => self.identify(pod, labels, &mut done).await,
                Step::Delete(pod) => self.delete(set, pod, &mut done).await,
                Step::Forget(_) | Step::Status(_) | Step::Again(_) => Ok(()),
            };
            // What comes after may count on it.
            outcome = taken;
            if outcome.is_err() {
                break;
            }
        }
        done.met(&self.pods.informer, &self.stop).await;
        Ok(outcome?)
    }

    async fn record(&self, set: &Set, steps: Vec<Step>) -> Result<Next, Error> {
        let mut next: Option<i64> = None;
        for step in steps {
            match step {
                Step::Forget(revisions) => {
                    for revision in revisions {
                        self.history.delete(&revision).await?;
                    }
                }
                Step::Status(status) => self.status.replace(&set.object, &set.doc, status).await?,
                Step::Again(seconds) => next = Some(next.unwrap_or(seconds).min(seconds)),
                Step::Create(_) | Step::Claim(..) | Step::Own(..) | Step::Identify(..) | Step::Delete(_) => {}
            }
        }
        let delay = |seconds: i64| Next::After(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        Ok(next.map_or(Next::OnChange, delay))
    }

    async fn create(&self, set: &Set, pods: &[NewPod], done: &mut Expectations) -> Result<(), Status> {
        let (created, failed) = slow_start(pods.len(), |at| self.create_one(set, &pods[at])).await;
        created.into_iter().for_each(|pod| done.written(pod.revision));
        failed.map_or(Ok(()), Err)
    }

    async fn create_one(&self, set: &Set, new: &NewPod) -> Result<Arc<Object>, Status> {
        let name = new.pod["metadata"]["name"].as_str().unwrap_or("");
        self.make_claims(set, name, &new.claims).await?;
        let created = self.client.create(PODS, &set.object.meta.namespace, new.pod.clone()).await;
        self.tell(set, "create", &format!("Pod {name}"), "successful", created.as_ref().err());
        created
    }

    async fn make_claims(&self, set: &Set, pod: &str, claims: &[Doc]) -> Result<(), Status> {
        for claim in claims {
            let name = claim["metadata"]["name"].as_str().unwrap_or("");
            let created = match self.client.create(CLAIMS, &set.object.meta.namespace, claim.clone()).await {
                Err(status) if status.reason == Reason::AlreadyExists => continue,
                other => other,
            };
            self.tell(set, "create", &format!("Claim {name} Pod {pod}"), "success", created.as_ref().err());
            self.stop.run_until_cancelled(self.claims.reached(created?.revision)).await;
        }
        Ok(())
    }

    /// The role allows no patch. The document carries the resourceVersion it was read at.
    async fn own(&self, claim: &Object, owners: &[Doc]) -> Result<(), Status> {
        let mut doc = claim.to_doc();
        doc["metadata"]["ownerReferences"] = owners.into();
        let updated = self.client.update(CLAIMS, &claim.meta.namespace, &claim.meta.name, doc).await?;
        self.stop.run_until_cancelled(self.claims.reached(updated.revision)).await;
        Ok(())
    }

    async fn identify(&self, pod: &Pod, labels: &Doc, done: &mut Expectations) -> Result<(), Status> {
        let patch = json!({ "metadata": { "uid": pod.uid(), "labels": labels } });
        let patched = self.client.patch(PODS, &pod.object.meta.namespace, pod.name(), "", patch).await?;
        done.written(patched.revision);
        Ok(())
    }

    async fn delete(&self, set: &Set, pod: &Pod, done: &mut Expectations) -> Result<(), Status> {
        let preconditions = Preconditions { uid: Some(pod.uid().to_owned()), ..Preconditions::default() };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        let deleted = match self.client.delete(PODS, &pod.object.meta.namespace, pod.name(), options).await {
            Err(status) if matches!(status.reason, Reason::NotFound | Reason::Conflict) => Ok(()),
            other => other.map(drop),
        };
        self.tell(set, "delete", &format!("Pod {}", pod.name()), "successful", deleted.as_ref().err());
        deleted?;
        done.deleted(&pod.object);
        Ok(())
    }

    fn tell(&self, set: &Set, verb: &str, what: &str, well: &str, failure: Option<&Status>) {
        let (name, title) = (set.name(), if verb == "create" { "Create" } else { "Delete" });
        match failure {
            None => self.events.normal(
                &set.object,
                format!("Successful{title}"),
                format!("{verb} {what} in StatefulSet {name} {well}"),
            ),
            Some(status) => {
                let message = format!("{verb} {what} in StatefulSet {name} failed error: {status}");
                self.events.warning(&set.object, format!("Failed{title}"), message);
            }
        }
    }
}
