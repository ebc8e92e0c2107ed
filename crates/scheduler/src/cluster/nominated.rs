//! Pods that room is being made for: until they are placed, others must leave it to them
//! (kubernetes pkg/scheduler/backend/queue/nominator.go).

use crate::model::Pod;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct Nominated {
    by_node: HashMap<String, Vec<Arc<Pod>>>,
    node_of: HashMap<String, String>,
}

impl Nominated {
    /// Empty `node`: no longer nominated.
    pub fn set(&mut self, pod: &Arc<Pod>, node: &str) {
        self.remove(pod.uid());
        if !node.is_empty() {
            self.by_node.entry(node.into()).or_default().push(pod.clone());
            self.node_of.insert(pod.uid().into(), node.into());
        }
    }

    pub fn remove(&mut self, uid: &str) {
        let Some(node) = self.node_of.remove(uid) else { return };
        if let Some(pods) = self.by_node.get_mut(&node) {
            pods.retain(|pod| pod.uid() != uid);
            if pods.is_empty() {
                self.by_node.remove(&node);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_node.is_empty()
    }
    pub fn on(&self, node: &str) -> &[Arc<Pod>] {
        self.by_node.get(node).map_or(&[], Vec::as_slice)
    }
    pub fn node_of(&self, uid: &str) -> Option<&str> {
        self.node_of.get(uid).map(String::as_str)
    }
}
