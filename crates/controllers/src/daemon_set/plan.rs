//! The decision about one DaemonSet: `syncDaemonSet` of kubernetes `pkg/controller/daemon/daemon_controller.go`.

use super::manage::manage;
use super::nodes::Node;
use super::placement::{Placement, Run};
use super::rolling::roll;
use super::set::Set;
use super::status::status;
use super::template;
use crate::controller_revisions::{HASH_LABEL, Past, surplus};
use crate::workloads::{BURST, Pod};
use meta::{Doc, Object, Time};
use reconcile::EventType;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// All that a decision may look at.
pub(super) struct Seen {
    pub set: Set,
    pub nodes: Vec<Arc<Node>>,
    pub pods: Vec<Arc<Pod>>,
    pub past: Past,
    /// By node, seconds left until a failed pod may be replaced.
    pub waits: HashMap<String, i64>,
    /// False after pods could not be made or deleted: then this plan only counts.
    pub settled: bool,
}

/// In the order they are taken.
#[derive(Debug)]
pub(super) enum Step {
    Say(EventType, &'static str, String),
    /// The failed pod of this node is replaced: the next one waits for longer.
    Failed(String),
    /// Templates of pods to make.
    Create(Vec<Doc>),
    Delete(Vec<Arc<Pod>>),
    /// Revisions that are no longer kept.
    Forget(Vec<Arc<Object>>),
    Status(Doc),
    /// Looks again after so many seconds.
    Again(i64),
}

/// What is seen, by node.
pub(super) struct Daemons<'a> {
    pub seen: &'a Seen,
    pub now: Time,
    /// Of each node that has any or should, scheduled ones and older ones first. Without those that are done and deleted.
    pub pods: BTreeMap<String, Vec<&'a Arc<Pod>>>,
    pub runs: BTreeMap<&'a str, Run>,
}

impl<'a> Daemons<'a> {
    pub fn new(seen: &'a Seen, now: Time) -> Self {
        let mut pods: BTreeMap<String, Vec<&Arc<Pod>>> = BTreeMap::new();
        for pod in seen.pods.iter().filter(|pod| !(pod.is_finished() && pod.object.meta.is_deleting())) {
            if let Some(node) = template::target_node(pod) {
                pods.entry(node).or_default().push(pod);
            }
        }
        for pods in pods.values_mut() {
            pods.sort_by_key(|pod| (pod.node.is_empty(), pod.created, pod.name().to_owned()));
        }
        let placement = Placement::of(seen.set.template());
        let runs = seen.nodes.iter().map(|node| (node.name.as_str(), placement.run(node))).collect();
        Self { seen, now, pods, runs }
    }

    pub fn hash(&self) -> &'a str {
        hash(&self.seen.past)
    }

    pub fn is_updated(&self, pod: &Pod) -> bool {
        pod.object.meta.labels.get(HASH_LABEL) == Some(self.hash())
    }

    pub fn is_available(&self, pod: &Pod) -> bool {
        pod.is_available(self.seen.set.min_ready_seconds(), self.now)
    }

    pub fn should_run(&self, node: &str) -> bool {
        self.runs.get(node) == Some(&Run::Yes)
    }

    /// Nodes that should have a pod.
    pub fn desired(&self) -> usize {
        self.runs.values().filter(|run| **run == Run::Yes).count()
    }
}

/// The label of pods made from the latest revision.
fn hash(past: &Past) -> &str {
    let latest = past.latest();
    latest.object.meta.labels.get(HASH_LABEL).unwrap_or(latest.name())
}

/// Pods to make, by node, and pods to delete.
#[derive(Default)]
pub(super) struct Changes<'a> {
    pub create: Vec<String>,
    pub delete: Vec<&'a Arc<Pod>>,
}

impl Changes<'_> {
    fn is_empty(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty()
    }
}

pub(super) fn plan(seen: &Seen, now: Time) -> Vec<Step> {
    let daemons = Daemons::new(seen, now);
    let mut steps = Vec::new();
    if seen.settled {
        let mut changes = manage(&daemons, &mut steps);
        // An update goes on where everything is as it should be.
        if changes.is_empty() && seen.set.rolls() {
            changes = roll(&daemons);
        }
        steps.extend(act(&daemons, changes));
    }
    let acts = steps.iter().any(|step| matches!(step, Step::Create(_) | Step::Delete(_)));
    // Pods that are made or deleted bring a pass of their own, which sees what they change.
    if !acts {
        steps.extend(forget(seen));
        steps.extend(status(&daemons).map(Step::Status));
    }
    let waits = seen.pods.iter().filter_map(|pod| pod.available_in(seen.set.min_ready_seconds(), now));
    steps.extend(waits.filter(|seconds| *seconds > 0).min().map(Step::Again));
    steps
}

fn act(daemons: &Daemons<'_>, changes: Changes<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if !changes.create.is_empty() {
        let template = |node: &String| template::for_node(&daemons.seen.set, daemons.hash(), node);
        steps.push(Step::Create(changes.create.iter().take(BURST).map(template).collect()));
    }
    if !changes.delete.is_empty() {
        steps.push(Step::Delete(changes.delete.into_iter().take(BURST).cloned().collect()));
    }
    steps
}

/// Old revisions beyond the limit that no pod was made from.
fn forget(seen: &Seen) -> Option<Step> {
    let (_, old) = seen.past.revisions.split_last()?;
    let hashes: HashSet<&str> = seen.pods.iter().filter_map(|pod| pod.object.meta.labels.get(HASH_LABEL)).collect();
    let in_use = old.iter().filter(|r| r.object.meta.labels.get(HASH_LABEL).is_some_and(|hash| hashes.contains(hash)));
    let live: HashSet<&str> = in_use.map(|revision| revision.name()).collect();
    // Those in use count against the limit too.
    let gone = surplus(old, &live, seen.set.history_limit().saturating_sub(live.len()));
    (!gone.is_empty()).then_some(Step::Forget(gone))
}
