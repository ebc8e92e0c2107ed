//! Constraints that must hold (kubernetes pkg/scheduler/framework/plugins/podtopologyspread/filtering.go).

use super::counts::{Counts, all_labelled, includes, leaves_none_out};
use crate::cluster::{Cluster, Host};
use crate::framework::{Filter, Refusal};
use crate::model::{Pod, SpreadConstraint};

const REASON: &str = "node(s) didn't match pod topology spread constraints";
const NO_LABEL: &str = "node(s) didn't match pod topology spread constraints (missing required label)";

pub struct Required<'a> {
    cluster: &'a Cluster,
    pod: &'a Pod,
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    constraint: &'a SpreadConstraint,
    counts: Counts<'a>,
    fewest: i64,
    /// One, if the pod itself is among those that are spread.
    itself: i64,
}

impl<'a> Required<'a> {
    /// None: the pod has no such constraint.
    pub fn new(cluster: &'a Cluster, pod: &'a Pod) -> Option<Self> {
        let constraints = || pod.asks.spread.iter().filter(|constraint| constraint.required);
        let labelled = all_labelled(cluster, constraints());
        let of_namespace = cluster.namespace_labels(pod.namespace());
        let part = |constraint: &'a SpreadConstraint| {
            let all_count = labelled && leaves_none_out(constraint, pod);
            let has_labels = |host: &Host| {
                let labels = host.node().map(|node| node.labels());
                labels.is_some_and(|labels| constraints().all(|other| labels.contains_key(&other.term.topology_key)))
            };
            let counted = |host: &Host| has_labels(host) && includes(constraint, pod, host);
            let counts = Counts::new(cluster, constraint, all_count, counted)?;
            let itself = i64::from(constraint.term.scope.contains(pod, of_namespace));
            Some(Part { constraint, fewest: counts.fewest(constraint.min_domains), counts, itself })
        };
        let parts: Vec<Part<'a>> = constraints().filter_map(part).collect();
        (!parts.is_empty()).then_some(Self { cluster, pod, parts })
    }

    fn shift(&mut self, other: &Pod, host: &Host, amount: i64) {
        for part in &mut self.parts {
            let covered = part.counts.tally.covers(other, self.cluster.namespace_labels(other.namespace()));
            if covered && includes(part.constraint, self.pod, host) {
                part.counts.shift(host.id, amount);
                part.fewest = part.counts.fewest(part.constraint.min_domains);
            }
        }
    }
}

impl Filter for Required<'_> {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        for part in &self.parts {
            let Some(domain) = part.counts.domain_of(host.id) else { return Err(Refusal::unresolvable(NO_LABEL)) };
            let skew = part.counts.in_domain(domain) + part.itself - part.fewest;
            if skew > part.constraint.max_skew {
                return Err(Refusal::unschedulable(REASON));
            }
        }
        Ok(())
    }
    fn add_pod(&mut self, other: &Pod, host: &Host) {
        self.shift(other, host, 1);
    }
    fn remove_pod(&mut self, other: &Pod, host: &Host) {
        self.shift(other, host, -1);
    }
}
