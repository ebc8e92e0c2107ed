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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{incoming, scores, verdicts, zoned};
    use meta::Doc;
    use serde_json::json;

    fn required(term: Doc) -> Doc {
        let terms = json!({"nodeSelectorTerms": [term]});
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
    }

    #[test]
    fn nodes_that_do_not_match_are_refused() {
        let mut cluster = zoned("a:z1 b:z2");
        let name = |values: Doc| json!({"key": "metadata.name", "operator": "In", "values": values});
        let zone = json!({"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["z1"]}]});
        let mismatch = "a=ok b=node(s) didn't match Pod's node affinity/selector";
        for (spec, expected) in [
            (json!({}), "skip"),
            (json!({"nodeSelector": {"topology.kubernetes.io/zone": "z1"}}), mismatch),
            (required(zone), mismatch),
            (required(json!({"matchFields": [name(json!(["b"]))]})), "b=ok"),
            (required(json!({"matchFields": [name(json!(["gone"]))]})), ""),
            (required(json!({"matchFields": [name(json!(["a"])), name(json!(["b"]))]})), "pod affinity terms conflict"),
        ] {
            assert_eq!(verdicts(&NodeAffinity, &mut cluster, &incoming(json!({}), spec.clone())), expected, "{spec}");
        }
    }

    #[test]
    fn preferences_add_up() {
        let mut cluster = zoned("a:z1 b:z2 c:");
        let preference = |weight: i64, key: &str, values: Doc| {
            let expression = json!({"key": key, "operator": "In", "values": values});
            json!({"weight": weight, "preference": {"matchExpressions": [expression]}})
        };
        let (zone, host) = ("topology.kubernetes.io/zone", "kubernetes.io/hostname");
        let preferred = json!([preference(2, zone, json!(["z1", "z2"])), preference(6, host, json!(["b"]))]);
        let spec = json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}});
        assert_eq!(scores(&NodeAffinity, &mut cluster, &incoming(json!({}), spec)), "a=25 b=100 c=0");
        assert_eq!(scores(&NodeAffinity, &mut cluster, &incoming(json!({}), json!({}))), "skip");
    }
}
