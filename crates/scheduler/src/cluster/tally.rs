//! Counts of pods by node and by domain, kept up to date with every pod that comes or goes: no cycle counts anew.

use super::domains::Domains;
use super::id::{DomainId, IdMap, NodeId};
use crate::model::{Pod, Scope, Term};
use meta::Labels;
use meta::labels::Requirement;
use std::collections::{HashMap, HashSet};

/// What one term counts.
#[derive(Debug)]
pub struct Tally {
    scopes: Vec<Scope>,
    /// Pods on their way out do not count.
    living_only: bool,
    /// Which topology key, as the cluster numbers them.
    pub key: usize,
    per_node: IdMap<i64>,
    per_domain: IdMap<i64>,
    /// The cycle that last asked.
    used_at: u64,
}

impl Tally {
    fn new(scopes: Vec<Scope>, living_only: bool, key: usize) -> Self {
        Self { scopes, living_only, key, per_node: IdMap::default(), per_domain: IdMap::default(), used_at: 0 }
    }

    /// Whether the pod is one that the term speaks of.
    pub fn covers(&self, pod: &Pod, of_namespace: Option<&Labels>) -> bool {
        !(self.living_only && pod.is_deleting()) && self.scopes.iter().all(|scope| scope.contains(pod, of_namespace))
    }

    pub fn on_node(&self, node: NodeId) -> i64 {
        self.per_node.get(&node).copied().unwrap_or(0)
    }
    pub fn in_domain(&self, domain: DomainId) -> i64 {
        self.per_domain.get(&domain).copied().unwrap_or(0)
    }
    /// Domains with a count other than zero.
    pub fn domains(&self) -> impl Iterator<Item = (DomainId, i64)> {
        self.per_domain.iter().map(|(domain, count)| (*domain, *count))
    }
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, i64)> {
        self.per_node.iter().map(|(node, count)| (*node, *count))
    }

    pub fn add(&mut self, node: NodeId, domains: &Domains, amount: i64) {
        shift(&mut self.per_node, node, amount);
        if let Some(domain) = domains.of(node) {
            shift(&mut self.per_domain, domain, amount);
        }
    }

    /// The node's label changed.
    fn moved(&mut self, node: NodeId, from: Option<DomainId>, to: Option<DomainId>) {
        let count = self.on_node(node);
        from.into_iter().for_each(|domain| shift(&mut self.per_domain, domain, -count));
        to.into_iter().for_each(|domain| shift(&mut self.per_domain, domain, count));
    }
}

fn shift(counts: &mut IdMap<i64>, id: u32, amount: i64) {
    if amount == 0 {
        return;
    }
    let count = counts.entry(id).or_insert(0);
    *count += amount;
    if *count == 0 {
        counts.remove(&id);
    }
}

/// A label without which nothing is covered.
fn required_label(scopes: &[Scope]) -> Option<(&str, &str)> {
    let requirements = scopes.iter().filter_map(|scope| scope.selector.as_ref()).flat_map(|selector| &selector.0);
    let mut equal = requirements.filter_map(|requirement| match requirement {
        Requirement::In(key, values) if values.len() == 1 => Some((key.as_str(), values[0].as_str())),
        _ => None,
    });
    equal.next()
}

/// Tallies by what they count. A label that a term requires leads from a pod to the few terms that may cover it.
#[derive(Debug, Default)]
pub struct Tallies {
    tallies: HashMap<String, Tally>,
    by_label: HashMap<String, HashMap<String, HashSet<String>>>,
    unlabelled: HashSet<String>,
}

impl Tallies {
    pub fn get(&self, identity: &str) -> Option<&Tally> {
        self.tallies.get(identity)
    }
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }
    pub fn len(&self) -> usize {
        self.tallies.len()
    }

    /// The tally of this identity, made if it is new: then `true`.
    pub fn entry(&mut self, identity: &str, scopes: impl FnOnce() -> (Vec<Scope>, bool), key: usize) -> (&mut Tally, bool) {
        let is_new = !self.tallies.contains_key(identity);
        if is_new {
            let (scopes, living_only) = scopes();
            self.leads_to(&scopes).insert(identity.to_owned());
            self.tallies.insert(identity.to_owned(), Tally::new(scopes, living_only, key));
        }
        (self.tallies.get_mut(identity).expect("it was just put there"), is_new)
    }

    /// One for a term carried by pods.
    pub fn of_term(&mut self, term: &Term, key: usize) -> &mut Tally {
        self.entry(&term.identity, || (vec![term.scope.clone()], false), key).0
    }

    pub fn touch(&mut self, identity: &str, cycle: u64) {
        if let Some(tally) = self.tallies.get_mut(identity) {
            tally.used_at = cycle;
        }
    }

    pub fn remove_if_empty(&mut self, identity: &str) {
        if self.tallies.get(identity).is_some_and(|tally| tally.per_node.is_empty()) {
            self.remove(identity);
        }
    }

    /// Forgets the least recently used half, once there are more than `most`.
    pub fn trim(&mut self, most: usize) {
        if self.tallies.len() <= most {
            return;
        }
        let mut ages: Vec<(u64, String)> =
            self.tallies.iter().map(|(identity, tally)| (tally.used_at, identity.clone())).collect();
        ages.sort();
        ages.truncate(ages.len() / 2);
        ages.into_iter().for_each(|(_, identity)| self.remove(&identity));
    }

    fn remove(&mut self, identity: &str) {
        let Some(tally) = self.tallies.remove(identity) else { return };
        let Some((key, value)) = required_label(&tally.scopes) else {
            self.unlabelled.remove(identity);
            return;
        };
        let Some(values) = self.by_label.get_mut(key) else { return };
        if let Some(identities) = values.get_mut(value) {
            identities.remove(identity);
            if identities.is_empty() {
                values.remove(value);
            }
        }
        if values.is_empty() {
            self.by_label.remove(key);
        }
    }

    fn leads_to(&mut self, scopes: &[Scope]) -> &mut HashSet<String> {
        match required_label(scopes) {
            Some((key, value)) => self.by_label.entry(key.into()).or_default().entry(value.into()).or_default(),
            None => &mut self.unlabelled,
        }
    }

    /// The terms that cover the pod.
    pub fn covering(&self, pod: &Pod, of_namespace: Option<&Labels>) -> Vec<(&str, &Tally)> {
        if self.tallies.is_empty() {
            return Vec::new();
        }
        let labelled = pod.labels().iter().filter_map(|(key, value)| self.by_label.get(key)?.get(value)).flatten();
        let known = labelled.chain(&self.unlabelled).filter_map(|id| Some((id.as_str(), self.tallies.get(id)?)));
        known.filter(|(_, tally)| tally.covers(pod, of_namespace)).collect()
    }

    /// Counts the pod, or takes it off, wherever it is covered.
    pub fn count(&mut self, pod: &Pod, of_namespace: Option<&Labels>, node: NodeId, domains: &[Domains], amount: i64) {
        let covering: Vec<String> = self.covering(pod, of_namespace).into_iter().map(|(id, _)| id.to_owned()).collect();
        for identity in covering {
            if let Some(tally) = self.tallies.get_mut(&identity) {
                tally.add(node, &domains[tally.key], amount);
            }
        }
    }

    /// A node's value of the topology key changed.
    pub fn moved(&mut self, key: usize, node: NodeId, from: Option<DomainId>, to: Option<DomainId>) {
        self.tallies.values_mut().filter(|tally| tally.key == key).for_each(|tally| tally.moved(node, from, to));
    }
}
