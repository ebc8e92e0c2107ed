//! Whether a node is one that a pod asks for (k8s.io/component-helpers scheduling/corev1/nodeaffinity).

use crate::pod::{PodView, items};
use meta::Doc;
use std::collections::BTreeMap;

/// `nodeSelector` and the required node affinity both match.
pub fn matches(pod: &PodView, node_name: &str, labels: &BTreeMap<String, String>) -> bool {
    let selector = pod.spec()["nodeSelector"].as_object();
    let selected = selector.into_iter().flatten().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let required = &pod.spec()["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = items(&required["nodeSelectorTerms"]);
    selected && (required.is_null() || terms.iter().any(|term| term_matches(term, node_name, labels)))
}

/// All of a term's requirements; a term without any matches nothing.
fn term_matches(term: &Doc, node_name: &str, labels: &BTreeMap<String, String>) -> bool {
    let (expressions, fields) = (items(&term["matchExpressions"]), items(&term["matchFields"]));
    let field = |key: &str| (key == "metadata.name").then_some(node_name);
    let label = |key: &str| labels.get(key).map(String::as_str);
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|e| requirement(e, label(e["key"].as_str().unwrap_or(""))))
        && fields.iter().all(|e| requirement(e, field(e["key"].as_str().unwrap_or(""))))
}

fn requirement(requirement: &Doc, value: Option<&str>) -> bool {
    let values = items(&requirement["values"]);
    let listed = |value: &str| values.iter().any(|known| known == value);
    let compared = |than: fn(i64, i64) -> bool| {
        let bound = values.first().and_then(Doc::as_str).and_then(|text| text.parse().ok()); // no number: no match
        let value = value.and_then(|text| text.parse().ok()); // as above
        matches!((value, bound), (Some(value), Some(bound)) if than(value, bound))
    };
    match requirement["operator"].as_str() {
        Some("In") => value.is_some_and(listed),
        Some("NotIn") => !value.is_some_and(listed),
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        Some("Gt") => compared(|value, bound| value > bound),
        Some("Lt") => compared(|value, bound| value < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requirements() {
        let labels = BTreeMap::from([("zone".to_owned(), "a".to_owned()), ("cores".to_owned(), "4".to_owned())]);
        for (expression, expected) in [
            (json!({"key": "zone", "operator": "In", "values": ["a", "b"]}), true),
            (json!({"key": "zone", "operator": "NotIn", "values": ["a"]}), false),
            (json!({"key": "none", "operator": "NotIn", "values": ["a"]}), true),
            (json!({"key": "zone", "operator": "Exists"}), true),
            (json!({"key": "zone", "operator": "DoesNotExist"}), false),
            (json!({"key": "cores", "operator": "Gt", "values": ["3"]}), true),
            (json!({"key": "cores", "operator": "Lt", "values": ["3"]}), false),
        ] {
            let term = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
            let pod = PodView::new(
                json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}}}),
            );
            assert_eq!(matches(&pod, "n", &labels), expected, "{term}");
        }
        let selects = |zone: &str| PodView::new(json!({"spec": {"nodeSelector": {"zone": zone}}}));
        assert!(matches(&selects("a"), "n", &labels) && !matches(&selects("b"), "n", &labels));
    }
}
