//! Nodes as far as placement looks at them, read once per change.

use meta::{Doc, Labels, Object};
use parking_lot::RwLock;
use reconcile::{Informer, ObjectChange};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub name: String,
    pub labels: Labels,
    pub taints: Vec<Doc>,
}

impl Node {
    pub fn of(object: &Object) -> Self {
        let taints = object.get("/spec/taints").as_array().cloned().unwrap_or_default();
        Self { name: object.meta.name.clone(), labels: object.meta.labels.clone(), taints }
    }
}

pub(super) struct Nodes(Arc<RwLock<BTreeMap<String, Arc<Node>>>>);

impl Nodes {
    /// To be called before a controller watches the informer: handlers run in the order of their registration.
    pub fn follow(informer: &Informer) -> Self {
        let nodes: Arc<RwLock<BTreeMap<String, Arc<Node>>>> = Arc::default();
        let kept = nodes.clone();
        informer.on_change(move |change| {
            let name = change.object().meta.name.clone();
            match &change.new {
                Some(node) => drop(kept.write().insert(name, Arc::new(Node::of(node)))),
                None => drop(kept.write().remove(&name)),
            }
        });
        Self(nodes)
    }

    pub fn all(&self) -> Vec<Arc<Node>> {
        self.0.read().values().cloned().collect()
    }
}

/// Whether placement may come out differently after this change.
pub(super) fn matters(change: &ObjectChange) -> bool {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => Node::of(old) != Node::of(new),
        _ => true,
    }
}
