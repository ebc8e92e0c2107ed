//! Affinity that must hold (kubernetes pkg/scheduler/framework/plugins/interpodaffinity/filtering.go).

use super::affinity_scopes;
use crate::cluster::{Cluster, DomainId, Host, IdMap, NodeId, Tally};
use crate::framework::{Filter, Refusal};
use crate::model::{Pod, PodTerms};

const AFFINITY: &str = "node(s) didn't match pod affinity rules";
const ANTI_AFFINITY: &str = "node(s) didn't match pod anti-affinity rules";
const EXISTING: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

pub struct Required<'a> {
    cluster: &'a Cluster,
    pod: &'a Pod,
    near: Vec<Counted<'a>>,
    away: Vec<Counted<'a>>,
    /// Pods on nodes that want the pod away.
    existing: Vec<Counted<'a>>,
    /// Domains, by key, that pods forbid which are on no node yet.
    announced: Vec<(usize, DomainId)>,
    /// The pod would be near itself.
    covers_itself: bool,
}

/// A tally, and what ifs of other pods.
struct Counted<'a> {
    tally: &'a Tally,
    shift: IdMap<i64>,
}

impl<'a> Counted<'a> {
    fn new(tally: &'a Tally) -> Self {
        Self { tally, shift: IdMap::default() }
    }

    /// None: the node is in no domain.
    fn around(&self, cluster: &Cluster, node: NodeId) -> Option<i64> {
        let domain = cluster.domains(self.tally.key).of(node)?;
        Some(self.tally.in_domain(domain) + self.shift.get(&domain).copied().unwrap_or(0))
    }

    fn is_nowhere(&self) -> bool {
        let left = |(domain, count): (u32, i64)| count + self.shift.get(&domain).copied().unwrap_or(0) > 0;
        !self.tally.domains().any(left) && !self.shift.values().any(|amount| *amount > 0)
    }

    fn shift(&mut self, cluster: &Cluster, node: NodeId, amount: i64) {
        if let Some(domain) = cluster.domains(self.tally.key).of(node) {
            *self.shift.entry(domain).or_insert(0) += amount;
        }
    }
}

impl<'a> Required<'a> {
    /// None: the pod does not mind anybody, and nobody minds it.
    pub fn new(cluster: &'a Cluster, pod: &'a Pod) -> Option<Self> {
        let of_namespace = cluster.namespace_labels(pod.namespace());
        let existing = cluster.forbidden().covering(pod, of_namespace);
        let none = PodTerms::default();
        let terms = pod.asks.terms.as_deref().unwrap_or(&none);
        let scopes = affinity_scopes(terms);
        let near = terms.affinity.iter().filter_map(|term| cluster.asked(&scopes, &term.topology_key, false));
        let away = terms.anti_affinity.iter().filter_map(|term| cluster.asked(&[&term.scope], &term.topology_key, false));
        let this = Self {
            cluster,
            pod,
            near: near.map(Counted::new).collect(),
            away: away.map(Counted::new).collect(),
            existing: existing.into_iter().map(Counted::new).collect(),
            announced: Vec::new(),
            covers_itself: scopes.iter().all(|scope| scope.contains(pod, of_namespace)),
        };
        let counts = !(this.near.is_empty() && this.away.is_empty() && this.existing.is_empty());
        (counts || !cluster.nominated.is_empty()).then_some(this)
    }

    /// The first of a group finds nobody to be near; it may go anywhere that has the labels.
    fn is_near(&self, node: NodeId) -> bool {
        let mut all = true;
        for counted in &self.near {
            let Some(count) = counted.around(self.cluster, node) else { return false };
            all &= count > 0;
        }
        all || (self.covers_itself && self.near.iter().all(Counted::is_nowhere))
    }

    fn shift(&mut self, other: &Pod, host: &Host, amount: i64) {
        let of_namespace = self.cluster.namespace_labels(other.namespace());
        for counted in self.near.iter_mut().chain(&mut self.away) {
            if counted.tally.covers(other, of_namespace) {
                counted.shift(self.cluster, host.id, amount);
            }
        }
        let Some(terms) = other.asks.terms.as_deref() else { return };
        let mine = self.cluster.namespace_labels(self.pod.namespace());
        for term in terms.anti_affinity.iter().filter(|term| term.scope.contains(self.pod, mine)) {
            let carried = self.cluster.forbidden().get(&term.identity);
            let known = carried.and_then(|tally| self.existing.iter_mut().find(|counted| std::ptr::eq(counted.tally, tally)));
            match known {
                Some(counted) => counted.shift(self.cluster, host.id, amount),
                None => announce(&mut self.announced, self.cluster.domain(&term.topology_key, host.id), amount),
            }
        }
    }
}

/// The domain of a pod that comes (or goes again, with a negative amount).
fn announce(announced: &mut Vec<(usize, DomainId)>, domain: Option<(usize, DomainId)>, amount: i64) {
    let Some(domain) = domain else { return };
    if amount > 0 {
        announced.push(domain);
    } else if let Some(at) = announced.iter().position(|known| *known == domain) {
        announced.swap_remove(at);
    }
}

impl Filter for Required<'_> {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        let meets = |counted: &Counted<'_>| counted.around(self.cluster, host.id).is_some_and(|count| count > 0);
        if !self.near.is_empty() && !self.is_near(host.id) {
            return Err(Refusal::unresolvable(AFFINITY));
        }
        if self.away.iter().any(meets) {
            return Err(Refusal::unschedulable(ANTI_AFFINITY));
        }
        let is_in = |(key, domain): &(usize, DomainId)| self.cluster.domains(*key).of(host.id) == Some(*domain);
        if self.existing.iter().any(meets) || self.announced.iter().any(is_in) {
            return Err(Refusal::unschedulable(EXISTING));
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
