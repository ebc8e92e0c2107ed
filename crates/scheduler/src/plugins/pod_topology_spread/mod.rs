//! PodTopologySpread: pods that belong together are spread evenly over zones, nodes or any other domains
//! (kubernetes pkg/scheduler/framework/plugins/podtopologyspread).

mod counts;
mod preferred;
mod required;
#[cfg(test)]
mod tests;

use crate::cluster::{Cluster, HOSTNAME, NodeId};
use crate::framework::{Change, Plugin, PreFilter, Score};
use crate::model::{Node, Pod, SpreadConstraint, ZONE};
use std::borrow::Cow;

/// How uneven pods may be that say nothing: upstream's system defaults.
const DEFAULTS: [(&str, i64); 2] = [(HOSTNAME, 3), (ZONE, 5)];

pub struct PodTopologySpread;

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn prepare(&self, cluster: &mut Cluster, pod: &Pod) {
        for constraint in constraints(cluster, pod).iter() {
            cluster.ask(&[&constraint.term.scope], &constraint.term.topology_key, true);
        }
    }

    fn pre_filter<'a>(&self, cluster: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        match required::Required::new(cluster, pod) {
            Some(filter) => PreFilter::Filter(Box::new(filter)),
            None => PreFilter::Skip,
        }
    }

    fn pre_score<'a>(&self, cluster: &'a Cluster, pod: &'a Pod, feasible: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        preferred::Preferred::new(cluster, pod, feasible).map(|score| Box::new(score) as Box<dyn Score>)
    }

    fn wakes(&self, cluster: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        let required = || pod.asks.spread.iter().filter(|constraint| constraint.required);
        let counts = |other: &Pod| {
            let of_namespace = cluster.namespace_labels(other.namespace());
            required().any(|constraint| constraint.term.scope.contains(other, of_namespace))
        };
        let value = |node: &Node, key: &str| node.labels().get(key).map(str::to_owned);
        match change {
            Change::PodAdded(other) | Change::PodRemoved { pod: other, .. } => counts(other),
            Change::PodUpdated { old, new } => counts(old) != counts(new) || old.is_deleting() != new.is_deleting(),
            Change::NodeAdded(node) => required().all(|constraint| value(node, &constraint.term.topology_key).is_some()),
            Change::NodeUpdated { old, new } => {
                let moved = |key: &str| value(old, key) != value(new, key);
                required().any(|c| moved(&c.term.topology_key) || c.honors_taints) || pod.asks.placement.is_required()
            }
            Change::Claim(_) | Change::StorageClass => false,
        }
    }
}

/// The pod's own constraints; without any, those of its replicas.
fn constraints<'a>(cluster: &Cluster, pod: &'a Pod) -> Cow<'a, [SpreadConstraint]> {
    if !pod.asks.spread.is_empty() {
        return Cow::Borrowed(&pod.asks.spread);
    }
    let Some(selector) = cluster.groups.selector_of(pod) else { return Cow::Borrowed(&[]) };
    let default = |(key, max_skew): (&str, i64)| SpreadConstraint::preferred(pod.namespace(), selector.clone(), key, max_skew);
    Cow::Owned(DEFAULTS.into_iter().map(default).collect())
}
