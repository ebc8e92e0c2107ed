//! NodeAffinity: the labels, fields and names of nodes that a pod asks for
//! (kubernetes pkg/scheduler/framework/plugins/nodeaffinity).

use crate::cluster::{Cluster, Host, NodeId};
use crate::framework::{Change, Filter, Plugin, PreFilter, Refusal, Score, normalize};
use crate::model::{Placement, Pod, WeightedNodeTerm};

const REASON: &str = "node(s) didn't match Pod's node affinity/selector";
const CONFLICT: &str = "pod affinity terms conflict";

pub struct NodeAffinity;

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn pre_filter<'a>(&self, cluster: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        let placement = &pod.asks.placement;
        if !placement.is_required() {
            return PreFilter::Skip;
        }
        let filter = Box::new(Matching(placement));
        match placement.names() {
            Some(names) if names.is_empty() => PreFilter::Refuse(Refusal::unresolvable(CONFLICT)),
            Some(names) => PreFilter::Only(names.into_iter().filter_map(|name| cluster.id_of(name)).collect(), filter),
            None => PreFilter::Filter(filter),
        }
    }

    fn pre_score<'a>(&self, _: &'a Cluster, pod: &'a Pod, _: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        let preferred = &pod.asks.placement.preferred;
        (!preferred.is_empty()).then(|| Box::new(Preferring(preferred)) as Box<dyn Score>)
    }

    fn wakes(&self, _: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        let placement = &pod.asks.placement;
        change.node().is_some_and(|(new, old)| placement.matches(new) && !old.is_some_and(|old| placement.matches(old)))
    }
}

struct Matching<'a>(&'a Placement);

impl Filter for Matching<'_> {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        let matches = host.node().is_some_and(|node| self.0.matches(node));
        if matches { Ok(()) } else { Err(Refusal::unresolvable(REASON)) }
    }
}

struct Preferring<'a>(&'a [WeightedNodeTerm]);

impl Score for Preferring<'_> {
    fn score(&self, host: &Host) -> i64 {
        let Some(node) = host.node() else { return 0 };
        self.0.iter().filter(|preferred| preferred.term.matches(node)).map(|preferred| preferred.weight).sum()
    }
    fn normalize(&self, _: &[NodeId], scores: &mut [i64]) {
        normalize(scores, false);
    }
}
