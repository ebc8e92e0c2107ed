//! What a pod may be told of itself: fieldRef and resourceFieldRef
//! (kubernetes pkg/fieldpath, pkg/api/v1/resource ExtractContainerResourceValue).

use crate::config::Config;
use crate::parts::EnvFacts;
use crate::pod::{ContainerView, PodView, quantity};
use meta::Doc;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The value of a field path; the error is upstream's.
pub fn field(pod: &PodView, facts: &EnvFacts, path: &str) -> Result<String, String> {
    if let Some((list, key)) = subscript(path) {
        return match list {
            "metadata.annotations" => Ok(pod.annotations().remove(key).unwrap_or_default()),
            "metadata.labels" => Ok(pod.labels().remove(key).unwrap_or_default()),
            _ => Err(format!("fieldPath {path:?} does not support subscript")),
        };
    }
    let join = |ips: &[IpAddr]| ips.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(",");
    let first = |ips: &[IpAddr]| ips.first().map(IpAddr::to_string).unwrap_or_default();
    Ok(match path {
        "metadata.name" => pod.name().to_owned(),
        "metadata.namespace" => pod.namespace().to_owned(),
        "metadata.uid" => pod.uid().to_owned(),
        "metadata.annotations" => lines(&pod.annotations()),
        "metadata.labels" => lines(&pod.labels()),
        "spec.nodeName" => pod.node_name().to_owned(),
        "spec.serviceAccountName" => pod.service_account().to_owned(),
        "status.hostIP" => first(&facts.host_ips),
        "status.hostIPs" => join(&facts.host_ips),
        "status.podIP" => first(&facts.pod_ips),
        "status.podIPs" => join(&facts.pod_ips),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

/// `metadata.labels['a']` as its list and its key.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (list, rest) = path.split_once("['")?;
    Some((list, rest.strip_suffix("']")?))
}

/// `key="value"`, one a line, in order, with Go's quotes.
fn lines(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(key, value)| format!("{key}={}", serde_json::Value::from(value.as_str()))).collect::<Vec<_>>().join("\n")
}

/// `limits.cpu` and the like, in units of the divisor, rounded up. A limit that is not set is what the node has.
pub fn resource(config: &Config, container: ContainerView<'_>, selector: &Doc) -> Result<String, String> {
    let name = selector["resource"].as_str().unwrap_or_default();
    let (list, kind) = name.split_once('.').unwrap_or((name, ""));
    if !matches!(list, "limits" | "requests") || !matches!(kind, "cpu" | "memory" | "ephemeral-storage") {
        return Err(format!("unsupported container resource : {name}"));
    }
    let divisor = quantity(&selector["divisor"]).filter(|divisor| !divisor.is_zero());
    let said = |list: &str| quantity(&container.resources()[list][kind]);
    let free = config.capacity.allocatable();
    let of_node = match kind {
        "cpu" => i64::try_from(free.cpu_milli).unwrap_or(i64::MAX),
        "memory" => i64::try_from(free.memory_bytes).unwrap_or(i64::MAX),
        _ => i64::try_from(free.ephemeral_bytes).unwrap_or(i64::MAX),
    };
    if kind == "cpu" {
        let milli = match list {
            "limits" => said("limits").map_or(of_node, |value| value.milli_value()),
            _ => said("requests").or_else(|| said("limits")).map_or(0, |value| value.milli_value()),
        };
        let divisor = divisor.map_or(1000, |divisor| divisor.milli_value()).max(1);
        return Ok(divided(milli, divisor).to_string());
    }
    let value = match list {
        "limits" => said("limits").map_or(of_node, |value| value.value()),
        _ => said("requests").or_else(|| said("limits")).map_or(0, |value| value.value()),
    };
    Ok(divided(value, divisor.map_or(1, |divisor| divisor.value()).max(1)).to_string())
}

fn divided(value: i64, divisor: i64) -> i64 {
    value / divisor + i64::from(value % divisor != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::ContainerKind;
    use serde_json::json;

    #[test]
    fn fields_have_values() {
        let pod = PodView::new(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"b": "2", "a": "say \"x\""}, "annotations": {"k.io/x": "v"}},
            "spec": {"nodeName": "node", "serviceAccountName": "sa"},
        }));
        let facts = EnvFacts { pod_ips: vec![[10, 0, 0, 1].into()], host_ips: vec![[10, 0, 0, 2].into()] };
        for (path, expected) in [
            ("metadata.name", Ok("p")),
            ("metadata.labels", Ok("a=\"say \\\"x\\\"\"\nb=\"2\"")),
            ("metadata.labels['b']", Ok("2")),
            ("metadata.annotations['k.io/x']", Ok("v")),
            ("metadata.annotations['none']", Ok("")),
            ("spec.nodeName", Ok("node")),
            ("status.podIP", Ok("10.0.0.1")),
            ("status.hostIPs", Ok("10.0.0.2")),
            ("spec.nope", Err("unsupported fieldPath: spec.nope")),
        ] {
            assert_eq!(field(&pod, &facts, path), expected.map(str::to_owned).map_err(str::to_owned), "{path}");
        }
    }

    #[test]
    fn resources_are_rounded_up() {
        let container =
            json!({"name": "c", "resources": {"limits": {"memory": "32Mi", "cpu": "1500m"}, "requests": {"cpu": "250m"}}});
        let view = ContainerView::new(ContainerKind::App, &container);
        let config = crate::Config::new("node", "/nowhere");
        for (selector, expected) in [
            (json!({"resource": "limits.memory"}), "33554432"),
            (json!({"resource": "limits.memory", "divisor": "1Mi"}), "32"),
            (json!({"resource": "limits.cpu"}), "2"),
            (json!({"resource": "requests.cpu", "divisor": "1m"}), "250"),
            (json!({"resource": "requests.memory"}), "33554432"),
        ] {
            assert_eq!(resource(&config, view, &selector).as_deref(), Ok(expected), "{selector}");
        }
        assert!(resource(&config, view, &json!({"resource": "limits.gpu"})).is_err());
    }
}
