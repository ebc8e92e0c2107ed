//! Which nodes run a daemon's pod: `NodeShouldRunDaemonPod` of kubernetes `pkg/controller/daemon/daemon_controller.go`.

use super::nodes::Node;
use super::template;
use meta::Doc;
use meta::placement::{NodeConstraints, tolerates};

pub(super) struct Placement {
    node_name: Option<String>,
    constraints: NodeConstraints,
    tolerations: Vec<Doc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Yes,
    /// A pod that is there may stay.
    Stay,
    No,
}

impl Placement {
    pub fn of(template: &Doc) -> Self {
        let spec = &template["spec"];
        let node_name = spec["nodeName"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        Self { node_name, constraints: NodeConstraints::of(spec), tolerations: template::tolerations(spec) }
    }

    pub fn run(&self, node: &Node) -> Run {
        let named = self.node_name.as_ref().is_none_or(|name| *name == node.name);
        if !named || !self.constraints.match_node(&node.name, &node.labels) {
            return Run::No;
        }
        if !self.is_repelled(node, &["NoSchedule", "NoExecute"]) {
            return Run::Yes;
        }
        if self.is_repelled(node, &["NoExecute"]) { Run::No } else { Run::Stay }
    }

    fn is_repelled(&self, node: &Node, effects: &[&str]) -> bool {
        let bites = |taint: &&Doc| taint["effect"].as_str().is_some_and(|effect| effects.contains(&effect));
        let mut taints = node.taints.iter().filter(bites);
        taints.any(|taint| !self.tolerations.iter().any(|toleration| tolerates(toleration, taint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Object;
    use serde_json::json;

    #[test]
    fn daemons_run_where_they_may() {
        let taint = |key: &str, effect: &str| json!([{"key": key, "effect": effect}]);
        let (open, zone) = (json!({}), json!({"nodeSelector": {"zone": "a"}}));
        let tolerant = json!({"tolerations": [{"key": "mine", "operator": "Exists", "effect": "NoSchedule"}]});
        for (spec, taints, run) in [
            (&open, json!([]), Run::Yes),
            (&zone, json!([]), Run::Yes),
            (&json!({"nodeSelector": {"zone": "b"}}), json!([]), Run::No),
            (&json!({"nodeName": "n"}), json!([]), Run::Yes),
            (&json!({"nodeName": "m"}), json!([]), Run::No),
            (&open, taint("mine", "NoSchedule"), Run::Stay),
            (&tolerant, taint("mine", "NoSchedule"), Run::Yes),
            (&open, taint("mine", "NoExecute"), Run::No),
            (&open, taint("mine", "PreferNoSchedule"), Run::Yes),
            // What every daemon stands.
            (&open, taint("node.kubernetes.io/not-ready", "NoExecute"), Run::Yes),
            (&open, taint("node.kubernetes.io/unschedulable", "NoSchedule"), Run::Yes),
            (&open, taint("node.kubernetes.io/network-unavailable", "NoSchedule"), Run::Stay),
            (&json!({"hostNetwork": true}), taint("node.kubernetes.io/network-unavailable", "NoSchedule"), Run::Yes),
        ] {
            let doc = json!({"metadata": {"name": "n", "labels": {"zone": "a"}}, "spec": {"taints": taints}});
            let node = Node::of(&Object::from_doc(&doc, 1).expect("a valid node"));
            assert_eq!(Placement::of(&json!({ "spec": spec })).run(&node), run, "{spec} {taints}");
        }
    }
}
