//! A node with the pods on it, assumed ones included (kubernetes pkg/scheduler/framework/types.go NodeInfo).

use super::id::NodeId;
use crate::model::{HostPort, Node, Pod, Resources};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Host {
    pub id: NodeId,
    pub name: String,
    /// None: pods are bound to it, but the node is not there (yet, or any more).
    node: Option<Arc<Node>>,
    pub pods: Vec<Arc<Pod>>,
    pub requested: Resources,
    pub scored: Resources,
    ports: Vec<HostPort>,
}

impl Host {
    pub fn new(id: NodeId, name: &str) -> Self {
        Self {
            id,
            name: name.into(),
            node: None,
            pods: Vec::new(),
            requested: Resources::default(),
            scored: Resources::default(),
            ports: Vec::new(),
        }
    }

    pub fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }
    pub fn set_node(&mut self, node: Option<Arc<Node>>) -> Option<Arc<Node>> {
        std::mem::replace(&mut self.node, node)
    }
    pub fn is_unused(&self) -> bool {
        self.node.is_none() && self.pods.is_empty()
    }
    pub fn has_port_taken(&self, wanted: &[HostPort]) -> bool {
        wanted.iter().any(|port| self.ports.iter().any(|taken| taken.conflicts(port)))
    }

    pub fn add(&mut self, pod: Arc<Pod>) {
        self.requested.add(&pod.asks.requests);
        self.scored.add(&pod.asks.scored);
        self.ports.extend(pod.asks.ports.iter().cloned());
        self.pods.push(pod);
    }

    pub fn remove(&mut self, uid: &str) -> Option<Arc<Pod>> {
        let at = self.pods.iter().position(|pod| pod.uid() == uid)?;
        let pod = self.pods.swap_remove(at);
        self.requested.subtract(&pod.asks.requests);
        self.scored.subtract(&pod.asks.scored);
        for port in &pod.asks.ports {
            if let Some(at) = self.ports.iter().position(|taken| taken == port) {
                self.ports.swap_remove(at);
            }
        }
        Some(pod)
    }

    /// Keeps a newer version of a pod that takes the same.
    pub fn refresh(&mut self, pod: &Arc<Pod>) {
        if let Some(known) = self.pods.iter_mut().find(|known| known.uid() == pod.uid()) {
            *known = pod.clone();
        }
    }
}
