//! Topology domains: the values that nodes have for each label some pod spreads or groups by.

use super::id::{DomainId, NodeId};
use meta::Labels;
use std::collections::HashMap;

/// The label by which every node is a domain of its own.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

/// One topology key.
#[derive(Debug)]
pub struct Domains {
    key: String,
    ids: HashMap<String, DomainId>,
    of_node: Vec<Option<DomainId>>,
    nodes_in: Vec<u32>,
    /// How many nodes have the label.
    labelled: usize,
    /// How many values some node has.
    inhabited: usize,
}

impl Domains {
    pub fn new(key: &str) -> Self {
        Self { key: key.into(), ids: HashMap::new(), of_node: Vec::new(), nodes_in: Vec::new(), labelled: 0, inhabited: 0 }
    }

    pub fn key(&self) -> &str {
        &self.key
    }
    pub fn of(&self, node: NodeId) -> Option<DomainId> {
        self.of_node.get(node as usize).copied().flatten()
    }
    pub fn labelled(&self) -> usize {
        self.labelled
    }
    pub fn inhabited(&self) -> usize {
        self.inhabited
    }

    /// Takes in a node's labels (None: it is gone). Returns its old and new domain if they differ.
    pub fn place(&mut self, node: NodeId, labels: Option<&Labels>) -> Option<(Option<DomainId>, Option<DomainId>)> {
        let value = labels.and_then(|labels| labels.get(&self.key));
        let new = value.map(|value| self.id(value));
        let at = node as usize;
        if self.of_node.len() <= at {
            self.of_node.resize(at + 1, None);
        }
        let old = std::mem::replace(&mut self.of_node[at], new);
        if old == new {
            return None;
        }
        if let Some(domain) = old {
            self.nodes_in[domain as usize] -= 1;
            self.inhabited -= usize::from(self.nodes_in[domain as usize] == 0);
            self.labelled -= 1;
        }
        if let Some(domain) = new {
            self.inhabited += usize::from(self.nodes_in[domain as usize] == 0);
            self.nodes_in[domain as usize] += 1;
            self.labelled += 1;
        }
        Some((old, new))
    }

    fn id(&mut self, value: &str) -> DomainId {
        if let Some(id) = self.ids.get(value) {
            return *id;
        }
        let id = self.nodes_in.len() as DomainId;
        self.nodes_in.push(0);
        self.ids.insert(value.into(), id);
        id
    }
}
