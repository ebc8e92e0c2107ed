//! `status` as the sets have it (`calculateStatus` of kubernetes `pkg/controller/deployment/sync.go`).

use super::plan::Draft;
use super::progress::new_condition;
use super::revision::REVISION;
use super::set::{Set, sum};
use super::view::Counts;
use crate::workloads::set_condition;
use meta::Doc;

impl Draft<'_> {
    pub fn counts(&self) -> Counts {
        Counts {
            replicas: sum(self.all(), Set::actual),
            updated: sum(&self.new, Set::actual),
            available: sum(self.all(), Set::available),
        }
    }

    pub fn is_observed(&self) -> bool {
        let observed = self.deployment.doc["status"]["observedGeneration"].as_i64().unwrap_or(0);
        observed >= self.deployment.object.meta.generation
    }

    pub fn judge_availability(&mut self, counts: &Counts) {
        let (status, reason, message) = match counts.available >= self.deployment.min_available() {
            true => ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
            false => ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
        };
        set_condition(&mut self.conditions, new_condition("Available", status, reason, message.into(), self.now));
    }

    /// The deployment with its new status and revision; None when it has them already.
    pub fn written(&self, counts: &Counts) -> Option<Doc> {
        let mut doc = self.deployment.doc.clone();
        let unavailable = (self.total() - counts.available).max(0);
        for (field, number) in [
            ("observedGeneration", self.deployment.object.meta.generation),
            ("replicas", counts.replicas),
            ("updatedReplicas", counts.updated),
            ("readyReplicas", sum(self.all(), Set::ready)),
            ("availableReplicas", counts.available),
            ("unavailableReplicas", unavailable),
        ] {
            set_or_drop(&mut doc["status"], field, (number != 0).then(|| number.into()));
        }
        let terminating: Option<i64> = self.all().map(Set::terminating).sum();
        set_or_drop(&mut doc["status"], "terminatingReplicas", terminating.map(Doc::from));
        set_or_drop(&mut doc["status"], "conditions", (!self.conditions.is_empty()).then(|| self.conditions.clone().into()));
        if let Some(revision) = self.new.as_ref().and_then(|new| new.wanted.annotations.get(REVISION)) {
            doc["metadata"]["annotations"][REVISION] = revision.clone().into();
        }
        (doc != self.deployment.doc).then_some(doc)
    }
}

fn set_or_drop(status: &mut Doc, field: &str, value: Option<Doc>) {
    match value {
        Some(value) => status[field] = value,
        None => drop(status.as_object_mut().and_then(|status| status.remove(field))),
    }
}
