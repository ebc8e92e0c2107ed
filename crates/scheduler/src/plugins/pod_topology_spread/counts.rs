//! How many pods of a constraint each domain holds. Where every node counts, that is kept counted already; where the
//! pod's node affinity or missing labels leave nodes out, it is summed up over those that remain.

use crate::cluster::{Cluster, DomainId, Domains, Host, IdMap, NodeId, Tally};
use crate::model::{Pod, SpreadConstraint, tolerated};

pub struct Counts<'a> {
    pub domains: &'a Domains,
    pub tally: &'a Tally,
    /// Of nodes that count. None: all with the label do.
    own: Option<IdMap<i64>>,
    /// What ifs of other pods.
    shift: IdMap<i64>,
}

impl<'a> Counts<'a> {
    /// `counts`: whether the node does, which is asked only if some may not.
    pub fn new(
        cluster: &'a Cluster,
        constraint: &SpreadConstraint,
        all_count: bool,
        counts: impl Fn(&Host) -> bool,
    ) -> Option<Self> {
        let tally = cluster.asked(&[&constraint.term.scope], &constraint.term.topology_key, true)?;
        let domains = cluster.domains(tally.key);
        let own = (!all_count).then(|| {
            let mut own = IdMap::default();
            for node in cluster.nodes().iter().filter(|node| counts(cluster.host(**node))) {
                if let Some(domain) = domains.of(*node) {
                    *own.entry(domain).or_insert(0) += tally.on_node(*node);
                }
            }
            own
        });
        Some(Self { domains, tally, own, shift: IdMap::default() })
    }

    pub fn domain_of(&self, node: NodeId) -> Option<DomainId> {
        self.domains.of(node)
    }

    pub fn in_domain(&self, domain: DomainId) -> i64 {
        let counted = match &self.own {
            Some(own) => own.get(&domain).copied().unwrap_or(0),
            None => self.tally.in_domain(domain),
        };
        counted + self.shift.get(&domain).copied().unwrap_or(0)
    }

    /// What if there were so many more in the node's domain?
    pub fn shift(&mut self, node: NodeId, amount: i64) {
        let Some(domain) = self.domain_of(node) else { return };
        if self.own.as_ref().is_none_or(|own| own.contains_key(&domain)) {
            *self.shift.entry(domain).or_insert(0) += amount;
            self.shift.retain(|_, amount| *amount != 0);
        }
    }

    /// The count of the domain that has the fewest; zero with fewer domains than there must be.
    pub fn fewest(&self, min_domains: i64) -> i64 {
        let among = match &self.own {
            Some(own) => own.len(),
            None => self.domains.inhabited(),
        };
        if (among as i64) < min_domains {
            return 0;
        }
        match &self.own {
            Some(own) => own.keys().map(|domain| self.in_domain(*domain)).min().unwrap_or(0),
            None => self.fewest_of_all(among),
        }
    }

    /// A domain that nothing is counted in has none.
    fn fewest_of_all(&self, among: usize) -> i64 {
        let shifted_only = self.shift.keys().filter(|domain| self.tally.in_domain(**domain) == 0).count();
        let counted = self.tally.domains().map(|(domain, _)| domain);
        if self.tally.domains().len() + shifted_only < among {
            return 0;
        }
        counted.chain(self.shift.keys().copied()).map(|domain| self.in_domain(domain)).min().unwrap_or(0)
    }
}

/// Whether the constraint leaves no node out for the pod's sake.
pub fn leaves_none_out(constraint: &SpreadConstraint, pod: &Pod) -> bool {
    let asks_for_nodes = constraint.honors_affinity && pod.asks.placement.is_required();
    !(constraint.honors_taints || asks_for_nodes)
}

/// Whether the constraint counts the node (upstream's matchNodeInclusionPolicies).
pub fn includes(constraint: &SpreadConstraint, pod: &Pod, host: &Host) -> bool {
    let Some(node) = host.node() else { return false };
    let tolerable = || node.taints.iter().all(|taint| !taint.repels() || tolerated(taint, &pod.asks.tolerations));
    (!constraint.honors_affinity || pod.asks.placement.matches(node)) && (!constraint.honors_taints || tolerable())
}

/// Whether every node has every label that the constraints spread over.
pub fn all_labelled<'a>(cluster: &Cluster, constraints: impl Iterator<Item = &'a SpreadConstraint>) -> bool {
    let nodes = cluster.nodes().len();
    let mut keys: Vec<&str> = constraints.map(|constraint| constraint.term.topology_key.as_str()).collect();
    keys.dedup();
    // With a single key, nodes without it are in no domain.
    keys.len() < 2 || keys.into_iter().all(|key| cluster.labelled(key) == nodes)
}
