//! Small clusters for tables of tests.

use crate::cluster::Cluster;
use crate::framework::{Plugin, PreFilter};
use crate::model::{Node, Pod};
use meta::{Doc, Object};
use serde_json::json;
use std::sync::Arc;

/// Of namespace `default` and with its name as uid, if it says nothing else.
pub fn pod(mut doc: Doc) -> Arc<Pod> {
    if doc["metadata"]["uid"].is_null() {
        doc["metadata"]["uid"] = doc["metadata"]["name"].clone();
    }
    if doc["metadata"]["namespace"].is_null() {
        doc["metadata"]["namespace"] = json!("default");
    }
    Arc::new(Pod::parse(&Object::from_doc(&doc, 1).expect("a valid object").shared()).expect("a pod"))
}

/// A pod `incoming` with labels and a spec.
pub fn incoming(labels: Doc, spec: Doc) -> Arc<Pod> {
    pod(json!({"metadata": {"name": "incoming", "labels": labels}, "spec": spec}))
}

/// A container that asks for this much.
pub fn asking(cpu: &str, memory: &str) -> Doc {
    json!([{"resources": {"requests": {"cpu": cpu, "memory": memory}}}])
}

/// With room for four processors, 8 GiB and 110 pods, if `doc` says nothing else.
pub fn add_node(cluster: &mut Cluster, name: &str, mut doc: Doc) {
    doc["metadata"]["name"] = json!(name);
    if doc["status"]["allocatable"].is_null() {
        doc["status"]["allocatable"] = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    }
    let node = Node::parse(&Object::from_doc(&doc, 1).expect("a valid object").shared()).expect("a node");
    cluster.set_node(name, Some(Arc::new(node)));
}

/// Nodes by name, each in its zone and with its own name as hostname: `a:z1 b:z1 c:`; no zone after the colon: none.
pub fn zoned(nodes: &str) -> Cluster {
    let mut cluster = Cluster::default();
    for node in nodes.split_whitespace() {
        let (name, zone) = node.split_once(':').expect("a zone");
        let mut labels = json!({"kubernetes.io/hostname": name});
        if !zone.is_empty() {
            labels["topology.kubernetes.io/zone"] = json!(zone);
        }
        add_node(&mut cluster, name, json!({"metadata": {"labels": labels}}));
    }
    cluster
}

/// Pods on nodes, each with a label: `a=app:web a=app:web b=app:db`.
pub fn populate(cluster: &mut Cluster, pods: &str) {
    for (n, text) in pods.split_whitespace().enumerate() {
        let (node, label) = text.split_once('=').expect("a node");
        let (key, value) = label.split_once(':').expect("a label");
        place(cluster, node, json!({"metadata": {"name": format!("p{n}"), "labels": {key: value}}}));
    }
}

pub fn place(cluster: &mut Cluster, node: &str, doc: Doc) {
    cluster.place(pod(doc), node, false);
}

/// What the plugin says of every node, by name: `a=ok b=too small`.
pub fn verdicts(plugin: &dyn Plugin, cluster: &mut Cluster, pod: &Pod) -> String {
    plugin.prepare(cluster, pod);
    cluster.begin_cycle();
    let (filter, only) = match plugin.pre_filter(cluster, pod) {
        PreFilter::Skip => return "skip".into(),
        PreFilter::Refuse(refusal) => return refusal.message(),
        PreFilter::Filter(filter) => (filter, None),
        PreFilter::Only(nodes, filter) => (filter, Some(nodes)),
    };
    let nodes = cluster.nodes().iter().filter(|node| only.as_ref().is_none_or(|only| only.contains(node)));
    let verdict = |host: &crate::cluster::Host| match filter.filter(host) {
        Ok(()) => format!("{}=ok", host.name),
        Err(refusal) => format!("{}={}", host.name, refusal.message()),
    };
    let mut lines: Vec<String> = nodes.map(|node| verdict(cluster.host(*node))).collect();
    lines.sort();
    lines.join(" ")
}

/// What the plugin scores every node, by name: `a=100 b=0`.
pub fn scores(plugin: &dyn Plugin, cluster: &mut Cluster, pod: &Pod) -> String {
    plugin.prepare(cluster, pod);
    cluster.begin_cycle();
    let nodes = cluster.nodes();
    let Some(score) = plugin.pre_score(cluster, pod, nodes) else { return "skip".into() };
    let mut scores: Vec<i64> = nodes.iter().map(|node| score.score(cluster.host(*node))).collect();
    score.normalize(nodes, &mut scores);
    let mut lines: Vec<String> =
        nodes.iter().zip(scores).map(|(node, score)| format!("{}={score}", cluster.host(*node).name)).collect();
    lines.sort();
    lines.join(" ")
}
