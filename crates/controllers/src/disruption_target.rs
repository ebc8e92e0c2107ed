//! Condition `DisruptionTarget`: a pod is about to end, and not by its own doing.

use crate::node_lifecycle::precondition;
use crate::workloads::set_condition;
use meta::{Doc, Time};
use serde_json::json;

pub(crate) const DISRUPTION_TARGET: &str = "DisruptionTarget";

/// A patch of the pod's status. None: the condition is there.
pub(crate) fn patch(pod: &Doc, reason: &str, message: &str, now: Time) -> Option<Doc> {
    let before = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let mut conditions = before.clone();
    let mut condition = json!({ "type": DISRUPTION_TARGET, "status": "True", "reason": reason, "message": message,
        "lastTransitionTime": now.to_string() });
    if let Some(generation) = pod["metadata"]["generation"].as_i64() {
        condition["observedGeneration"] = generation.into();
    }
    set_condition(&mut conditions, condition);
    (conditions != before).then(|| json!({ "metadata": precondition(pod), "status": { "conditions": conditions } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_is_added_once() {
        let now = Time::parse("2026-11-20T12:00:00Z").expect("a time");
        let ready = json!({"type": "Ready", "status": "True"});
        let mut pod =
            json!({"metadata": {"uid": "u", "resourceVersion": "7", "generation": 2}, "status": {"conditions": [ready]}});
        let patch = |pod: &Doc| super::patch(pod, "Why", "because", now);
        let written = patch(&pod).expect("the condition is missing");
        assert_eq!(written["metadata"], json!({"uid": "u", "resourceVersion": "7"}));
        let target = json!({"type": DISRUPTION_TARGET, "status": "True", "reason": "Why", "message": "because",
            "lastTransitionTime": "2026-11-20T12:00:00Z", "observedGeneration": 2});
        assert_eq!(written["status"]["conditions"], json!([ready, target]));
        pod["status"] = written["status"].clone();
        assert_eq!(patch(&pod), None);
    }
}
