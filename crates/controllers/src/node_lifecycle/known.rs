//! What is remembered of all nodes between passes, kept up to date as they change.

use super::heartbeats::Heartbeats;
use super::zones::{Standing, Zones};
use crate::nodes::{Ready, ready};
use crate::workloads::Events;
use meta::{Doc, Object};
use parking_lot::Mutex;
use reconcile::ObjectChange;
use std::collections::HashSet;

/// Nodes with this label count for no zone's health.
const EXCLUDED_LABEL: &str = "node.kubernetes.io/exclude-disruption";
const REGION_LABEL: &str = "topology.kubernetes.io/region";
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

pub(super) struct Known {
    pub heartbeats: Heartbeats,
    pub zones: Mutex<Zones>,
    /// Nodes that stopped being ready, whose pods have not been told yet.
    pub fallen: Mutex<HashSet<String>>,
    events: Events,
}

impl Known {
    pub fn new(events: Events) -> Self {
        Self { heartbeats: Heartbeats::default(), zones: Mutex::default(), fallen: Mutex::default(), events }
    }

    /// The nodes to look at after this change.
    pub fn node_changed(&self, change: &ObjectChange) -> Vec<String> {
        let (name, new) = (&change.object().meta.name, change.new.as_ref().map(|node| node.to_doc()));
        self.heartbeats.node_changed(change, new.as_ref());
        self.announce(change, new.as_ref());
        let mut nodes = self.take_standing(name, change.new.as_deref(), new.as_ref());
        nodes.push(name.clone());
        nodes
    }

    fn take_standing(&self, name: &str, node: Option<&Object>, doc: Option<&Doc>) -> Vec<String> {
        let mut zones = self.zones.lock();
        let was_stopped = zones.is_stopped();
        let counted = node.filter(|node| !node.meta.labels.contains_key(EXCLUDED_LABEL));
        let standing = counted.zip(doc).map(|(node, doc)| Standing { zone: zone(node), ready: ready(doc) == Ready::True });
        let concerned = zones.set(name, standing);
        if was_stopped && !zones.is_stopped() {
            self.heartbeats.forgive();
        }
        concerned
    }

    fn announce(&self, change: &ObjectChange, new: Option<&Doc>) {
        let (node, name) = (change.object(), &change.object().meta.name);
        match (&change.old, new) {
            (None, _) => {
                let message = format!("Node {name} event: Registered Node {name} in Controller");
                self.events.normal(node, "RegisteredNode", message);
            }
            (_, None) => {
                let message = format!("Node {name} event: Removing Node {name} from Controller");
                self.events.normal(node, "RemovingNode", message);
                self.fallen.lock().remove(name);
            }
            (Some(old), Some(new)) if ready(new) != Ready::True && ready(&old.to_doc()) == Ready::True => {
                self.events.normal(node, "NodeNotReady", format!("Node {name} status is now: NodeNotReady"));
                self.fallen.lock().insert(name.clone());
            }
            _ => {}
        }
    }
}

/// Where the node stands or falls with others (`GetZoneKey` of k8s.io/component-helpers `node/topology`).
pub(super) fn zone(node: &Object) -> String {
    let label = |key| node.meta.labels.get(key).unwrap_or_default();
    format!("{}/{}", label(REGION_LABEL), label(ZONE_LABEL))
}
