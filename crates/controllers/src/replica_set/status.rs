//! `status` as the pods have it (kubernetes `pkg/controller/replicaset/replica_set_utils.go`).

use super::plan::Seen;
use crate::workloads::{condition, remove_condition, set_condition};
use meta::{Doc, Labels, Time};
use serde_json::{Map, Value, json};

const FAILURE: &str = "ReplicaFailure";

/// Why pods could not be made or deleted.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// `FailedCreate` or `FailedDelete`.
    pub reason: &'static str,
    pub message: String,
}

/// The status to write; None when it is written already.
pub(super) fn status(seen: &Seen, failure: Option<&Failure>, now: Time) -> Option<Doc> {
    let old = seen.doc["status"].as_object().cloned().unwrap_or_default();
    let mut new = old.clone();
    let template = &seen.doc["spec"]["template"]["metadata"]["labels"];
    let available = |pod: &&_| crate::workloads::Pod::is_available(pod, seen.min_ready_seconds(), now);
    let ready = || seen.active.iter().filter(|pod| pod.ready);
    new.insert("replicas".into(), seen.active.len().into());
    for (field, count) in [
        ("fullyLabeledReplicas", seen.active.iter().filter(|pod| carries(&pod.object.meta.labels, template)).count()),
        ("readyReplicas", ready().count()),
        ("availableReplicas", ready().map(|pod| &**pod).filter(available).count()),
    ] {
        set_count(&mut new, field, count);
    }
    new.insert("terminatingReplicas".into(), seen.terminating.into());
    new.insert("observedGeneration".into(), seen.set.meta.generation.into());
    set_failure(&mut new, failure, now);
    (new != old).then_some(Value::Object(new))
}

/// Upstream leaves out what is zero.
fn set_count(status: &mut Map<String, Doc>, field: &str, count: usize) {
    match count {
        0 => drop(status.remove(field)),
        count => drop(status.insert(field.into(), count.into())),
    }
}

fn carries(labels: &Labels, template: &Doc) -> bool {
    template.as_object().into_iter().flatten().all(|(key, value)| labels.get(key) == value.as_str())
}

/// A failure that is known stays as it was first told.
fn set_failure(status: &mut Map<String, Doc>, failure: Option<&Failure>, now: Time) {
    let mut conditions = status.get("conditions").and_then(Doc::as_array).cloned().unwrap_or_default();
    match failure {
        None => remove_condition(&mut conditions, FAILURE),
        Some(_) if condition(&conditions, FAILURE).is_some() => {}
        Some(Failure { reason, message }) => {
            let at = now.to_string();
            let new =
                json!({ "type": FAILURE, "status": "True", "reason": reason, "message": message, "lastTransitionTime": at });
            set_condition(&mut conditions, new);
        }
    }
    match conditions.is_empty() {
        true => drop(status.remove("conditions")),
        false => drop(status.insert("conditions".into(), conditions.into())),
    }
}

/// Seconds until the next pod counts as available, if one will by waiting alone.
pub(super) fn next_available_in(seen: &Seen, now: Time) -> Option<u64> {
    let min_ready = seen.min_ready_seconds();
    let waits = seen.active.iter().filter_map(|pod| pod.available_in(min_ready, now)).filter(|seconds| *seconds > 0);
    waits.min().and_then(|seconds| u64::try_from(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::seen;
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse(text).expect("a time")
    }

    #[test]
    fn the_status_counts_the_pods() {
        for (pods, min_ready, expected) in [
            ("", 0, json!({"replicas": 0})),
            ("abX", 0, json!({"replicas": 3, "fullyLabeledReplicas": 2, "readyReplicas": 1, "availableReplicas": 1})),
            ("AB", 3600, json!({"replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2})),
            ("AB", 3601, json!({"replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2})),
        ] {
            let mut seen = seen(3, pods, false);
            seen.doc["spec"]["minReadySeconds"] = min_ready.into();
            let mut expected = expected;
            expected["observedGeneration"] = 3.into();
            expected["terminatingReplicas"] = 0.into();
            let now = at("2026-01-01T01:00:00Z");
            assert_eq!(status(&seen, None, now), Some(expected.clone()), "{pods}");
            assert_eq!(next_available_in(&seen, now), (min_ready == 3601).then_some(1));
            seen.doc["status"] = expected;
            assert_eq!(status(&seen, None, now), None, "it is written once");
        }
    }

    #[test]
    fn a_failure_is_told_until_it_is_over() {
        let mut seen = seen(3, "", false);
        let failure = |message: &str| Failure { reason: "FailedCreate", message: message.into() };
        let first = status(&seen, Some(&failure("no")), at("2026-01-01T00:00:00Z")).expect("news");
        let told = json!({
            "type": FAILURE, "status": "True", "reason": "FailedCreate", "message": "no", "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        assert_eq!(first["conditions"], json!([told]));
        seen.doc["status"] = first;
        assert_eq!(status(&seen, Some(&failure("still no")), at("2026-01-01T00:01:00Z")), None);
        let over = status(&seen, None, at("2026-01-01T00:02:00Z")).expect("news");
        assert!(over.get("conditions").is_none(), "{over}");
    }
}
