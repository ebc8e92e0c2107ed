//! Nodes as the cluster's API shows them.

use super::name;
use meta::{Doc, Object};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Nodes by name.
pub type Nodes = BTreeMap<String, Doc>;

/// What the node of an instance is called, once that is known.
pub fn name_of(instance: &Doc) -> Option<&str> {
    instance["status"]["network"]["privateDnsName"].as_str().filter(|name| !name.is_empty())
}

/// The Node that an instance has become: by its private DNS name, and by its provider id, since names come back.
pub fn of<'a>(nodes: &'a Nodes, instance: &Doc) -> Option<&'a Doc> {
    let node = nodes.get(name_of(instance)?)?;
    let provider = node["spec"]["providerID"].as_str().unwrap_or_default();
    (provider.is_empty() || provider.rsplit('/').next() == Some(name(instance))).then_some(node)
}

/// The parts of a Node that a group looks at: a pass reads hundreds.
pub fn of_object(node: &Object) -> Doc {
    json!({
        "metadata": {"name": node.meta.name, "labels": node.get("/metadata/labels")},
        "spec": node.get("/spec"), "status": {"conditions": node.get("/status/conditions")},
    })
}

pub fn is_ready(node: &Doc) -> bool {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// The labels and taints of a group's nodes: `Some` merge patch when a node does not have them.
pub fn patch(node: &Doc, nodegroup: &Doc) -> Option<Doc> {
    let spec = &nodegroup["spec"];
    let mut labels = serde_json::Map::new();
    for (key, value) in spec["labels"].as_object().into_iter().flatten() {
        if node["metadata"]["labels"][key] != *value {
            labels.insert(key.clone(), value.clone());
        }
    }
    for key in spec["removed"]["labels"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if spec["labels"][key].is_null() && !node["metadata"]["labels"][key].is_null() {
            labels.insert(key.to_owned(), Value::Null);
        }
    }
    let present: Vec<Doc> = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let taints = wanted_taints(&present, spec);
    let mut patch = json!({});
    if !labels.is_empty() {
        patch["metadata"]["labels"] = Value::Object(labels);
    }
    if taints != present {
        patch["spec"]["taints"] = json!(taints);
    }
    patch.as_object().is_some_and(|members| !members.is_empty()).then_some(patch)
}

fn same(one: &Doc, other: &Doc) -> bool {
    one["key"] == other["key"] && one["effect"] == other["effect"]
}

fn wanted_taints(present: &[Doc], spec: &Doc) -> Vec<Doc> {
    let wanted: Vec<Doc> = spec["taints"].as_array().into_iter().flatten().map(kubernetes_taint).collect();
    let removed: Vec<Doc> = spec["removed"]["taints"].as_array().into_iter().flatten().map(kubernetes_taint).collect();
    let mut out: Vec<Doc> = Vec::new();
    for taint in present {
        match wanted.iter().find(|one| same(one, taint)) {
            Some(one) if one["value"] == taint["value"] => out.push(taint.clone()),
            Some(one) => out.push(one.clone()),
            None if removed.iter().any(|one| same(one, taint)) => {}
            None => out.push(taint.clone()),
        }
    }
    let missing: Vec<Doc> = wanted.into_iter().filter(|one| !present.iter().any(|taint| same(one, taint))).collect();
    out.extend(missing);
    out
}

/// `NO_SCHEDULE` is EKS's word for `NoSchedule`.
pub fn kubernetes_taint(taint: &Doc) -> Doc {
    let effect = match taint["effect"].as_str() {
        Some("NO_EXECUTE") => "NoExecute",
        Some("PREFER_NO_SCHEDULE") => "PreferNoSchedule",
        _ => "NoSchedule",
    };
    let mut out = json!({"key": taint["key"], "effect": effect});
    if let Some(value) = taint["value"].as_str().filter(|value| !value.is_empty()) {
        out["value"] = json!(value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_an_instance_by_name_and_provider_id() {
        let node = json!({"metadata": {"name": "ip-10-0-0-4"}, "spec": {"providerID": "aws:///us-east-1a/i-1"}});
        let instance = |id: &str, dns: &str| json!({"metadata": {"name": id}, "status": {"network": {"privateDnsName": dns}}});
        let nodes = Nodes::from([("ip-10-0-0-4".to_owned(), node)]);
        for (id, dns, found) in
            [("i-1", "ip-10-0-0-4", true), ("i-2", "ip-10-0-0-4", false), ("i-1", "", false), ("i-1", "x", false)]
        {
            assert_eq!(of(&nodes, &instance(id, dns)).is_some(), found, "{id} {dns}");
        }
    }

    #[test]
    fn labels_and_taints_follow_the_group() {
        let node = json!({
            "metadata": {"labels": {"tier": "old", "gone": "x", "other": "y"}},
            "spec": {"taints": [{"key": "mine", "effect": "NoSchedule"}, {"key": "theirs", "effect": "NoExecute"}]},
        });
        let group = json!({"spec": {
            "labels": {"tier": "front"}, "taints": [{"key": "new", "value": "v", "effect": "NO_EXECUTE"}],
            "removed": {"labels": ["gone"], "taints": [{"key": "mine", "effect": "NO_SCHEDULE"}]},
        }});
        let expected = json!({
            "metadata": {"labels": {"tier": "front", "gone": null}},
            "spec": {"taints": [{"key": "theirs", "effect": "NoExecute"}, {"key": "new", "value": "v", "effect": "NoExecute"}]},
        });
        assert_eq!(patch(&node, &group), Some(expected));
        assert_eq!(patch(&node, &json!({"spec": {"labels": {"tier": "old"}, "taints": []}})), None);
    }
}
