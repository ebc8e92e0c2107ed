//! Quality of service classes (kubernetes `pkg/apis/core/helper/qos`).

use crate::doc::list_at;
use crate::rules::resources::amount;
use meta::Doc;
use meta::quantity::Quantity;

const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn qos_class(pod: &Doc) -> &'static str {
    let spec = &pod["spec"];
    let own = [spec.get("resources").unwrap_or(&Doc::Null)];
    let counts = |r: &Doc| COUNTED.iter().any(|n| !amount(&r["limits"], n).is_zero() || !amount(&r["requests"], n).is_zero());
    if counts(own[0]) {
        return class_of(&own);
    }
    let containers = list_at(spec, "/containers").iter().chain(list_at(spec, "/initContainers"));
    class_of(&containers.map(|c| c.get("resources").unwrap_or(&Doc::Null)).collect::<Vec<_>>())
}

fn class_of(resources: &[&Doc]) -> &'static str {
    let total = |member: &str, name: &str| resources.iter().fold(Quantity::ZERO, |sum, r| sum.plus(amount(&r[member], name)));
    if COUNTED.iter().all(|n| total("requests", n).is_zero() && total("limits", n).is_zero()) {
        return "BestEffort";
    }
    let limited = resources.iter().all(|r| COUNTED.iter().all(|n| !amount(&r["limits"], n).is_zero()));
    let equal = COUNTED.iter().all(|n| total("requests", n) == total("limits", n));
    if limited && equal { "Guaranteed" } else { "Burstable" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn classes_follow_requests_and_limits() {
        let both = json!({"cpu": "1", "memory": "1Gi"});
        for (resources, expected) in [
            (vec![json!({})], "BestEffort"),
            (vec![json!({"requests": {"cpu": "0"}})], "BestEffort"),
            (vec![json!({"requests": {"example.com/gpu": "1"}})], "BestEffort"),
            (vec![json!({"requests": {"cpu": "1"}})], "Burstable"),
            (vec![json!({"limits": both, "requests": both})], "Guaranteed"),
            (vec![json!({"limits": both, "requests": {"cpu": "1000m", "memory": "1024Mi"}})], "Guaranteed"),
            (vec![json!({"limits": both, "requests": both}), json!({})], "Burstable"),
            (vec![json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}})], "Burstable"),
        ] {
            let containers: Vec<Doc> = resources.iter().map(|r| json!({"resources": r})).collect();
            assert_eq!(qos_class(&json!({"spec": {"containers": containers}})), expected, "{resources:?}");
        }
        let level = json!({"spec": {"resources": {"limits": both, "requests": both}, "containers": [{}]}});
        assert_eq!(qos_class(&level), "Guaranteed");
    }
}
