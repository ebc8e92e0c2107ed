//! In which order nodes are tried: one of each zone in turn (kubernetes pkg/scheduler/backend/cache/node_tree.go).

use super::Host;
use super::id::NodeId;
use std::collections::BTreeMap;

pub fn by_zone_in_turn<'a>(hosts: impl Iterator<Item = &'a Host>) -> Vec<NodeId> {
    let mut zones: BTreeMap<(String, String), Vec<NodeId>> = BTreeMap::new();
    for host in hosts {
        if let Some(node) = host.node() {
            let (region, zone) = node.zone();
            zones.entry((region.into(), zone.into())).or_default().push(host.id);
        }
    }
    let longest = zones.values().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|round| zones.values().filter_map(move |zone| zone.get(round).copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Node;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn zones_take_turns() {
        let host = |id: NodeId, zone: &str| {
            let mut host = Host::new(id, &format!("n{id}"));
            let labels = json!({"topology.kubernetes.io/zone": zone});
            host.set_node(Some(Arc::new(Node::for_test(json!({"metadata": {"name": "n", "labels": labels}})))));
            host
        };
        let gone = Host::new(9, "gone");
        let hosts = [host(0, "a"), host(1, "a"), host(2, "a"), host(3, "b"), host(4, "c"), host(5, "c"), gone];
        assert_eq!(by_zone_in_turn(hosts.iter()), [0, 3, 4, 1, 5, 2]);
    }
}
