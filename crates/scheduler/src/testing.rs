//! Pods and nodes for tables of tests.

use crate::cluster::Cluster;
use crate::model::{Node, Pod};
use meta::{Doc, Object};
use serde_json::json;
use std::sync::Arc;

pub fn pod(mut doc: Doc) -> Arc<Pod> {
    if doc["metadata"]["uid"].is_null() {
        doc["metadata"]["uid"] = doc["metadata"]["name"].clone();
    }
    if doc["metadata"]["namespace"].is_null() {
        doc["metadata"]["namespace"] = json!("default");
    }
    Arc::new(Pod::parse(&Object::from_doc(&doc, 1).expect("a valid object").shared()).expect("a pod"))
}

/// `doc`: what matters of the node; a name, and room for four processors and 110 pods otherwise.
pub fn add_node(cluster: &mut Cluster, name: &str, mut doc: Doc) {
    doc["metadata"]["name"] = json!(name);
    if doc["status"].is_null() {
        doc["status"] = json!({"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}});
    }
    let node = Node::parse(&Object::from_doc(&doc, 1).expect("a valid object").shared()).expect("a node");
    cluster.set_node(name, Some(Arc::new(node)));
}
