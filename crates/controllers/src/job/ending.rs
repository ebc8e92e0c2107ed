//! Whether and how a job ends. Failures come before successes, and what status says already before both.

use super::failure_policy::{self, Action};
use super::indexes::Indexes;
use super::plan::Seen;
use super::pod::JobPod;
use super::tally::Tally;
use super::view::Job;
use meta::{Doc, Time};

/// The interim conditions: the end is certain, and pods may be on their way out still.
pub(super) const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";
pub(super) const FAILURE_TARGET: &str = "FailureTarget";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub success: bool,
    pub reason: String,
    pub message: String,
}

impl Ending {
    fn new(success: bool, reason: &str, message: impl Into<String>) -> Self {
        Self { success, reason: reason.into(), message: message.into() }
    }

    fn recorded(success: bool, condition: &Doc) -> Self {
        Self::new(success, condition["reason"].as_str().unwrap_or(""), condition["message"].as_str().unwrap_or(""))
    }

    pub fn completed() -> Self {
        Self::new(true, "CompletionsReached", "Reached expected number of succeeded pods")
    }

    pub fn interim(&self) -> &'static str {
        if self.success { SUCCESS_CRITERIA_MET } else { FAILURE_TARGET }
    }

    pub fn terminal(&self) -> &'static str {
        if self.success { "Complete" } else { "Failed" }
    }
}

/// The end that is decided before pods are managed; having completions enough is decided after.
pub(super) fn ending(seen: &Seen, tally: &Tally<'_>, now: Time) -> Option<Ending> {
    let job = &seen.job;
    if let Some(condition) = job.status.condition(SUCCESS_CRITERIA_MET) {
        return Some(Ending::recorded(true, condition));
    }
    if let Some(condition) = job.status.condition(FAILURE_TARGET) {
        return Some(Ending::recorded(false, condition));
    }
    by_failure_policy(job, &seen.pods)
        .or_else(|| by_limits(seen, tally, now))
        .or_else(|| by_failed_indexes(job, tally))
        .or_else(|| by_success_policy(job, tally))
}

fn by_failure_policy(job: &Job, pods: &[JobPod]) -> Option<Ending> {
    let failed = pods.iter().filter(|pod| job.considers_failed(pod));
    failed.map(|pod| failure_policy::action(job.failure_policy(), pod)).find_map(|action| match action {
        Action::FailJob(message) => Some(Ending::new(false, "PodFailurePolicy", message)),
        _ => None,
    })
}

fn by_limits(seen: &Seen, tally: &Tally<'_>, now: Time) -> Option<Ending> {
    let job = &seen.job;
    if tally.failed > job.backoff_limit() || restarted_too_often(job, &seen.pods) {
        return Some(Ending::new(false, "BackoffLimitExceeded", "Job has reached the specified backoff limit"));
    }
    let late = deadline_in(job, now).is_some_and(|seconds| seconds <= 0);
    late.then(|| Ending::new(false, "DeadlineExceeded", "Job was active longer than specified deadline"))
}

/// Pods that restart their containers fail by restarting.
fn restarted_too_often(job: &Job, pods: &[JobPod]) -> bool {
    let restarts: i64 = pods.iter().map(JobPod::restarts).sum();
    job.doc["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure" && restarts > 0 && restarts >= job.backoff_limit()
}

/// Seconds until `spec.activeDeadlineSeconds` is over. None for a job without one, not started or suspended.
pub(super) fn deadline_in(job: &Job, now: Time) -> Option<i64> {
    let allowed = job.active_deadline_seconds().filter(|_| !job.is_suspended())?;
    Some(allowed - now.seconds_since(job.status.start_time?))
}

fn by_failed_indexes(job: &Job, tally: &Tally<'_>) -> Option<Ending> {
    let indexes = tally.indexes.as_ref()?;
    let failed = indexes.failed.as_ref()?.total();
    if job.max_failed_indexes().is_some_and(|most| failed > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(Ending::new(false, "MaxFailedIndexesExceeded", message));
    }
    let all_decided = failed > 0 && failed + indexes.succeeded.total() >= indexes.completions;
    all_decided.then(|| Ending::new(false, "FailedIndexes", "Job has failed indexes"))
}

/// kubernetes `pkg/controller/job/success_policy.go`.
fn by_success_policy(job: &Job, tally: &Tally<'_>) -> Option<Ending> {
    let indexes = tally.indexes.as_ref().filter(|indexes| !indexes.succeeded.is_empty())?;
    let rules = job.doc["spec"]["successPolicy"]["rules"].as_array()?;
    let matched = rules.iter().position(|rule| {
        let wanted = rule["succeededCount"].as_i64();
        let Some(listed) = rule["succeededIndexes"].as_str() else {
            return wanted.is_some_and(|count| indexes.succeeded.total() >= count);
        };
        let required = Indexes::parse(listed, indexes.completions);
        let have = required.overlap(&indexes.succeeded);
        !required.is_empty() && (have == required.total() || wanted.is_some_and(|count| have >= count))
    })?;
    Some(Ending::new(true, "SuccessPolicy", format!("Matched rules at index {matched}")))
}
