//! What a decision looks at in a pod of a job.

use crate::workloads::{Phase, Pod};
use meta::{Doc, Object, Time};
use std::sync::Arc;

/// Keeps a pod until its end is in the job's status.
pub(super) const TRACKING_FINALIZER: &str = "batch.kubernetes.io/job-tracking";
pub(super) const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
pub(super) const INDEX_FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-failure-count";
pub(super) const INDEX_IGNORED_FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

pub(super) struct JobPod {
    pub pod: Arc<Pod>,
    pub doc: Doc,
}

pub(super) fn is_tracked(pod: &Object) -> bool {
    pod.meta.finalizers.iter().any(|finalizer| finalizer == TRACKING_FINALIZER)
}

impl JobPod {
    pub fn new(pod: Arc<Pod>) -> Self {
        let doc = pod.object.to_doc();
        Self { pod, doc }
    }

    pub fn uid(&self) -> &str {
        self.pod.uid()
    }

    pub fn has_succeeded(&self) -> bool {
        self.pod.phase == Phase::Succeeded
    }

    pub fn is_deleting(&self) -> bool {
        self.pod.object.meta.is_deleting()
    }

    pub fn is_active(&self) -> bool {
        self.pod.is_active()
    }

    pub fn is_terminating(&self) -> bool {
        self.pod.is_terminating()
    }

    pub fn is_tracked(&self) -> bool {
        is_tracked(&self.pod.object)
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.doc["metadata"]["annotations"][key].as_str()
    }

    pub fn index(&self) -> Option<i64> {
        self.annotation(COMPLETION_INDEX)?.parse().ok().filter(|index| *index >= 0)
    }

    fn count(&self, key: &str) -> i64 {
        let parsed = self.annotation(key).and_then(|count| count.parse().ok());
        parsed.filter(|count| (0..=i64::from(i32::MAX)).contains(count)).unwrap_or(0)
    }

    /// Failures of its index before it that count.
    pub fn index_failures(&self) -> i64 {
        self.count(INDEX_FAILURE_COUNT)
    }

    pub fn ignored_index_failures(&self) -> i64 {
        self.count(INDEX_IGNORED_FAILURE_COUNT)
    }

    /// Container restarts, while the pod lives.
    pub fn restarts(&self) -> i64 {
        if !matches!(self.pod.phase, Phase::Running | Phase::Pending) {
            return 0;
        }
        let statuses = ["initContainerStatuses", "containerStatuses"].map(|field| self.doc["status"][field].as_array());
        statuses.into_iter().flatten().flatten().filter_map(|status| status["restartCount"].as_i64()).sum()
    }

    /// When it ended, from the best witness there is (`getFinishedTime` of `pkg/controller/job/backoff_utils.go`).
    pub fn finished_at(&self) -> Time {
        let created = || time(&self.doc["metadata"]["creationTimestamp"]);
        let found =
            self.containers_finished_at().or_else(|| self.unready_since()).or_else(|| self.told_to_go_at()).or_else(created);
        found.unwrap_or(Time::from_unix(0))
    }

    fn containers_finished_at(&self) -> Option<Time> {
        let finished = |status: &Doc| time(&status["state"]["terminated"]["finishedAt"]);
        let statuses = |field: &str| self.doc["status"][field].as_array().into_iter().flatten();
        // Sidecars end after the containers that do the work.
        let sidecars: Vec<&str> = self.doc["spec"]["initContainers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|c| c["restartPolicy"] == "Always")
            .filter_map(|c| c["name"].as_str())
            .collect();
        let sidecar = |status: &&Doc| status["name"].as_str().is_some_and(|name| sidecars.contains(&name));
        let all = statuses("containerStatuses").chain(statuses("initContainerStatuses").filter(sidecar));
        all.map(finished).collect::<Option<Vec<Time>>>()?.into_iter().max()
    }

    fn unready_since(&self) -> Option<Time> {
        let ready =
            self.doc["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == "Ready" && c["status"] == "False")?;
        time(&ready["lastTransitionTime"])
    }

    fn told_to_go_at(&self) -> Option<Time> {
        let deadline = Time::parse(self.pod.object.meta.deletion_timestamp.as_deref()?)?;
        Some(deadline.plus_seconds(-self.pod.object.meta.deletion_grace_period_seconds.unwrap_or(0)))
    }
}

fn time(value: &Doc) -> Option<Time> {
    value.as_str().and_then(Time::parse)
}
