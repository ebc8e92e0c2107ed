//! InterPodAffinity: pods go near other pods, or away from them
//! (kubernetes pkg/scheduler/framework/plugins/interpodaffinity).

mod preferred;
mod required;
#[cfg(test)]
mod tests;

use crate::cluster::{Cluster, NodeId};
use crate::framework::{Change, Plugin, PreFilter, Score};
use crate::model::{Node, Pod, PodTerms, Scope};

pub struct InterPodAffinity;

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn prepare(&self, cluster: &mut Cluster, pod: &Pod) {
        let Some(terms) = pod.asks.terms.as_deref() else { return };
        let all = affinity_scopes(terms);
        for term in &terms.affinity {
            cluster.ask(&all, &term.topology_key, false);
        }
        for term in terms.anti_affinity.iter().chain(terms.preferred.iter().map(|weighted| &weighted.term)) {
            cluster.ask(&[&term.scope], &term.topology_key, false);
        }
    }

    fn pre_filter<'a>(&self, cluster: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        match required::Required::new(cluster, pod) {
            Some(filter) => PreFilter::Filter(Box::new(filter)),
            None => PreFilter::Skip,
        }
    }

    fn pre_score<'a>(&self, cluster: &'a Cluster, pod: &'a Pod, _: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        preferred::Preferred::new(cluster, pod).map(|score| Box::new(score) as Box<dyn Score>)
    }

    fn wakes(&self, cluster: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        let near = |other: &Pod| {
            let of_namespace = cluster.namespace_labels(other.namespace());
            let terms = pod.asks.terms.as_deref();
            terms.is_some_and(|terms| terms.affinity.iter().any(|term| term.scope.contains(other, of_namespace)))
        };
        let topology = |node: &Node| -> Vec<Option<String>> {
            let keys = pod.asks.terms.iter().flat_map(|terms| terms.affinity.iter().chain(&terms.anti_affinity));
            keys.map(|term| node.labels().get(&term.topology_key).map(str::to_owned)).collect()
        };
        match change {
            Change::PodAdded(other) => near(other),
            Change::PodRemoved { pod: other, .. } => repels(cluster, pod, other) || repels(cluster, other, pod),
            Change::PodUpdated { old, new } => {
                near(new) || (repels(cluster, pod, old) && !repels(cluster, pod, new)) || old.asks.terms != new.asks.terms
            }
            Change::NodeAdded(_) => true,
            Change::NodeUpdated { old, new } => topology(old) != topology(new),
            Change::Claim(_) | Change::StorageClass => false,
        }
    }
}

/// A pod is near others only if all of its terms cover them.
fn affinity_scopes(terms: &PodTerms) -> Vec<&Scope> {
    terms.affinity.iter().map(|term| &term.scope).collect()
}

/// Whether the one wants to stay away from the other.
fn repels(cluster: &Cluster, one: &Pod, other: &Pod) -> bool {
    let of_namespace = cluster.namespace_labels(other.namespace());
    let terms = one.asks.terms.as_deref();
    terms.is_some_and(|terms| terms.anti_affinity.iter().any(|term| term.scope.contains(other, of_namespace)))
}
