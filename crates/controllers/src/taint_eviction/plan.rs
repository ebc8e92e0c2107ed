//! Whether a pod may stay on a node with taints, and for how long (`processPodOnNode` of kubernetes
//! `pkg/controller/tainteviction/taint_eviction.go`).

use meta::Doc;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Forever,
    /// Counted from when the pod first had to go.
    For(Duration),
    /// Not at all.
    Over,
}

/// `taints` are those with effect NoExecute.
pub(super) fn stay(pod: &Doc, taints: &[Doc]) -> Stay {
    let tolerations = pod["spec"]["tolerations"].as_array().map_or(&[][..], Vec::as_slice);
    let mut shortest: Option<i64> = None;
    for taint in taints {
        let Some(toleration) = tolerations.iter().find(|toleration| tolerates(toleration, taint)) else { return Stay::Over };
        let seconds = toleration["tolerationSeconds"].as_i64();
        shortest = [shortest, seconds].into_iter().flatten().min();
    }
    match shortest {
        None => Stay::Forever,
        Some(seconds) => u64::try_from(seconds).ok().filter(|s| *s > 0).map_or(Stay::Over, |s| Stay::For(Duration::from_secs(s))),
    }
}

/// `ToleratesTaint` of k8s.io/api `core/v1/toleration.go`.
fn tolerates(toleration: &Doc, taint: &Doc) -> bool {
    let text = |doc: &Doc, field: &str| doc[field].as_str().unwrap_or_default().to_owned();
    let (effect, key) = (text(toleration, "effect"), text(toleration, "key"));
    let named = (effect.is_empty() || effect == text(taint, "effect")) && (key.is_empty() || key == text(taint, "key"));
    match text(toleration, "operator").as_str() {
        "Exists" => named,
        "" | "Equal" => named && text(toleration, "value") == text(taint, "value"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tolerations_decide() {
        let taint = |key: &str| json!({"key": key, "value": "v", "effect": "NoExecute"});
        let seconds = |key: &str, seconds: i64| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds});
        let lasting = |seconds| Stay::For(Duration::from_secs(seconds));
        for (tolerations, taints, expected) in [
            (json!([]), vec![], Stay::Forever),
            (json!([]), vec![taint("a")], Stay::Over),
            (json!([{"operator": "Exists"}]), vec![taint("a"), taint("b")], Stay::Forever),
            (json!([{"key": "a", "operator": "Exists"}]), vec![taint("a"), taint("b")], Stay::Over),
            (json!([{"key": "a", "value": "v"}]), vec![taint("a")], Stay::Forever),
            (json!([{"key": "a", "value": "w"}]), vec![taint("a")], Stay::Over),
            (json!([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]), vec![taint("a")], Stay::Over),
            (json!([seconds("a", 300)]), vec![taint("a")], lasting(300)),
            (json!([seconds("a", 300), seconds("b", 60)]), vec![taint("a"), taint("b")], lasting(60)),
            (json!([seconds("a", 300), {"key": "b", "operator": "Exists"}]), vec![taint("a"), taint("b")], lasting(300)),
            (json!([seconds("a", 0)]), vec![taint("a")], Stay::Over),
            (json!([seconds("a", -1)]), vec![taint("a")], Stay::Over),
        ] {
            assert_eq!(stay(&json!({"spec": {"tolerations": tolerations}}), &taints), expected, "{tolerations}");
        }
    }
}
