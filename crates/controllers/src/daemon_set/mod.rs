//! Runs a pod on every node that a DaemonSet selects. Promise: no node has two for longer than an update with surge takes,
//! and an update never takes more nodes out of service than it may.

mod failed_pods;
mod manage;
mod nodes;
mod placement;
mod plan;
mod rolling;
mod set;
mod status;
mod template;
#[cfg(test)]
mod tests;

use crate::context::{Cx, NODES};
use crate::controller_revisions::{HASH_LABEL, History, Past};
use crate::workloads::{
    Claimant, Events, Expectations, Kind, Owners, PODS, Phase, Pod, PodControl, Pods, claim, pod_from_template, slow_start,
};
use client::Resource;
use failed_pods::FailedPods;
use futures::future::join_all;
use meta::time::SharedClock;
use meta::{Doc, LabelSelector, Object, Reason, Status, Time};
use nodes::Nodes;
use plan::{Seen, Step, plan};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use set::Set;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "daemon-set-controller";
const KIND: Kind = Kind { resource: Resource::new("apps", "v1", "daemonsets"), api_version: "apps/v1", kind: "DaemonSet" };
/// Sets looked at at a time.
const WORKERS: usize = 2;

/// Woken by sets, their pods and revisions, and by nodes whose labels or taints change.
pub(crate) fn start(cx: &Cx) {
    let (sets, nodes) = (cx.informers.get(KIND.resource), cx.informers.get(NODES));
    let owners = Arc::new(Owners::follow(KIND.kind, &sets, selector));
    let control = PodControl { client: cx.client(NAME), events: Events::new(cx, NAME, KIND) };
    let pods = cx.pods.clone();
    let history = History::new(cx, cx.client(NAME), KIND, HASH_LABEL);
    let revisions = history.informer.clone();
    let pass = Arc::new(Pass {
        control,
        history,
        sets: sets.clone(),
        nodes: Nodes::follow(&nodes),
        pods: pods.clone(),
        failed: FailedPods::default(),
        clock: cx.context.clock.clone(),
        stop: cx.context.runtime.stop.clone(),
    });
    let (all, by_revision) = (sets.clone(), owners.clone());
    Controller::new(NAME, &cx.context.runtime)
        .watches_own(&sets)
        .watches(&pods.informer, move |change| owners.keys(change))
        .watches(&revisions, move |change| by_revision.keys(change))
        .watches(&nodes, move |change| {
            let matters = nodes::matters(change).then(|| all.all());
            matters.into_iter().flatten().map(|set| ObjectKey::of(&set)).collect::<Vec<ObjectKey>>()
        })
        .run(WORKERS, move |key: ObjectKey| {
            let pass = pass.clone();
            async move { pass.reconcile(&key).await }
        });
}

fn selector(set: &Object) -> Option<LabelSelector> {
    // One that cannot be read selects nothing; one that selects everything is refused, as upstream does.
    LabelSelector::from_doc(&set.get("/spec/selector")).ok().flatten().filter(|selector| !selector.is_empty())
}

struct Pass {
    control: PodControl,
    history: History,
    sets: Arc<Informer>,
    nodes: Nodes,
    pods: Arc<Pods>,
    failed: FailedPods,
    clock: SharedClock,
    stop: CancellationToken,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let found = self.sets.get(&key.namespace, &key.name).filter(|set| !set.meta.is_deleting());
        let Some((set, selector)) = found.and_then(|set| Some((set.clone(), selector(&set)?))) else {
            return Ok(Next::OnChange);
        };
        let set = Set::new(set);
        let pods = self.claim(&set, &selector).await?;
        let Some(past) = self.history.of(&set.object, &set.doc, &selector).await? else {
            return self.count_collision(&set).await;
        };
        let now = self.clock.now();
        let mut seen = self.observe(set, pods, past, now);
        let steps = plan(&seen, now);
        let Err(failure) = self.act(&seen.set, &steps).await else { return self.record(&seen.set, steps).await };
        seen.settled = false;
        self.record(&seen.set, plan(&seen, self.clock.now())).await?;
        Err(failure)
    }

    fn observe(&self, set: Set, pods: Vec<Arc<Pod>>, past: Past, now: Time) -> Seen {
        let failed = pods.iter().filter(|pod| pod.phase == Phase::Failed).filter_map(|pod| template::target_node(pod));
        let waits: HashMap<String, i64> =
            failed.map(|node| (node.clone(), self.failed.seconds_left(&failure_key(&set, node), now))).collect();
        Seen { set, nodes: self.nodes.all(), pods, past, waits, settled: true }
    }

    async fn claim(&self, set: &Set, selector: &LabelSelector) -> Result<Vec<Arc<Pod>>, Error> {
        let claims = claim(&set.object.meta, selector, self.pods.claimable(&set.object));
        let claimant = Claimant { client: &self.control.client, owner: &set.object, kind: KIND, dependents: PODS };
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

    /// Makes and deletes pods, and waits until the cache shows it.
    async fn act(&self, set: &Set, steps: &[Step]) -> Result<(), Error> {
        let mut done = Expectations::default();
        let mut outcome = Ok(());
        for step in steps {
            let taken = match step {
                Step::Failed(node) => {
                    self.failed.replaced(failure_key(set, node.clone()), self.clock.now());
                    Ok(())
                }
                Step::Create(templates) => self.create(set, templates, &mut done).await,
                Step::Delete(pods) => self.delete(set, pods, &mut done).await,
                _ => Ok(()),
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
                Step::Say(level, reason, message) => self.control.events.say(&set.object, level, reason, message),
                Step::Forget(revisions) => {
                    for revision in revisions {
                        self.history.delete(&revision).await?;
                    }
                }
                Step::Status(status) => self.write_status(set, status).await?,
                Step::Again(seconds) => next = Some(next.unwrap_or(seconds).min(seconds)),
                Step::Failed(_) | Step::Create(_) | Step::Delete(_) => {}
            }
        }
        let delay = |seconds: i64| Next::After(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        Ok(next.map_or(Next::OnChange, delay))
    }

    async fn create(&self, set: &Set, templates: &[Doc], done: &mut Expectations) -> Result<(), Status> {
        let create = |at: usize| self.control.create(&set.object, pod_from_template(&templates[at], &set.object, KIND));
        let (created, failed) = slow_start(templates.len(), create).await;
        created.into_iter().flatten().for_each(|pod| done.written(pod.revision));
        failed.map_or(Ok(()), Err)
    }

    async fn delete(&self, set: &Set, pods: &[Arc<Pod>], done: &mut Expectations) -> Result<(), Status> {
        let deletions = join_all(pods.iter().map(|pod| self.control.delete(&set.object, pod))).await;
        for (pod, outcome) in pods.iter().zip(&deletions) {
            if outcome.is_ok() {
                done.deleted(&pod.object);
            }
        }
        deletions.into_iter().collect()
    }

    async fn write_status(&self, set: &Set, status: Doc) -> Result<(), Status> {
        let meta = &set.object.meta;
        let mut doc = set.doc.clone();
        doc["status"] = status;
        // The role allows no patch. The document carries the resourceVersion it was read at.
        let client = &self.control.client;
        match client.update_subresource(KIND.resource, &meta.namespace, &meta.name, "status", doc).await {
            Ok(updated) => {
                self.stop.run_until_cancelled(self.sets.reached(updated.revision)).await;
                Ok(())
            }
            Err(status) if status.reason == Reason::NotFound => Ok(()),
            Err(status) => Err(status),
        }
    }
}

fn failure_key(set: &Set, node: String) -> (String, i64, String) {
    let observed = set.doc["status"]["observedGeneration"].as_i64().unwrap_or(0);
    (set.object.meta.uid.clone(), observed, node)
}
