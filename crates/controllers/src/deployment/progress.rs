//! Condition `Progressing`: whether a rollout gets on, has arrived, or has taken too long
//! (kubernetes `pkg/controller/deployment/progress.go`).

use super::plan::Draft;
use super::view::Counts;
use crate::workloads::{condition, remove_condition, set_condition};
use meta::{Doc, Time};
use serde_json::json;

pub(super) const PROGRESSING: &str = "Progressing";
pub(super) const AVAILABLE: &str = "NewReplicaSetAvailable";
pub(super) const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";
const FAILURE: &str = "ReplicaFailure";

pub(super) fn new_condition(r#type: &str, status: &str, reason: &str, message: String, now: Time) -> Doc {
    let now = now.to_string();
    json!({
        "type": r#type, "status": status, "reason": reason, "message": message, "lastUpdateTime": now, "lastTransitionTime": now,
    })
}

impl Draft<'_> {
    pub fn progress(&mut self, status: &str, reason: &str, message: String) {
        if self.deployment.deadline_seconds.is_some() {
            set_condition(&mut self.conditions, new_condition(PROGRESSING, status, reason, message, self.now));
        }
    }

    fn progress_reason(&self) -> Option<&str> {
        condition(&self.conditions, PROGRESSING)?["reason"].as_str()
    }

    /// While a deployment is paused its deadline stands still; one that was missed stays so.
    pub fn note_pause(&mut self) {
        match (self.deployment.paused, self.progress_reason()) {
            (_, Some(TIMED_OUT)) | (true, Some(PAUSED)) => {}
            (true, _) => self.progress("Unknown", PAUSED, "Deployment is paused".into()),
            (false, Some(PAUSED)) => self.progress("Unknown", "DeploymentResumed", "Deployment is resumed".into()),
            (false, _) => {}
        }
    }

    pub fn is_complete(&self, counts: &Counts) -> bool {
        let replicas = self.deployment.replicas;
        counts.updated == replicas
            && counts.replicas == replicas
            && counts.available >= self.deployment.min_available()
            && self.is_observed()
    }

    /// Judges the rollout by what has changed since the last status.
    pub fn estimate_progress(&mut self, after: &Counts) {
        if self.deployment.deadline_seconds.is_none() {
            remove_condition(&mut self.conditions, PROGRESSING);
        } else if !(after.replicas == after.updated && self.progress_reason() == Some(AVAILABLE)) {
            self.judge(after);
        }
        self.pass_failure_on();
    }

    fn judge(&mut self, after: &Counts) {
        let about = match &self.new {
            Some(set) => format!("ReplicaSet {:?}", set.name),
            None => format!("Deployment {:?}", self.deployment.name()),
        };
        if self.is_complete_after(after) {
            self.progress("True", AVAILABLE, format!("{about} has successfully progressed."));
        } else if has_progressed(&self.deployment.before, after) {
            let mut told = new_condition(PROGRESSING, "True", "ReplicaSetUpdated", format!("{about} is progressing."), self.now);
            if let Some(known) = condition(&self.conditions, PROGRESSING).filter(|known| known["status"] == "True") {
                told["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            // Said again with the same reason: its hour is what counts.
            remove_condition(&mut self.conditions, PROGRESSING);
            set_condition(&mut self.conditions, told);
        } else if self.seconds_left().is_some_and(|seconds| seconds < 0) {
            self.progress("False", TIMED_OUT, format!("{about} has timed out progressing."));
        }
    }

    /// The status about to be written is of the generation that was looked at.
    fn is_complete_after(&self, after: &Counts) -> bool {
        let replicas = self.deployment.replicas;
        after.updated == replicas && after.replicas == replicas && after.available >= self.deployment.min_available()
    }

    /// What keeps a set from its pods keeps the deployment from them; the newest set's reason first.
    fn pass_failure_on(&mut self) {
        let failure = self.new.iter().chain(&self.old).find_map(|set| set.failure()).cloned();
        let Some(mut failure) = failure else { return remove_condition(&mut self.conditions, FAILURE) };
        failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
        set_condition(&mut self.conditions, failure);
    }

    /// Seconds until the deadline passes, negative once it has. None where there is nothing to wait for.
    fn seconds_left(&self) -> Option<i64> {
        let known = condition(&self.conditions, PROGRESSING)?;
        if matches!(known["reason"].as_str(), Some(AVAILABLE | TIMED_OUT | PAUSED)) {
            return None;
        }
        let updated = known["lastUpdateTime"].as_str().and_then(Time::parse)?;
        Some(self.deployment.deadline_seconds? - self.now.seconds_since(updated))
    }

    /// When the rollout must be looked at again though nothing changes: a second late rather than early.
    pub fn next_look(&self, after: &Counts) -> Option<u64> {
        if self.deployment.paused || self.is_complete_after(after) {
            return None;
        }
        self.seconds_left().and_then(|seconds| u64::try_from(seconds.max(0) + 1).ok())
    }
}

/// New pods have come or become available, or old ones have gone.
fn has_progressed(before: &Counts, after: &Counts) -> bool {
    let old = |counts: &Counts| counts.replicas - counts.updated;
    after.updated > before.updated || old(after) < old(before) || after.available > before.available
}
