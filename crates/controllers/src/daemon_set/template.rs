//! A daemon's pods: its template, bound to one node and standing that node's troubles
//! (kubernetes `pkg/controller/daemon/util/daemonset_util.go`).

use super::set::Set;
use crate::controller_revisions::HASH_LABEL;
use crate::workloads::Pod;
use meta::Doc;
use serde_json::json;

/// Taints that no daemon runs away from, and with which effect.
const STOOD: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// Only those that need no pod network.
const STOOD_ON_HOST_NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// The template's own tolerations and those that every daemon has.
pub(super) fn tolerations(spec: &Doc) -> Vec<Doc> {
    let mut all = spec["tolerations"].as_array().cloned().unwrap_or_default();
    let on_host_network = (spec["hostNetwork"] == true).then_some(STOOD_ON_HOST_NETWORK);
    for (key, effect) in STOOD.into_iter().chain(on_host_network) {
        let toleration = json!({ "key": key, "operator": "Exists", "effect": effect });
        let same = |known: &Doc| ["key", "operator", "effect", "value"].iter().all(|field| known[*field] == toleration[*field]);
        if !all.iter().any(same) {
            all.push(toleration);
        }
    }
    all
}

/// The template of the pod for one node.
pub(super) fn for_node(set: &Set, hash: &str, node: &str) -> Doc {
    let mut template = set.template().clone();
    template["metadata"]["labels"][HASH_LABEL] = hash.into();
    let spec = &mut template["spec"];
    spec["tolerations"] = tolerations(spec).into();
    // The node has passed the template's own terms, so the new ones take nothing away.
    let here = json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }] });
    spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] = json!([here]);
    template
}

/// The node that a pod is on, or is meant for.
pub(super) fn target_node(pod: &Pod) -> Option<String> {
    if !pod.node.is_empty() {
        return Some(pod.node.to_string());
    }
    let required = pod.object.get("/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    let terms = required["nodeSelectorTerms"].as_array()?;
    let mut fields = terms.iter().filter_map(|term| term["matchFields"].as_array()).flatten();
    let named = fields.find(|field| field["key"] == "metadata.name" && field["operator"] == "In")?;
    match named["values"].as_array()?.as_slice() {
        [name] => name.as_str().map(str::to_owned),
        _ => None,
    }
}
