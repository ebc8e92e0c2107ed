//! TaintToleration: taints keep pods away that do not tolerate them
//! (kubernetes pkg/scheduler/framework/plugins/tainttoleration).

use crate::cluster::{Cluster, Host, NodeId};
use crate::framework::{Change, Filter, Plugin, PreFilter, Refusal, Score, normalize};
use crate::model::{Effect, Node, Pod, Taint, Toleration, tolerated};

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
        match host.node().and_then(|node| untolerated(node, self.0)) {
            None => Ok(()),
            Some(taint) => {
                Err(Refusal::unresolvable(format!("node(s) had untolerated taint {{{}: {}}}", taint.key, taint.value)))
            }
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
