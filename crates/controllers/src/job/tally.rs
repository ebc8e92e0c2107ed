//! What a job's pods add up to, before anything is done about it.

use super::failure_policy::{self, Action};
use super::indexes::Indexes;
use super::plan::Seen;
use super::pod::JobPod;
use super::view::Job;
use std::collections::BTreeMap;

pub(super) struct Tally<'a> {
    pub active: Vec<&'a JobPod>,
    pub ready: i64,
    pub terminating: i64,
    /// Counted, about to be counted, and seen just now.
    pub succeeded: i64,
    pub failed: i64,
    pub indexes: Option<IndexTally<'a>>,
}

pub(super) struct IndexTally<'a> {
    pub completions: i64,
    /// As status has them.
    pub recorded: Indexes,
    pub succeeded: Indexes,
    /// With a backoff limit per index only.
    pub failed: Option<Indexes>,
    /// By index, the failed pod whose failure count its replacement is to inherit: it stays until that is made.
    pub to_replace: BTreeMap<i64, &'a JobPod>,
}

impl<'a> Tally<'a> {
    pub fn of(seen: &'a Seen) -> Self {
        let (job, pods) = (&seen.job, &seen.pods);
        let active: Vec<&JobPod> = pods.iter().filter(|pod| pod.is_active()).collect();
        let uncounted = &job.status.uncounted;
        let new = |counted: &[String], ended: &dyn Fn(&JobPod) -> bool| {
            let fresh = |pod: &&JobPod| is_countable(job, pod) && !counted.iter().any(|uid| uid == pod.uid()) && ended(pod);
            pods.iter().filter(fresh).count() as i64
        };
        let failure = |pod: &JobPod| job.considers_failed(pod) && failure_policy::action(job.failure_policy(), pod).counts();
        let indexes = job.indexed().map(|completions| IndexTally::of(seen, &active, completions));
        let succeeded = new(&uncounted.succeeded, &|pod| pod.has_succeeded());
        Self {
            ready: active.iter().filter(|pod| pod.pod.ready).count() as i64,
            terminating: pods.iter().filter(|pod| pod.is_terminating()).count() as i64,
            succeeded: match &indexes {
                Some(indexes) => indexes.succeeded.total(),
                None => job.status.succeeded + uncounted.succeeded.len() as i64 + succeeded,
            },
            failed: job.status.failed + uncounted.failed.len() as i64 + new(&uncounted.failed, &failure),
            active,
            indexes,
        }
    }
}

/// Not yet counted; of an indexed job, with an index that is the job's.
fn is_countable(job: &Job, pod: &JobPod) -> bool {
    pod.is_tracked() && (job.indexed().is_none() || job.index_of(pod).is_some())
}

impl<'a> IndexTally<'a> {
    fn of(seen: &'a Seen, active: &[&JobPod], completions: i64) -> Self {
        let (job, pods) = (&seen.job, &seen.pods);
        let recorded = job.completed_indexes();
        let done = |pod: &&JobPod| pod.is_tracked() && pod.has_succeeded();
        let succeeded = recorded.union(&Indexes::of(pods.iter().filter(done).filter_map(|pod| job.index_of(pod))));
        let limit = job.backoff_limit_per_index();
        let failed = limit.map(|limit| {
            let given_up = |pod: &&JobPod| pod.is_tracked() && has_failed_for_good(job, pod, limit);
            job.failed_indexes().union(&Indexes::of(pods.iter().filter(given_up).filter_map(|pod| job.index_of(pod))))
        });
        let mut tally = Self { completions, recorded, succeeded, failed, to_replace: BTreeMap::new() };
        if limit.is_some() {
            tally.to_replace = tally.replaceable(seen, active);
        }
        tally
    }

    /// Of each index that is neither done nor given up nor running, the failed pod with the most failures behind it.
    fn replaceable(&self, seen: &'a Seen, active: &[&JobPod]) -> BTreeMap<i64, &'a JobPod> {
        let job = &seen.job;
        let running = Indexes::of(active.iter().filter_map(|pod| pod.index()));
        let mut found: BTreeMap<i64, &JobPod> = BTreeMap::new();
        let failures = |pod: &JobPod| (pod.index_failures() + pod.ignored_index_failures(), pod.finished_at());
        for pod in seen.pods.iter().filter(|pod| is_countable(job, pod) && job.considers_failed(pod)) {
            let Some(index) = job.index_of(pod).filter(|i| !self.is_settled(*i) && !running.contains(*i)) else { continue };
            let best = found.entry(index).or_insert(pod);
            if failures(pod) >= failures(best) {
                *best = pod;
            }
        }
        found
    }

    fn is_settled(&self, index: i64) -> bool {
        self.succeeded.contains(index) || self.failed.as_ref().is_some_and(|failed| failed.contains(index))
    }
}

fn has_failed_for_good(job: &Job, pod: &JobPod, limit: i64) -> bool {
    if !job.considers_failed(pod) {
        return false;
    }
    match failure_policy::action(job.failure_policy(), pod) {
        Action::FailIndex => true,
        action => action.counts() && pod.index_failures() >= limit,
    }
}
