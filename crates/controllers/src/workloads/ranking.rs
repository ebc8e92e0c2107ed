//! Which pods go first when there are too many (`ActivePodsWithRanks` of kubernetes `pkg/controller/controller_utils.go`).

use super::pod::{Phase, Pod};
use meta::Time;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// Sorts the pods that are better deleted to the front: unassigned before assigned, pending before running, not ready
/// before ready, cheaper before dearer, on nodes with more of `related` before on nodes with fewer, ready for less time
/// before ready for longer, with more restarts before with fewer, younger before older. Ages count by their order of
/// magnitude, so that among pods about as old the choice is arbitrary. As a total order, which upstream's is not quite:
/// pods of one order of magnitude go on to the next criterion, and by UID in the end.
pub(crate) fn deletion_order(pods: &mut [Arc<Pod>], related: &[Arc<Pod>], now: Time) {
    let mut on_node: HashMap<&str, usize> = HashMap::new();
    for pod in related.iter().filter(|pod| pod.is_active()) {
        *on_node.entry(&pod.node).or_default() += 1;
    }
    pods.sort_by_cached_key(|pod| (key(pod, &on_node, now), pod.uid().to_owned()));
}

/// An unknown time counts as the latest.
type Key = (bool, Phase, bool, i32, Reverse<usize>, Option<i64>, Reverse<(u32, u32)>, Option<i64>);

fn key(pod: &Pod, on_node: &HashMap<&str, usize>, now: Time) -> Key {
    let neighbours = on_node.get(&*pod.node).copied().unwrap_or(0);
    let ready = pod.ready_since.filter(|_| pod.ready).map(|since| magnitude(since, now));
    let age = pod.created.map(|created| magnitude(created, now));
    (!pod.node.is_empty(), pod.phase, pod.ready, pod.deletion_cost, Reverse(neighbours), ready, Reverse(pod.restarts), age)
}

/// How long ago, as a power of two; -1 for the future.
fn magnitude(since: Time, now: Time) -> i64 {
    let nanoseconds = now.0.as_nanosecond() - since.0.as_nanosecond();
    u128::try_from(nanoseconds).ok().and_then(u128::checked_ilog2).map_or(-1, i64::from)
}

#[cfg(test)]
mod tests {
    use super::super::pod::tests::pod;
    use super::*;
    use serde_json::{Value, json};

    /// A running pod that is ready since an hour, but for what `change` says.
    fn like(name: &str, change: Value) -> Arc<Pod> {
        let ready = json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T01:00:00Z"}]);
        let mut doc = json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"nodeName": "n"},
            "status": {"phase": "Running", "conditions": ready},
        });
        for (pointer, value) in change.as_object().into_iter().flatten() {
            let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
            doc.pointer_mut(parent).expect("a place")[field] = value.clone();
        }
        pod(doc)
    }

    #[test]
    fn worse_pods_go_first() {
        let now = Time::parse("2026-01-01T02:00:00Z").expect("a time");
        let since = |at: &str| json!([{"type": "Ready", "status": "True", "lastTransitionTime": at}]);
        let cost = json!({"controller.kubernetes.io/pod-deletion-cost": "-1"});
        for (worse, better) in [
            (json!({"/spec/nodeName": ""}), json!({"/status/phase": "Pending"})),
            (json!({"/status/phase": "Pending"}), json!({})),
            (json!({"/status/phase": "Pending"}), json!({"/status/phase": "Unknown"})),
            (json!({"/status/conditions": []}), json!({"/metadata/annotations": cost.clone()})),
            (json!({"/metadata/annotations": cost}), json!({})),
            (json!({}), json!({"/spec/nodeName": "lonely"})),
            (json!({"/status/conditions": since("2026-01-01T01:59:50Z")}), json!({})),
            (json!({"/status/containerStatuses": [{"name": "c", "restartCount": 1}]}), json!({})),
            (json!({"/metadata/creationTimestamp": "2026-01-01T01:30:00Z"}), json!({})),
            (json!({"/metadata/creationTimestamp": null}), json!({})),
        ] {
            let (worse, better) = (like("z", worse), like("a", better));
            // Two more on the node of most.
            let related = [like("x", json!({})), like("y", json!({}))];
            let mut pods = [better.clone(), worse.clone()];
            deletion_order(&mut pods, &related, now);
            assert_eq!(pods[0].name(), "z", "{worse:?}");
        }
    }

    #[test]
    fn among_pods_of_about_the_same_age_the_uid_decides() {
        let now = Time::parse("2026-01-01T02:00:00Z").expect("a time");
        let mut pods = [like("b", json!({"/metadata/creationTimestamp": "2026-01-01T00:00:10Z"})), like("a", json!({}))];
        deletion_order(&mut pods, &[], now);
        assert_eq!(pods[0].name(), "a");
    }
}
