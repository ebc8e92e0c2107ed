//! A node as it describes itself.

use super::document::NodeDoc;
use super::{ParseError, Resources, Taint};
use meta::{Labels, Object};
use std::collections::HashMap;
use std::sync::Arc;

pub const REGION: &str = "topology.kubernetes.io/region";
pub const ZONE: &str = "topology.kubernetes.io/zone";

#[derive(Debug)]
pub struct Node {
    object: Arc<Object>,
    pub unschedulable: bool,
    pub taints: Vec<Taint>,
    pub allocatable: Resources,
    /// How many pods it takes.
    pub pods: usize,
    /// Bytes by name.
    pub images: HashMap<String, i64>,
}

impl Node {
    pub fn parse(object: &Arc<Object>) -> Result<Self, ParseError> {
        let doc: NodeDoc = serde_json::from_slice(object.stored())?;
        let images = doc.status.images.into_iter();
        // A node without allocatable has not spoken yet; the API server fills it from the capacity.
        let offered = if doc.status.allocatable.0.is_empty() { doc.status.capacity } else { doc.status.allocatable };
        Ok(Self {
            unschedulable: doc.spec.unschedulable,
            taints: doc.spec.taints.into_iter().filter_map(Taint::of).collect(),
            allocatable: Resources::of(&offered),
            pods: offered.0.get("pods").map_or(0, |pods| usize::try_from(pods.value()).unwrap_or(0)),
            images: images.flat_map(|image| image.names.into_iter().map(move |name| (name, image.size_bytes))).collect(),
            object: object.clone(),
        })
    }

    pub fn name(&self) -> &str {
        &self.object.meta.name
    }
    pub fn labels(&self) -> &Labels {
        &self.object.meta.labels
    }
    /// Region and zone.
    pub fn zone(&self) -> (&str, &str) {
        (self.labels().get(REGION).unwrap_or(""), self.labels().get(ZONE).unwrap_or(""))
    }

    /// Whether only things changed that no pod cares for, such as a heartbeat.
    pub fn same_to_plugins(&self, other: &Self) -> bool {
        self.unschedulable == other.unschedulable
            && self.taints == other.taints
            && self.labels() == other.labels()
            && (self.pods, &self.allocatable) == (other.pods, &other.allocatable)
    }

    #[cfg(test)]
    pub fn for_test(doc: meta::Doc) -> Self {
        Self::parse(&Object::from_doc(&doc, 1).expect("a valid object").shared()).expect("a node")
    }
}
