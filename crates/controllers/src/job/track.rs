//! Counts each ended pod exactly once: its UID goes to `status.uncountedTerminatedPods`, then its finalizer is taken off,
//! and once it is seen without (or gone) the UID turns into a count. Whatever happens in between, nothing is lost or
//! counted twice. An index needs no UID: it is done or not.
//! Follows `trackJobStatusAndRemoveFinalizers` of kubernetes `pkg/controller/job/job_controller.go`, in passes of their own.

use super::ending::Ending;
use super::failure_policy;
use super::indexes::Indexes;
use super::plan::Seen;
use super::pod::JobPod;
use super::status::JobStatus;
use super::tally::Tally;
use std::collections::HashSet;

/// UIDs in a status at most: about 20 kB.
const MOST_UNCOUNTED: usize = 500;

/// Counts into `status`, and returns the pods whose finalizer may go once that is written.
pub(super) fn track<'a>(seen: &'a Seen, tally: &Tally<'a>, ending: Option<&Ending>, status: &mut JobStatus) -> Vec<&'a JobPod> {
    let mut pods: Vec<&JobPod> = seen.pods.iter().filter(|pod| pod.is_tracked()).collect();
    pods.sort_by_key(|pod| pod.index());
    settle(status, &pods.iter().map(|pod| pod.uid()).collect());
    let (mut released, mut done) = (Vec::new(), Vec::new());
    for pod in pods.into_iter().filter(|pod| may_be_released(seen, tally, ending, pod)) {
        released.push(pod);
        match result(seen, ending, pod) {
            Outcome::None => {}
            Outcome::Index(index) => done.push(index),
            Outcome::Succeeded => insert(&mut status.uncounted.succeeded, pod.uid()),
            Outcome::Failed => insert(&mut status.uncounted.failed, pod.uid()),
        }
        if done.len() + status.uncounted.len() >= MOST_UNCOUNTED {
            break;
        }
    }
    if let Some(indexes) = &tally.indexes {
        let completed = indexes.recorded.union(&Indexes::of(done));
        status.succeeded = completed.total();
        status.completed_indexes = completed.to_string();
        status.failed_indexes = indexes.failed.as_ref().map(Indexes::to_string);
    }
    released
}

/// Turns UIDs of pods that are no longer held into counts.
fn settle(status: &mut JobStatus, held: &HashSet<&str>) {
    let uncounted = &mut status.uncounted;
    for (uids, count) in [(&mut uncounted.succeeded, &mut status.succeeded), (&mut uncounted.failed, &mut status.failed)] {
        let before = uids.len();
        uids.retain(|uid| held.contains(uid.as_str()));
        *count += (before - uids.len()) as i64;
    }
}

fn insert(uids: &mut Vec<String>, uid: &str) {
    if !uids.iter().any(|known| known == uid) {
        uids.push(uid.to_owned());
    }
}

fn may_be_released(seen: &Seen, tally: &Tally<'_>, ending: Option<&Ending>, pod: &JobPod) -> bool {
    if seen.job.is_deleting() || ending.is_some() || pod.has_succeeded() {
        return true;
    }
    let awaited = |index: &i64| tally.indexes.as_ref()?.to_replace.get(index).copied();
    let is_awaited = pod.index().as_ref().and_then(awaited).is_some_and(|waiting| waiting.uid() == pod.uid());
    seen.job.considers_failed(pod) && !is_awaited
}

enum Outcome {
    None,
    Index(i64),
    Succeeded,
    Failed,
}

/// Of a job that failed, every pod that has not ended counts as failed.
fn result(seen: &Seen, ending: Option<&Ending>, pod: &JobPod) -> Outcome {
    let (job, uncounted) = (&seen.job, &seen.job.status.uncounted);
    let was_failure = uncounted.failed.iter().any(|uid| uid == pod.uid());
    let index = job.index_of(pod);
    if pod.has_succeeded() && !was_failure {
        return match job.indexed() {
            None => Outcome::Succeeded,
            Some(_) => index.map_or(Outcome::None, Outcome::Index),
        };
    }
    let failed = job.considers_failed(pod) || ending.is_some_and(|ending| !ending.success);
    let counts = job.indexed().is_none() || index.is_some();
    if failed && counts && failure_policy::action(job.failure_policy(), pod).counts() {
        return Outcome::Failed;
    }
    Outcome::None
}
