//! What controllers read of nodes, and which pods are on one.

use crate::context::{Cx, NODES};
use crate::workloads::Kind;
use meta::{Doc, Object};
use reconcile::Informer;
use std::sync::Arc;

pub(crate) const NODE: Kind = Kind { resource: NODES, api_version: "v1", kind: "Node" };
pub(crate) const POD: Kind = Kind { resource: crate::workloads::PODS, api_version: "v1", kind: "Pod" };
pub(crate) const NO_SCHEDULE: &str = "NoSchedule";
pub(crate) const NO_EXECUTE: &str = "NoExecute";
const BY_NODE: &str = "node";

/// Condition `Ready` of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    True,
    /// Its kubelet says so.
    False,
    /// Its kubelet says nothing.
    Unknown,
    /// Its kubelet has never said anything.
    Missing,
}

pub(crate) fn ready(node: &Doc) -> Ready {
    match condition(node, "Ready").map(|condition| condition["status"].as_str().unwrap_or_default()) {
        Some("True") => Ready::True,
        Some("False") => Ready::False,
        Some(_) => Ready::Unknown,
        None => Ready::Missing,
    }
}

pub(crate) fn condition<'a>(object: &'a Doc, kind: &str) -> Option<&'a Doc> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

pub(crate) fn taints(node: &Doc) -> &[Doc] {
    node["spec"]["taints"].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn has_taint(node: &Doc, key: &str, effect: &str) -> bool {
    taints(node).iter().any(|taint| is_taint(taint, key, effect))
}

pub(crate) fn is_taint(taint: &Doc, key: &str, effect: &str) -> bool {
    taint["key"] == key && taint["effect"] == effect
}

/// The node that a pod is bound to.
pub(crate) fn node_of(pod: &Object) -> Option<String> {
    let node = pod.text("spec.nodeName");
    (!node.is_empty()).then(|| node.into_owned())
}

/// All pods, to be found by their node.
pub(crate) fn pods_by_node(cx: &Cx) -> Arc<Informer> {
    let pods = cx.pods.informer.clone();
    pods.add_index(BY_NODE, |pod| node_of(pod).into_iter().collect());
    pods
}

pub(crate) fn pods_on(pods: &Informer, node: &str) -> Vec<Arc<Object>> {
    pods.indexed(BY_NODE, node)
}
