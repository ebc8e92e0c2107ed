//! From a node and what is known of its silence to what must be written.

use crate::nodes::{NO_EXECUTE, NO_SCHEDULE, Ready, condition, has_taint, is_taint, ready, taints};
use meta::{Doc, Time};
use serde_json::json;
use std::time::Duration;

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Which status of which condition keeps new pods away (`nodeConditionToTaintKeyStatusMap`).
const CONDITION_TAINTS: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];
/// What a kubelet that says nothing any more cannot know. The network's condition is not the kubelet's to post.
const POSTED_CONDITIONS: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
/// Labels that older clients read, and those that they follow (`labelReconcileInfo`).
const LABELS: [(&str, &str); 2] =
    [("kubernetes.io/os", "beta.kubernetes.io/os"), ("kubernetes.io/arch", "beta.kubernetes.io/arch")];
/// `--node-monitor-grace-period`, as EKS sets it.
const GRACE: Duration = Duration::from_secs(40);
/// `--node-startup-grace-period`.
const STARTUP_GRACE: Duration = Duration::from_secs(60);

/// How long a node may be silent.
pub(super) fn grace(node: &Doc) -> Duration {
    if ready(node) == Ready::Missing { STARTUP_GRACE } else { GRACE }
}

/// The conditions of a node whose kubelet says nothing any more. None: they say so already.
pub(super) fn unknown_conditions(node: &Doc, now: Time) -> Option<Doc> {
    if ready(node) == Ready::Unknown {
        return None;
    }
    let mut conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
    for kind in POSTED_CONDITIONS {
        let unknown = |heartbeat: &Doc, reason: &str, message: &str| {
            json!({ "type": kind, "status": "Unknown", "reason": reason, "message": message,
                "lastHeartbeatTime": heartbeat, "lastTransitionTime": now.to_string() })
        };
        match conditions.iter_mut().find(|condition| condition["type"] == kind) {
            Some(condition) if condition["status"] == "Unknown" => {}
            Some(condition) => {
                let heartbeat = condition["lastHeartbeatTime"].clone();
                *condition = unknown(&heartbeat, "NodeStatusUnknown", "Kubelet stopped posting node status.");
            }
            None => {
                let born = &node["metadata"]["creationTimestamp"];
                conditions.push(unknown(born, "NodeStatusNeverUpdated", "Kubelet never posted node status."));
            }
        }
    }
    Some(conditions.into())
}

/// The taint that drives pods from a node that is not ready, if it has to be added. One in place of the other is no new
/// eviction and needs no leave.
pub(super) fn wants_eviction(node: &Doc) -> bool {
    let driven = has_taint(node, NOT_READY, NO_EXECUTE) || has_taint(node, UNREACHABLE, NO_EXECUTE);
    matches!(ready(node), Ready::False | Ready::Unknown) && !driven
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eviction {
    /// Pods may be driven from the node, if it is not ready.
    Admitted,
    /// Only if they are being driven from it already.
    NotNow,
    /// Not from any node.
    Stopped,
}

/// A patch of the node's taints and labels. None: they are as they should be.
pub(super) fn metadata_and_spec(node: &Doc, eviction: Eviction, now: Time) -> Option<Doc> {
    let (taints, labels) = (wanted_taints(node, eviction, now), wanted_labels(node));
    if taints == crate::nodes::taints(node) && labels.is_empty() {
        return None;
    }
    let metadata =
        json!({ "resourceVersion": node["metadata"]["resourceVersion"], "uid": node["metadata"]["uid"], "labels": labels });
    Some(json!({ "metadata": metadata, "spec": { "taints": taints } }))
}

fn wanted_labels(node: &Doc) -> serde_json::Map<String, Doc> {
    let labels = &node["metadata"]["labels"];
    let followed = LABELS.iter().filter(|(first, second)| labels[*first].is_string() && labels[*first] != labels[*second]);
    followed.map(|(first, second)| ((*second).to_owned(), labels[*first].clone())).collect()
}

fn wanted_taints(node: &Doc, eviction: Eviction, now: Time) -> Vec<Doc> {
    let mut wanted: Vec<(&str, &str)> = keeping_away(node).into_iter().map(|key| (key, NO_SCHEDULE)).collect();
    wanted.extend(driving_away(node, eviction).map(|key| (key, NO_EXECUTE)));
    let known = |taint: &Doc, (key, effect): (&str, &str)| is_taint(taint, key, effect);
    let kept = taints(node).iter().filter(|taint| !is_ours(taint) || wanted.iter().any(|one| known(taint, *one)));
    let mut taints: Vec<Doc> = kept.cloned().collect();
    for (key, effect) in wanted {
        if !has_taint(node, key, effect) {
            taints.push(json!({ "key": key, "effect": effect, "timeAdded": now.to_string() }));
        }
    }
    taints
}

fn is_ours(taint: &Doc) -> bool {
    let of_condition = |effect| CONDITION_TAINTS.iter().any(|(_, _, key)| is_taint(taint, key, effect));
    of_condition(NO_SCHEDULE)
        || is_taint(taint, UNSCHEDULABLE, NO_SCHEDULE)
        || [NOT_READY, UNREACHABLE].iter().any(|key| is_taint(taint, key, NO_EXECUTE))
}

fn keeping_away(node: &Doc) -> Vec<&'static str> {
    let holds = |kind: &str, status: &str| condition(node, kind).is_some_and(|condition| condition["status"] == status);
    let by_condition = CONDITION_TAINTS.iter().filter(|(kind, status, _)| holds(kind, status)).map(|(_, _, key)| *key);
    // Before its first status a node has the taint that it was admitted with.
    let unborn = (ready(node) == Ready::Missing && has_taint(node, NOT_READY, NO_SCHEDULE)).then_some(NOT_READY);
    by_condition.chain(unborn).chain((node["spec"]["unschedulable"] == true).then_some(UNSCHEDULABLE)).collect()
}

fn driving_away(node: &Doc, eviction: Eviction) -> Option<&'static str> {
    let key = match ready(node) {
        Ready::False => NOT_READY,
        Ready::Unknown => UNREACHABLE,
        Ready::True | Ready::Missing => return None,
    };
    match eviction {
        Eviction::Admitted => Some(key),
        Eviction::NotNow => (!wants_eviction(node)).then_some(key),
        Eviction::Stopped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        Time::parse("2026-11-20T12:00:00Z").expect("a time")
    }

    /// `Ready=True,DiskPressure=True` and `key:effect key:effect`, keys without their prefix.
    fn node(conditions: &str, taints: &str) -> Doc {
        let conditions = conditions.split_terminator(',').map(|text| {
            let (kind, status) = text.split_once('=').expect("a condition");
            json!({ "type": kind, "status": status, "lastHeartbeatTime": "2026-11-20T11:00:00Z" })
        });
        let taints = taints.split_terminator(' ').map(|text| {
            let (key, effect) = text.split_once(':').expect("a taint");
            let key = if key.contains('/') { key.to_owned() } else { format!("node.kubernetes.io/{key}") };
            json!({ "key": key, "effect": effect })
        });
        json!({"metadata": {"name": "a", "resourceVersion": "7"}, "status": {"conditions": conditions.collect::<Vec<_>>()},
            "spec": {"taints": taints.collect::<Vec<_>>()}})
    }

    fn shown(taints: &[Doc]) -> String {
        let text = |taint: &Doc| {
            let key = taint["key"].as_str().unwrap_or_default().trim_start_matches("node.kubernetes.io/");
            format!("{key}:{}", taint["effect"].as_str().unwrap_or_default())
        };
        taints.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn taints_follow_conditions() {
        use Eviction::{Admitted, NotNow, Stopped};
        for (conditions, has, eviction, expected) in [
            ("Ready=True", "", Admitted, ""),
            ("Ready=True", "not-ready:NoSchedule", Admitted, ""),
            ("Ready=True", "unreachable:NoSchedule unreachable:NoExecute", Admitted, ""),
            ("Ready=True", "mine/x:NoExecute not-ready:NoExecute", Admitted, "mine/x:NoExecute"),
            ("", "not-ready:NoSchedule", Admitted, "not-ready:NoSchedule"),
            ("Ready=False", "", NotNow, "not-ready:NoSchedule"),
            ("Ready=False", "", Admitted, "not-ready:NoSchedule not-ready:NoExecute"),
            ("Ready=Unknown", "", Admitted, "unreachable:NoSchedule unreachable:NoExecute"),
            ("Ready=Unknown", "not-ready:NoExecute", NotNow, "unreachable:NoSchedule unreachable:NoExecute"),
            ("Ready=Unknown", "unreachable:NoExecute", NotNow, "unreachable:NoExecute unreachable:NoSchedule"),
            ("Ready=Unknown", "unreachable:NoExecute", Stopped, "unreachable:NoSchedule"),
            ("Ready=True,DiskPressure=True", "", Admitted, "disk-pressure:NoSchedule"),
            ("Ready=True,DiskPressure=False", "disk-pressure:NoSchedule", Admitted, ""),
            (
                "Ready=True,PIDPressure=True,MemoryPressure=True",
                "",
                Admitted,
                "memory-pressure:NoSchedule pid-pressure:NoSchedule",
            ),
            ("Ready=True", "out-of-service:NoExecute", Admitted, "out-of-service:NoExecute"),
            ("Ready=True", "unschedulable:NoSchedule", Admitted, ""),
        ] {
            let taints = wanted_taints(&node(conditions, has), eviction, now());
            assert_eq!(shown(&taints), expected, "{conditions} with {has:?}");
        }
        let mut cordoned = node("Ready=True", "");
        cordoned["spec"]["unschedulable"] = true.into();
        assert_eq!(shown(&wanted_taints(&cordoned, Admitted, now())), "unschedulable:NoSchedule");
    }

    #[test]
    fn a_patch_holds_for_the_version_that_was_read() {
        let patch = metadata_and_spec(&node("Ready=False", ""), Eviction::NotNow, now()).expect("a taint is missing");
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        let expected = json!([{"key": NOT_READY, "effect": NO_SCHEDULE, "timeAdded": "2026-11-20T12:00:00Z"}]);
        assert_eq!(patch["spec"]["taints"], expected);
        assert_eq!(metadata_and_spec(&node("Ready=True", ""), Eviction::Admitted, now()), None);
    }

    #[test]
    fn silence_is_said_in_every_condition_that_the_kubelet_posts() {
        let said =
            unknown_conditions(&node("Ready=True,MemoryPressure=False,NetworkUnavailable=False", ""), now()).expect("silence");
        let lines: Vec<String> =
            said.as_array().into_iter().flatten().map(|c| format!("{} {} {}", c["type"], c["status"], c["reason"])).collect();
        let expected = [
            r#""Ready" "Unknown" "NodeStatusUnknown""#,
            r#""MemoryPressure" "Unknown" "NodeStatusUnknown""#,
            r#""NetworkUnavailable" "False" null"#,
            r#""DiskPressure" "Unknown" "NodeStatusNeverUpdated""#,
            r#""PIDPressure" "Unknown" "NodeStatusNeverUpdated""#,
        ];
        assert_eq!(lines, expected);
        assert_eq!(said[0]["message"], "Kubelet stopped posting node status.");
        assert_eq!(said[0]["lastHeartbeatTime"], "2026-11-20T11:00:00Z");
        assert_eq!(unknown_conditions(&node("Ready=Unknown", ""), now()), None);
        assert!(unknown_conditions(&node("Ready=False", ""), now()).is_some());
    }

    #[test]
    fn old_labels_follow_the_new_ones() {
        for (labels, expected) in [
            (json!({"kubernetes.io/os": "linux"}), json!({"beta.kubernetes.io/os": "linux"})),
            (
                json!({"kubernetes.io/arch": "arm64", "beta.kubernetes.io/arch": "amd64"}),
                json!({"beta.kubernetes.io/arch": "arm64"}),
            ),
            (json!({"beta.kubernetes.io/os": "linux"}), json!({})),
            (json!({"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux"}), json!({})),
        ] {
            let mut node = node("Ready=True", "");
            node["metadata"]["labels"] = labels.clone();
            assert_eq!(Doc::Object(wanted_labels(&node)), expected, "{labels}");
        }
    }
}
