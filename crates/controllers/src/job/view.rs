//! What a decision looks at in a Job.

use super::indexes::Indexes;
use super::pod::JobPod;
use super::status::JobStatus;
use crate::workloads::Phase;
use meta::{Doc, Object};
use std::sync::Arc;

/// Who looks after a job that names nobody in `spec.managedBy`.
const JOB_CONTROLLER: &str = "kubernetes.io/job-controller";

pub(super) struct Job {
    pub object: Arc<Object>,
    pub doc: Doc,
    pub status: JobStatus,
}

impl Job {
    pub fn new(object: Arc<Object>) -> Self {
        let doc = object.to_doc();
        let status = JobStatus::read(&doc["status"]);
        Self { object, doc, status }
    }

    fn number(&self, field: &str) -> Option<i64> {
        self.doc["spec"][field].as_i64()
    }

    /// None for a job that is done when one of its pods says so.
    pub fn completions(&self) -> Option<i64> {
        self.number("completions")
    }

    pub fn parallelism(&self) -> i64 {
        self.number("parallelism").unwrap_or(1)
    }

    pub fn backoff_limit(&self) -> i64 {
        self.number("backoffLimit").unwrap_or(6)
    }

    pub fn backoff_limit_per_index(&self) -> Option<i64> {
        self.number("backoffLimitPerIndex")
    }

    pub fn max_failed_indexes(&self) -> Option<i64> {
        self.number("maxFailedIndexes")
    }

    pub fn active_deadline_seconds(&self) -> Option<i64> {
        self.number("activeDeadlineSeconds")
    }

    pub fn is_suspended(&self) -> bool {
        self.doc["spec"]["suspend"] == true
    }

    pub fn is_deleting(&self) -> bool {
        self.object.meta.is_deleting()
    }

    pub fn failure_policy(&self) -> &Doc {
        &self.doc["spec"]["podFailurePolicy"]
    }

    /// The completions of an indexed job.
    pub fn indexed(&self) -> Option<i64> {
        (self.doc["spec"]["completionMode"] == "Indexed").then(|| self.completions().unwrap_or(0))
    }

    /// Its index, where it is one of the job's.
    pub fn index_of(&self, pod: &JobPod) -> Option<i64> {
        let completions = self.indexed()?;
        pod.index().filter(|index| *index < completions)
    }

    /// Whether a pod on its way out is replaced only once it has ended.
    pub fn replaces_failed_only(&self) -> bool {
        self.doc["spec"]["podReplacementPolicy"] == "Failed" || !self.failure_policy().is_null()
    }

    /// A deleted pod counts as failed: it may never get to say so itself.
    pub fn considers_failed(&self, pod: &JobPod) -> bool {
        pod.pod.phase == Phase::Failed || (!self.replaces_failed_only() && pod.is_deleting() && !pod.has_succeeded())
    }

    pub fn is_managed_elsewhere(&self) -> bool {
        self.doc["spec"]["managedBy"].as_str().is_some_and(|name| name != JOB_CONTROLLER)
    }

    pub fn completed_indexes(&self) -> Indexes {
        Indexes::parse(&self.status.completed_indexes, self.indexed().unwrap_or(0))
    }

    pub fn failed_indexes(&self) -> Indexes {
        Indexes::parse(self.status.failed_indexes.as_deref().unwrap_or(""), self.indexed().unwrap_or(0))
    }
}
