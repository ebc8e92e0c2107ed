//! How far a namespace's deletion has come, in the words of kubernetes
//! `pkg/controller/namespace/deletion/status_condition_utils.go`.

use super::content::Outcome;
use meta::{Doc, Time};
use serde_json::json;

#[derive(Debug, PartialEq)]
pub struct Condition {
    kind: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

struct Words {
    kind: &'static str,
    well: (&'static str, &'static str),
    ill: &'static str,
}

const REMOVED: (&str, &str) = ("ContentRemoved", "All content successfully removed");

/// In upstream's order. The kinds come with the control plane, so the first two never fail here.
const WORDS: [Words; 5] = [
    Words {
        kind: "NamespaceDeletionDiscoveryFailure",
        well: ("ResourcesDiscovered", "All resources successfully discovered"),
        ill: "DiscoveryFailed",
    },
    Words {
        kind: "NamespaceDeletionGroupVersionParsingFailure",
        well: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ill: "GroupVersionParsingFailed",
    },
    Words {
        kind: "NamespaceDeletionContentFailure",
        well: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ill: "ContentDeletionFailed",
    },
    Words { kind: "NamespaceContentRemaining", well: REMOVED, ill: "SomeResourcesRemain" },
    Words { kind: "NamespaceFinalizersRemaining", well: REMOVED, ill: "SomeFinalizerRemain" },
];

pub fn of(outcome: &Outcome) -> Vec<Condition> {
    let problems = [None, None, failures(outcome), remaining(outcome), finalizers(outcome)];
    let conditions = WORDS.iter().zip(problems).map(|(words, problem)| match problem {
        None => Condition { kind: words.kind, holds: false, reason: words.well.0, message: words.well.1.into() },
        Some(message) => Condition { kind: words.kind, holds: true, reason: words.ill, message },
    });
    conditions.collect()
}

fn failures(outcome: &Outcome) -> Option<String> {
    let mut failures = outcome.failures.clone();
    failures.sort();
    let count = failures.len();
    (count > 0).then(|| format!("Failed to delete all resource types, {count} remaining: {}", failures.join(", ")))
}

/// Upstream writes the dot before the group of a core kind too.
fn remaining(outcome: &Outcome) -> Option<String> {
    let counted = outcome.remaining.iter();
    let parts = counted.map(|(kind, count)| format!("{}.{} has {count} resource instances", kind.resource, kind.group));
    listed("Some resources are remaining: ", parts.collect())
}

fn finalizers(outcome: &Outcome) -> Option<String> {
    let parts = outcome.finalizers.iter().map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"));
    listed("Some finalizers are remaining: ", parts.collect())
}

fn listed(head: &str, mut parts: Vec<String>) -> Option<String> {
    parts.sort();
    (!parts.is_empty()).then(|| format!("{head}{}", parts.join(", ")))
}

/// The namespace's conditions with ours in them. The transition time moves with the status only.
pub fn merged(old: &Doc, wanted: &[Condition], now: Time) -> Doc {
    let mut conditions = old.as_array().cloned().unwrap_or_default();
    for condition in wanted {
        let status = if condition.holds { "True" } else { "False" };
        let mut doc = json!({ "type": condition.kind, "status": status, "lastTransitionTime": now.to_string(),
            "reason": condition.reason, "message": condition.message });
        match conditions.iter_mut().find(|c| c["type"] == condition.kind) {
            None => conditions.push(doc),
            Some(present) => {
                if present["status"] == status {
                    doc["lastTransitionTime"] = present["lastTransitionTime"].clone();
                }
                *present = doc;
            }
        }
    }
    conditions.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::GroupResource;

    #[test]
    fn conditions_read_as_upstreams() {
        let outcome = Outcome {
            failures: vec!["b failed".into(), "a failed".into()],
            remaining: [(GroupResource::new("", "pods"), 2), (GroupResource::new("apps", "deployments"), 1)].into(),
            finalizers: [("x.example/hold".to_owned(), 3)].into(),
            ..Outcome::default()
        };
        let all_well = "False ContentRemoved: All content successfully removed";
        for (at, well, ill) in [
            (0, "False ResourcesDiscovered: All resources successfully discovered", None),
            (1, "False ParsedGroupVersions: All legacy kube types successfully parsed", None),
            (
                2,
                "False ContentDeleted: All content successfully deleted, may be waiting on finalization",
                Some("True ContentDeletionFailed: Failed to delete all resource types, 2 remaining: a failed, b failed"),
            ),
            (
                3,
                all_well,
                Some(
                    "True SomeResourcesRemain: Some resources are remaining: deployments.apps has 1 resource instances, \
                     pods. has 2 resource instances",
                ),
            ),
            (
                4,
                all_well,
                Some("True SomeFinalizerRemain: Some finalizers are remaining: x.example/hold in 3 resource instances"),
            ),
        ] {
            let show = |doc: &Doc| {
                let text = |field: &str| doc[at][field].as_str().unwrap_or_default().to_owned();
                format!("{} {}: {}", text("status"), text("reason"), text("message"))
            };
            let now = Time::from_unix(0);
            assert_eq!(show(&merged(&Doc::Null, &of(&Outcome::default()), now)), well);
            assert_eq!(show(&merged(&Doc::Null, &of(&outcome), now)), ill.unwrap_or(well));
        }
    }

    #[test]
    fn transition_times_move_with_the_status() {
        let (first, later) = (Time::from_unix(0), Time::from_unix(60));
        let waiting = |count| Outcome { remaining: [(GroupResource::new("", "pods"), count)].into(), ..Outcome::default() };
        let foreign = json!([{"type": "Foreign", "status": "True"}]);
        let one = merged(&foreign, &of(&waiting(1)), first);
        let two = merged(&one, &of(&waiting(2)), later);
        assert_eq!((&two[0], &two[4]["lastTransitionTime"]), (&foreign[0], &one[4]["lastTransitionTime"]));
        assert!(two[4]["message"].as_str().is_some_and(|m| m.contains("has 2")), "{two}");
        let done = merged(&two, &of(&Outcome::default()), later);
        assert_eq!(done[4]["lastTransitionTime"], later.to_string());
    }
}
