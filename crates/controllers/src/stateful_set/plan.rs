//! The decision about one StatefulSet: `updateStatefulSet` of kubernetes `pkg/controller/statefulset/stateful_set_control.go`.

use super::identity::{self, NewPod, revision_of};
use super::set::Set;
use super::status::status;
use crate::controller_revisions::{Past, Revision, surplus};
use crate::workloads::{BURST, Phase, Pod};
use meta::{Doc, Object, Time};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

/// All that a decision may look at.
pub(super) struct Seen {
    pub set: Set,
    /// The set's own, whose names say so.
    pub pods: Vec<Arc<Pod>>,
    pub past: Past,
    /// Names of the claims there are.
    pub claims: HashSet<String>,
    /// False after pods could not be made or deleted: then this plan only counts.
    pub settled: bool,
}

/// In the order they are taken.
#[derive(Debug)]
pub(super) enum Step {
    Create(Vec<NewPod>),
    /// Claims that a pending pod of this name waits for.
    Claim(String, Vec<Doc>),
    /// Says on a pod again who it is.
    Identify(Arc<Pod>, Doc),
    Delete(Arc<Pod>),
    /// Revisions that are no longer kept.
    Forget(Vec<Arc<Object>>),
    Status(Doc),
    /// Looks again after so many seconds.
    Again(i64),
}

/// What is seen, in order.
pub(super) struct View<'a> {
    pub seen: &'a Seen,
    pub now: Time,
    pub current: &'a Revision,
    pub update: &'a Revision,
    /// By ordinal, from the first.
    pub slots: Vec<Option<&'a Arc<Pod>>>,
    /// Beyond the replicas, the highest ordinal first.
    pub condemned: Vec<&'a Arc<Pod>>,
}

/// Whether what comes next may be looked at in this pass.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Stop,
}

impl<'a> View<'a> {
    fn new(seen: &'a Seen, now: Time) -> Self {
        let set = &seen.set;
        let update = seen.past.latest();
        let current = seen.past.revisions.iter().find(|r| set.doc["status"]["currentRevision"] == r.name()).unwrap_or(update);
        let (mut slots, mut condemned) = (vec![None; set.replicas()], Vec::new());
        for pod in &seen.pods {
            let Some(ordinal) = set.ordinal(pod.name()) else { continue };
            let slot = ordinal.checked_sub(set.first_ordinal()).and_then(|at| slots.get_mut(at));
            match slot {
                Some(slot) => *slot = Some(pod),
                None => condemned.push((Reverse(ordinal), pod)),
            }
        }
        condemned.sort_by_key(|(ordinal, _)| *ordinal);
        let condemned = condemned.into_iter().map(|(_, pod)| pod).collect();
        Self { seen, now, current, update, slots, condemned }
    }

    fn is_available(&self, pod: &Pod) -> bool {
        pod.is_available(self.seen.set.min_ready_seconds(), self.now)
    }

    /// As good as it gets: what an ordered set waits for.
    fn is_settled(&self, pod: &Pod) -> bool {
        pod.phase == Phase::Running && self.is_available(pod) && !pod.object.meta.is_deleting()
    }

    fn is_unavailable(&self, pod: &Pod) -> bool {
        !self.is_available(pod) || pod.object.meta.is_deleting()
    }

    fn act(&self) -> Vec<Step> {
        let (mut steps, mut new) = (Vec::new(), Vec::new());
        let living = self.keep_replicas(&mut steps, &mut new);
        if !new.is_empty() {
            steps.push(Step::Create(new));
        }
        if living == Flow::Stop || self.scale_down(&mut steps) == Flow::Stop || !self.seen.set.rolls() {
            return steps;
        }
        steps.extend(self.outdated().into_iter().cloned().map(Step::Delete));
        steps
    }

    fn keep_replicas(&self, steps: &mut Vec<Step>, new: &mut Vec<NewPod>) -> Flow {
        let set = &self.seen.set;
        for (at, slot) in self.slots.iter().enumerate() {
            let flow = match slot {
                Some(pod) => self.keep(pod, at, steps),
                None if new.len() < BURST => {
                    new.push(self.new_pod(at));
                    Flow::Stop
                }
                None => Flow::On,
            };
            if flow == Flow::Stop && set.is_ordered() {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    fn keep(&self, pod: &Arc<Pod>, at: usize, steps: &mut Vec<Step>) -> Flow {
        let (set, ordinal) = (&self.seen.set, self.seen.set.first_ordinal() + at);
        if pod.is_finished() {
            // The next one is made when this one is gone.
            if !pod.object.meta.is_deleting() {
                steps.push(Step::Delete(pod.clone()));
            }
            return Flow::Stop;
        }
        let missing = self.missing_claims(ordinal);
        if pod.phase == Phase::Pending && !missing.is_empty() {
            steps.push(Step::Claim(pod.name().to_owned(), missing));
        }
        if set.is_ordered() && !self.is_settled(pod) {
            return Flow::Stop;
        }
        if !identity::is_labelled(pod) {
            steps.push(Step::Identify(pod.clone(), identity::labels(pod.name(), ordinal)));
        }
        Flow::On
    }

    fn missing_claims(&self, ordinal: usize) -> Vec<Doc> {
        let claims = identity::claims(&self.seen.set, ordinal);
        claims
            .into_iter()
            .filter(|claim| !claim["metadata"]["name"].as_str().is_some_and(|n| self.seen.claims.contains(n)))
            .collect()
    }

    /// Pods that the partition keeps from an update come back as they were.
    fn new_pod(&self, at: usize) -> NewPod {
        let set = &self.seen.set;
        let revision = if set.rolls() && at < set.partition() { self.current } else { self.update };
        let ordinal = set.first_ordinal() + at;
        NewPod { pod: identity::pod(set, revision, ordinal), claims: self.missing_claims(ordinal) }
    }

    /// From the highest ordinal. An ordered set takes the next one when this one is gone, and none while another is
    /// unwell.
    fn scale_down(&self, steps: &mut Vec<Step>) -> Flow {
        let ordered = self.seen.set.is_ordered();
        let unwell = self.first_unavailable();
        for pod in &self.condemned {
            let going = pod.object.meta.is_deleting();
            let may_go = !ordered || self.is_settled(pod) || unwell.is_some_and(|first| first.uid() == pod.uid());
            if !going && may_go {
                steps.push(Step::Delete((*pod).clone()));
            }
            if ordered {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    /// The lowest ordinal that is unavailable, replicas before the condemned. None also for a replica that is not there.
    fn first_unavailable(&self) -> Option<&'a Arc<Pod>> {
        let replica = self.slots.iter().find(|slot| slot.is_none_or(|pod| self.is_unavailable(pod)));
        match replica {
            Some(slot) => *slot,
            None => self.condemned.iter().rev().copied().find(|pod| self.is_unavailable(pod)),
        }
    }

    /// Pods from another revision, from the highest ordinal down to the partition, as many as may be unavailable.
    fn outdated(&self) -> Vec<&'a Arc<Pod>> {
        let unavailable = self.slots.iter().filter(|slot| slot.is_none_or(|pod| self.is_unavailable(pod))).count();
        let allowed = self.seen.set.max_unavailable().saturating_sub(unavailable);
        let old = |pod: &&Arc<Pod>| revision_of(pod) != self.update.name() && !pod.object.meta.is_deleting();
        self.slots.iter().skip(self.seen.set.partition()).rev().flatten().copied().filter(old).take(allowed).collect()
    }
}

pub(super) fn plan(seen: &Seen, now: Time) -> Vec<Step> {
    let view = View::new(seen, now);
    let mut steps = Vec::new();
    if seen.settled && !seen.set.object.meta.is_deleting() {
        steps = view.act();
    }
    let acts = steps.iter().any(|step| matches!(step, Step::Create(_) | Step::Delete(_) | Step::Identify(..)));
    // Pods that are made or deleted bring a pass of their own, which sees what they change.
    if !acts {
        steps.extend(forget(&view));
        steps.extend(status(&view).map(Step::Status));
    }
    let waits = seen.pods.iter().filter_map(|pod| pod.available_in(seen.set.min_ready_seconds(), now));
    steps.extend(waits.filter(|seconds| *seconds > 0).min().map(Step::Again));
    steps
}

/// Old revisions beyond the limit that neither a pod nor the status names.
fn forget(view: &View<'_>) -> Option<Step> {
    let seen = view.seen;
    let mut live: HashSet<&str> = seen.pods.iter().map(|pod| revision_of(pod)).collect();
    live.extend([view.current.name(), view.update.name()]);
    let gone = surplus(&seen.past.revisions, &live, seen.set.history_limit());
    (!gone.is_empty()).then_some(Step::Forget(gone))
}
