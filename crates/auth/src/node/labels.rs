//! Labels a kubelet may set on its own node (k8s.io/kubelet `pkg/apis/well_known_labels.go`).

use meta::Doc;
use std::collections::BTreeSet;

const ALLOWED: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
const ALLOWED_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const RESTRICTED_NAMESPACE: &str = "node-restriction.kubernetes.io";

/// Labels that differ between the two and are not the kubelet's to change, sorted.
pub(super) fn forbidden_changes(new: &Doc, old: &Doc) -> BTreeSet<String> {
    let keys = [new, old].into_iter().flat_map(|doc| doc.as_object().into_iter().flat_map(|map| map.keys()));
    keys.filter(|key| new.get(*key) != old.get(*key) && is_forbidden(key)).cloned().collect()
}

fn is_forbidden(key: &str) -> bool {
    let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
    let within = |parent: &str| namespace == parent || namespace.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
    let kubelets = ALLOWED.contains(&key) || ALLOWED_NAMESPACES.into_iter().any(within);
    within(RESTRICTED_NAMESPACE) || ((within("kubernetes.io") || within("k8s.io")) && !kubelets)
}
