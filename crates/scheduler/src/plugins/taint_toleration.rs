//! TaintToleration: taints keep pods away that do not tolerate them
//! (kubernetes pkg/scheduler/framework/plugins/tainttoleration).

use crate::cluster::{Cluster, Host, NodeId};
use crate::framework::{Change, Filter, Plugin, PreFilter, Refusal, Score, normalize};
use crate::model::{Effect, Node, Pod, Taint, Toleration, tolerated};

/// Which taint is not told: who looks at pods need not know about nodes.
const REASON: &str = "node(s) had untolerated taint(s)";

pub struct TaintToleration;

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn weight(&self) -> i64 {
        3
    }

    fn pre_filter<'a>(&self, _: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        PreFilter::Filter(Box::new(Tolerating(&pod.asks.tolerations)))
    }

    fn pre_score<'a>(&self, cluster: &'a Cluster, pod: &'a Pod, _: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        let preferences = pod.asks.tolerations.iter().filter(|t| t.covers(Effect::PreferNoSchedule)).cloned().collect();
        cluster.has_avoided_nodes().then(|| Box::new(Avoiding(preferences)) as Box<dyn Score>)
    }

    fn wakes(&self, _: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        let refused = |node: &Node| untolerated(node, &pod.asks.tolerations).is_some();
        change.node().is_some_and(|(new, old)| !refused(new) && old.is_none_or(refused))
    }
}

fn untolerated<'a>(node: &'a Node, tolerations: &[Toleration]) -> Option<&'a Taint> {
    node.taints.iter().find(|taint| taint.repels() && !tolerated(taint, tolerations))
}

struct Tolerating<'a>(&'a [Toleration]);

impl Filter for Tolerating<'_> {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        if !host.is_tainted {
            return Ok(());
        }
        match host.node().and_then(|node| untolerated(node, self.0)) {
            None => Ok(()),
            Some(_) => Err(Refusal::unresolvable(REASON)),
        }
    }
}

/// The fewer preferences against the pod, the better.
struct Avoiding(Vec<Toleration>);

impl Score for Avoiding {
    fn score(&self, host: &Host) -> i64 {
        let taints = host.node().map_or(&[][..], |node| &node.taints);
        taints.iter().filter(|taint| !taint.repels() && !tolerated(taint, &self.0)).count() as i64
    }
    fn normalize(&self, _: &[NodeId], scores: &mut [i64]) {
        normalize(scores, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_node, incoming, scores, verdicts};
    use serde_json::json;

    fn tainted(taints: &[(&str, &str, &str)]) -> meta::Doc {
        let taint = |(key, value, effect): &(&str, &str, &str)| json!({"key": key, "value": value, "effect": effect});
        json!({"spec": {"taints": taints.iter().map(taint).collect::<Vec<_>>()}})
    }

    fn tolerating(key: &str, value: &str, effect: &str) -> std::sync::Arc<Pod> {
        let toleration = json!({"key": key, "operator": "Equal", "value": value, "effect": effect});
        incoming(json!({}), json!({"tolerations": [toleration]}))
    }

    #[test]
    fn one_untolerated_taint_is_enough() {
        let mut cluster = Cluster::default();
        add_node(&mut cluster, "a", tainted(&[("dedicated", "user1", "NoSchedule")]));
        add_node(&mut cluster, "b", tainted(&[("dedicated", "user1", "PreferNoSchedule")]));
        add_node(&mut cluster, "c", tainted(&[("dedicated", "user1", "NoSchedule"), ("evict", "", "NoExecute")]));
        let refused = format!("a={REASON} b=ok c={REASON}");
        for (pod, expected) in [
            (incoming(json!({}), json!({})), refused.clone()),
            (tolerating("dedicated", "user1", "NoSchedule"), format!("a=ok b=ok c={REASON}")),
            (tolerating("dedicated", "user2", "NoSchedule"), refused.clone()),
        ] {
            assert_eq!(verdicts(&TaintToleration, &mut cluster, &pod), expected);
        }
    }

    #[test]
    fn nodes_that_would_rather_not_come_last() {
        let mut cluster = Cluster::default();
        add_node(&mut cluster, "a", json!({}));
        assert_eq!(scores(&TaintToleration, &mut cluster, &incoming(json!({}), json!({}))), "skip");
        let (one, other) = (("cpu", "big", "PreferNoSchedule"), ("disk", "slow", "PreferNoSchedule"));
        add_node(&mut cluster, "b", tainted(&[one]));
        add_node(&mut cluster, "c", tainted(&[one, other]));
        for (pod, expected) in [
            (incoming(json!({}), json!({})), "a=100 b=50 c=0"),
            (tolerating("cpu", "big", "PreferNoSchedule"), "a=100 b=100 c=0"),
            (tolerating("cpu", "big", "NoSchedule"), "a=100 b=50 c=0"),
        ] {
            assert_eq!(scores(&TaintToleration, &mut cluster, &pod), expected);
        }
    }
}
