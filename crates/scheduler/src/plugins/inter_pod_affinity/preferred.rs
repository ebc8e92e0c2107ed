//! Affinity that should hold: the pod's own, and that of pods on nodes towards it
//! (kubernetes pkg/scheduler/framework/plugins/interpodaffinity/scoring.go).

use crate::cluster::{Cluster, Domains, Host, NodeId, Tally};
use crate::framework::{MAX_NODE_SCORE, Score};
use crate::model::Pod;

pub struct Preferred<'a>(Vec<Pull<'a>>);

struct Pull<'a> {
    tally: &'a Tally,
    domains: &'a Domains,
    weight: i64,
}

impl<'a> Preferred<'a> {
    /// None: nobody likes or dislikes anybody.
    pub fn new(cluster: &'a Cluster, pod: &'a Pod) -> Option<Self> {
        let liked = cluster.liked().covering(pod, cluster.namespace_labels(pod.namespace()));
        let of_others = liked.into_iter().map(|tally| (tally, 1));
        let own = pod.asks.terms.iter().flat_map(|terms| &terms.preferred).filter_map(|weighted| {
            let term = &weighted.term;
            Some((cluster.asked(&[&term.scope], &term.topology_key, false)?, weighted.weight))
        });
        let pulls = of_others.chain(own).map(|(tally, weight)| Pull { tally, domains: cluster.domains(tally.key), weight });
        let pulls: Vec<Pull<'a>> = pulls.collect();
        (!pulls.is_empty()).then_some(Self(pulls))
    }
}

impl Score for Preferred<'_> {
    fn score(&self, host: &Host) -> i64 {
        let pull = |pull: &Pull<'_>| Some(pull.weight * pull.tally.in_domain(pull.domains.of(host.id)?));
        self.0.iter().filter_map(pull).sum()
    }

    fn normalize(&self, _: &[NodeId], scores: &mut [i64]) {
        let (Some(least), Some(most)) = (scores.iter().copied().min(), scores.iter().copied().max()) else { return };
        for score in scores {
            *score = if most > least { MAX_NODE_SCORE * (*score - least) / (most - least) } else { 0 };
        }
    }
}
