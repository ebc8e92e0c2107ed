//! How many pods a job runs: `manageJob` of kubernetes `pkg/controller/job/job_controller.go`.

use super::backoff;
use super::indexes::Indexes;
use super::plan::Seen;
use super::pod::JobPod;
use super::tally::{IndexTally, Tally};
use super::view::Job;
use crate::workloads::{BURST, Pod, deletion_order};
use meta::Time;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(super) enum Managed<'a> {
    Enough,
    Delete(Vec<&'a JobPod>),
    /// Pods to make: without an index, or of these.
    Create(usize),
    CreateIndexes(Vec<i64>),
    /// Seconds until failures allow another pod.
    Wait(i64),
}

pub(super) fn manage<'a>(seen: &'a Seen, tally: &Tally<'a>, now: Time) -> Managed<'a> {
    let job = &seen.job;
    if job.is_suspended() {
        return delete_all_of(&tally.active);
    }
    let active = tally.active.len() as i64;
    let wanted = wanted(job, tally);
    let excess = surplus(job, &tally.active, usize::try_from(active - wanted).unwrap_or(0), now);
    if !excess.is_empty() {
        return delete_all_of(&excess[..excess.len().min(BURST)]);
    }
    let replaced_later = if job.replaces_failed_only() { tally.terminating } else { 0 };
    match usize::try_from(wanted - replaced_later - active) {
        Ok(missing) if missing > 0 => create(seen, tally, missing.min(BURST), now),
        _ => Managed::Enough,
    }
}

fn delete_all_of<'a>(pods: &[&'a JobPod]) -> Managed<'a> {
    if pods.is_empty() { Managed::Enough } else { Managed::Delete(pods.to_vec()) }
}

/// Never more than what is left to complete. Without a number of completions, no more after the first success.
fn wanted(job: &Job, tally: &Tally<'_>) -> i64 {
    match job.completions() {
        None if tally.succeeded > 0 => tally.active.len() as i64,
        None => job.parallelism(),
        Some(completions) => (completions - tally.succeeded).min(job.parallelism()).max(0),
    }
}

fn create<'a>(seen: &Seen, tally: &Tally<'_>, missing: usize, now: Time) -> Managed<'a> {
    let job = &seen.job;
    let per_index = job.backoff_limit_per_index().is_some();
    let wait = if per_index { 0 } else { backoff::seconds_left(job, &seen.pods, now) };
    if wait > 0 {
        return Managed::Wait(wait);
    }
    let Some(indexes) = &tally.indexes else { return Managed::Create(missing) };
    let pending = pending(seen, tally, indexes).first_missing(missing, indexes.completions);
    let waits: BTreeMap<i64, i64> = pending
        .iter()
        .map(|index| {
            let failed = indexes.to_replace.get(index).copied();
            (*index, if per_index { backoff::seconds_left_of_index(failed, now) } else { 0 })
        })
        .collect();
    let ready: Vec<i64> = pending.into_iter().filter(|index| waits[index] == 0).collect();
    match waits.values().min() {
        None => Managed::Enough,
        Some(least) if ready.is_empty() => Managed::Wait(*least),
        Some(_) => Managed::CreateIndexes(ready),
    }
}

/// Indexes that need no pod: done, given up, running, or ending in a pod that must be gone first.
fn pending(seen: &Seen, tally: &Tally<'_>, indexes: &IndexTally<'_>) -> Indexes {
    let mut taken = indexes.succeeded.union(&Indexes::of(tally.active.iter().filter_map(|pod| pod.index())));
    if seen.job.replaces_failed_only() {
        taken = taken.union(&Indexes::of(seen.pods.iter().filter(|pod| pod.is_terminating()).filter_map(JobPod::index)));
    }
    indexes.failed.iter().fold(taken, |taken, failed| taken.union(failed))
}

/// At least `count` pods that go: first those whose index is no index of the job's or taken twice, then those that
/// have come least far.
fn surplus<'a>(job: &Job, active: &[&'a JobPod], count: usize, now: Time) -> Vec<&'a JobPod> {
    if count == 0 && job.indexed().is_none() {
        return Vec::new();
    }
    let mut ranked = ranked(active, now);
    let mut going = Vec::new();
    if job.indexed().is_some() {
        let mut kept = BTreeSet::new();
        // Of several with one index the one that has come furthest stays.
        let (stay, go): (Vec<&JobPod>, Vec<&JobPod>) =
            ranked.iter().rev().partition(|pod| job.index_of(pod).is_some_and(|index| kept.insert(index)));
        going = go;
        ranked = stay.into_iter().rev().collect();
    }
    let more = count.saturating_sub(going.len());
    going.extend(ranked.into_iter().take(more));
    going
}

fn ranked<'a>(pods: &[&'a JobPod], now: Time) -> Vec<&'a JobPod> {
    let by_uid: HashMap<&str, &JobPod> = pods.iter().map(|pod| (pod.uid(), *pod)).collect();
    let mut order: Vec<Arc<Pod>> = pods.iter().map(|pod| pod.pod.clone()).collect();
    deletion_order(&mut order, &[], now);
    order.iter().map(|pod| by_uid[pod.uid()]).collect()
}
