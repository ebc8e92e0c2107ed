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
    Claimant, Events, Expectations, Kind, Owners, PODS, Phase, Pod, PodControl, Pods, StatusWriter, pod_from_template,
    selector_of,
};
use client::Resource;
use failed_pods::FailedPods;
use meta::time::SharedClock;
use meta::{LabelSelector, Object, Time};
use nodes::Nodes;
use plan::{Seen, Step, plan};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use set::Set;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "daemon-set-controller";
/// Who events say they are from.
const COMPONENT: &str = "daemonset-controller";
const KIND: Kind = Kind { resource: Resource::new("apps", "v1", "daemonsets"), api_version: "apps/v1", kind: "DaemonSet" };
/// Sets looked at at a time.
const WORKERS: usize = 2;

/// Woken by sets, their pods and revisions, and by nodes whose labels or taints change.
pub(crate) fn start(cx: &Cx) {
    let (sets, nodes) = (cx.informers.get(KIND.resource), cx.informers.get(NODES));
    let owners = Arc::new(Owners::follow(KIND.kind, &sets, selector));
    let control = PodControl { client: cx.client(NAME), events: Events::of_component(cx, NAME, COMPONENT, KIND) };
    let pods = cx.pods.clone();
    let history = History::new(cx, cx.client(NAME), KIND, HASH_LABEL);
    let revisions = history.informer.clone();
    let pass = Arc::new(Pass {
        control,
        status: StatusWriter::new(cx, NAME, KIND.resource),
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
    // One that selects everything is refused, as upstream does.
    selector_of(set).filter(|selector| !selector.is_empty())
}

struct Pass {
    control: PodControl,
    status: StatusWriter,
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
        let pods = self.claimant(&set.object).claim(&selector, self.pods.claimable(&set.object)).await?;
        let Some(past) = self.history.of(&set.object, &set.doc, &selector).await? else {
            self.status.count_collision(&set.object, &set.doc).await?;
            return Ok(Next::OnChange);
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
        let failed = pods.iter().filter(|pod| pod.phase == Phase::Failed).filter_map(|pod| pod.target_node());
        let waits: HashMap<String, i64> =
            failed.map(|node| (node.to_owned(), self.failed.seconds_left(&failure_key(&set, node), now))).collect();
        Seen { set, nodes: self.nodes.all(), pods, past, waits, settled: true }
    }

    fn claimant<'a>(&'a self, owner: &'a Object) -> Claimant<'a> {
        let (cache, stop) = (&self.pods.informer, &self.stop);
        Claimant { client: &self.control.client, owner, kind: KIND, dependents: PODS, cache, stop }
    }

    /// Makes and deletes pods, and waits until the cache shows it.
    async fn act(&self, set: &Set, steps: &[Step]) -> Result<(), Error> {
        let mut done = Expectations::default();
        let mut outcome = Ok(());
        for step in steps {
            let taken = match step {
                Step::Failed(node) => {
                    self.failed.replaced(failure_key(set, node), self.clock.now());
                    Ok(())
                }
                Step::Create(templates) => {
                    let pod = |at: usize| pod_from_template(&templates[at], &set.object, KIND);
                    self.control.create_all(&set.object, templates.len(), pod, &mut done).await
                }
                Step::Delete(pods) => self.control.delete_all(&set.object, pods, &mut done).await,
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
                Step::Status(status) => self.status.replace(&set.object, &set.doc, status).await?,
                Step::Again(seconds) => next = Some(next.unwrap_or(seconds).min(seconds)),
                Step::Failed(_) | Step::Create(_) | Step::Delete(_) => {}
            }
        }
        let delay = |seconds: i64| Next::After(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        Ok(next.map_or(Next::OnChange, delay))
    }
}

fn failure_key(set: &Set, node: &str) -> (String, i64, String) {
    let observed = set.doc["status"]["observedGeneration"].as_i64().unwrap_or(0);
    (set.object.meta.uid.clone(), observed, node.to_owned())
}
