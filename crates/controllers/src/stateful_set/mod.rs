//! Runs pods with lasting names. Promise: never two pods of one name, and in an ordered set never a step before the one
//! before it is done.

mod identity;
mod plan;
mod set;
mod status;
#[cfg(test)]
mod tests;

use crate::context::Cx;
use crate::controller_revisions::History;
use crate::workloads::{Claimant, Events, Expectations, Kind, Owners, PODS, Pod, Pods, claim, slow_start};
use client::{Client, DeleteOptions, Preconditions, Resource};
use identity::NewPod;
use meta::time::SharedClock;
use meta::{Doc, LabelSelector, Object, Reason, Status};
use plan::{Seen, Step, plan};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use serde_json::json;
use set::Set;
use std::collections::HashSet;
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
    let owners = Arc::new(Owners::follow(KIND.kind, &sets, selector));
    let pods = cx.pods.clone();
    let history = History::new(cx, cx.client(NAME), KIND, HASH_LABEL);
    let revisions = history.informer.clone();
    let pass = Arc::new(Pass {
        client: cx.client(NAME),
        events: Events::new(cx, NAME, KIND),
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
        // A claim wakes nobody, but a pass must not begin before they are known.
        .watches(&claims, |_| None)
        .watches(&pods.informer, move |change| owners.keys(change))
        .watches(&revisions, move |change| by_revision.keys(change))
        .run(WORKERS, move |key: ObjectKey| {
            let pass = pass.clone();
            async move { pass.reconcile(&key).await }
        });
}

fn selector(set: &Object) -> Option<LabelSelector> {
    // One that cannot be read selects nothing.
    LabelSelector::from_doc(&set.get("/spec/selector")).ok().flatten()
}

struct Pass {
    client: Client,
    events: Events,
    history: History,
    sets: Arc<Informer>,
    claims: Arc<Informer>,
    pods: Arc<Pods>,
    clock: SharedClock,
    stop: CancellationToken,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let found = self.sets.get(&key.namespace, &key.name);
        let Some((set, selector)) = found.and_then(|set| Some((set.clone(), selector(&set)?))) else {
            return Ok(Next::OnChange);
        };
        let set = Set::new(set);
        let pods = self.claim(&set, &selector).await?;
        let Some(past) = self.history.of(&set.object, &set.doc, &selector).await? else {
            return self.count_collision(&set).await;
        };
        let claims = self.known_claims(&set);
        let mut seen = Seen { set, pods, past, claims, settled: true };
        let steps = plan(&seen, self.clock.now());
        let Err(failure) = self.act(&seen.set, &steps).await else { return self.record(&seen.set, steps).await };
        seen.settled = false;
        self.record(&seen.set, plan(&seen, self.clock.now())).await?;
        Err(failure)
    }

    fn known_claims(&self, set: &Set) -> HashSet<String> {
        let ordinals = set.first_ordinal()..set.first_ordinal() + set.replicas();
        let names = ordinals.flat_map(|ordinal| identity::claim_names(set, ordinal));
        names.filter(|name| self.claims.get(&set.object.meta.namespace, name).is_some()).collect()
    }

    /// Only pods that are named as the set's own.
    async fn claim(&self, set: &Set, selector: &LabelSelector) -> Result<Vec<Arc<Pod>>, Error> {
        let candidates = self.pods.claimable(&set.object).into_iter().filter(|pod| set.ordinal(pod.name()).is_some());
        let claims = claim(&set.object.meta, selector, candidates.collect());
        let claimant = Claimant { client: &self.client, owner: &set.object, kind: KIND, dependents: PODS };
        let claimed = claimant.carry_out(claims).await?;
        let mut written = Expectations::default();
        written.written(claimed.revision);
        written.met(&self.pods.informer, &self.stop).await;
        Ok(claimed.owned)
    }

    /// Another template has the same hash: the next name takes the count of such accidents in.
    async fn count_collision(&self, set: &Set) -> Result<Next, Error> {
        let mut status = set.doc["status"].clone();
        status["collisionCount"] = (status["collisionCount"].as_i64().unwrap_or(0) + 1).into();
        self.write_status(set, status).await?;
        Ok(Next::OnChange)
    }

    /// Changes pods and claims, and waits until the cache shows it.
    async fn act(&self, set: &Set, steps: &[Step]) -> Result<(), Error> {
        let mut done = Expectations::default();
        let mut outcome = Ok(());
        for step in steps {
            let taken = match step {
                Step::Create(pods) => self.create(set, pods, &mut done).await,
                Step::Claim(pod, claims) => self.make_claims(set, pod, claims).await,
                Step::Identify(pod, labels) => self.identify(pod, labels, &mut done).await,
                Step::Delete(pod) => self.delete(set, pod, &mut done).await,
                Step::Forget(_) | Step::Status(_) | Step::Again(_) => Ok(()),
            };
            outcome = outcome.and(taken);
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
                Step::Status(status) => self.write_status(set, status).await?,
                Step::Again(seconds) => next = Some(next.unwrap_or(seconds).min(seconds)),
                Step::Create(_) | Step::Claim(..) | Step::Identify(..) | Step::Delete(_) => {}
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

    async fn write_status(&self, set: &Set, status: Doc) -> Result<(), Status> {
        let meta = &set.object.meta;
        let mut doc = set.doc.clone();
        doc["status"] = status;
        // The role allows no patch. The document carries the resourceVersion it was read at.
        match self.client.update_subresource(KIND.resource, &meta.namespace, &meta.name, "status", doc).await {
            Ok(updated) => {
                self.stop.run_until_cancelled(self.sets.reached(updated.revision)).await;
                Ok(())
            }
            Err(status) if status.reason == Reason::NotFound => Ok(()),
            Err(status) => Err(status),
        }
    }
}
