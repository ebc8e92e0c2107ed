//! Constraints that should hold (kubernetes pkg/scheduler/framework/plugins/podtopologyspread/scoring.go).

use super::constraints;
use super::counts::{Counts, all_labelled, includes, leaves_none_out};
use crate::cluster::{Cluster, HOSTNAME, Host, IdMap, NodeId};
use crate::framework::{MAX_NODE_SCORE, Score};
use crate::model::{Pod, SpreadConstraint};

pub struct Preferred<'a> {
    parts: Vec<Part<'a>>,
    /// A pod that asks for domains itself prefers nodes that are in all of them.
    needs_all: bool,
}

struct Part<'a> {
    counts: Counts<'a>,
    is_hostname: bool,
    max_skew: i64,
    /// More domains are harder to spread over, so each counts for more.
    weight: f64,
}

impl<'a> Preferred<'a> {
    /// None: nothing is preferred.
    pub fn new(cluster: &'a Cluster, pod: &'a Pod, feasible: &[NodeId]) -> Option<Self> {
        let all = constraints(cluster, pod);
        let preferred: Vec<&SpreadConstraint> = all.iter().filter(|constraint| !constraint.required).collect();
        let needs_all = !pod.asks.spread.is_empty();
        let labelled = !needs_all || all_labelled(cluster, preferred.iter().copied());
        let has_labels = |host: &Host| {
            let labels = host.node().map(|node| node.labels());
            labels.is_some_and(|labels| preferred.iter().all(|c| labels.contains_key(&c.term.topology_key)))
        };
        let part = |constraint: &&SpreadConstraint| {
            let all_count = labelled && leaves_none_out(constraint, pod);
            let counted = |host: &Host| (!needs_all || has_labels(host)) && includes(constraint, pod, host);
            let counts = Counts::new(cluster, constraint, all_count, counted)?;
            let is_hostname = constraint.term.topology_key == HOSTNAME;
            let there = feasible.iter().filter(|node| !needs_all || labelled || has_labels(cluster.host(**node)));
            let domains: usize = if is_hostname {
                there.count()
            } else {
                let mut seen: IdMap<()> = IdMap::default();
                seen.extend(there.filter_map(|node| Some((counts.domain_of(*node)?, ()))));
                seen.len()
            };
            let weight = (domains as f64 + 2.0).ln();
            Some(Part { counts, is_hostname, max_skew: constraint.max_skew, weight })
        };
        let parts: Vec<Part<'a>> = preferred.iter().filter_map(part).collect();
        (!parts.is_empty()).then_some(Self { parts, needs_all })
    }

    fn ignores(&self, node: NodeId) -> bool {
        self.needs_all && self.parts.iter().any(|part| part.counts.domain_of(node).is_none())
    }
}

impl Score for Preferred<'_> {
    /// The more of them are there already, the higher: turned round when normalized.
    fn score(&self, host: &Host) -> i64 {
        if self.ignores(host.id) {
            return 0;
        }
        let score = |part: &Part<'_>| {
            let domain = part.counts.domain_of(host.id)?;
            let count = if part.is_hostname { part.counts.tally.on_node(host.id) } else { part.counts.in_domain(domain) };
            Some(count as f64 * part.weight + (part.max_skew - 1) as f64)
        };
        self.parts.iter().filter_map(score).sum::<f64>().round() as i64
    }

    fn normalize(&self, nodes: &[NodeId], scores: &mut [i64]) {
        let ignored: Vec<bool> = nodes.iter().map(|node| self.ignores(*node)).collect();
        let counted = || scores.iter().zip(&ignored).filter(|(_, ignored)| !**ignored).map(|(score, _)| *score);
        let (least, most) = (counted().min().unwrap_or(0), counted().max().unwrap_or(0));
        for (score, ignored) in scores.iter_mut().zip(&ignored) {
            *score = match (ignored, most) {
                (true, _) => 0,
                (false, 0) => MAX_NODE_SCORE,
                (false, most) => MAX_NODE_SCORE * (most + least - *score) / most,
            };
        }
    }
}
