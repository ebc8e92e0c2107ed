//! The snapshot that decisions look at: nodes, the pods on them and what is counted about them. It is owned by the
//! scheduling loop and changed in place by every event; nothing is copied or rescanned for a cycle.

mod budgets;
mod domains;
mod groups;
mod host;
mod id;
mod nominated;
mod order;
mod tally;

pub use budgets::Budgets;
pub use domains::{Domains, HOSTNAME};
pub use groups::{GroupKind, Groups};
pub use host::Host;
pub use id::{DomainId, IdMap, NodeId};
pub use nominated::Nominated;
pub use tally::{Tallies, Tally};

use crate::model::{Effect, Node, Pod, Scope, SpreadConstraint, Term};
use meta::Labels;
use std::collections::HashMap;
use std::sync::Arc;

/// How many distinct questions about pods (terms of incoming pods) are kept counted.
const MOST_QUESTIONS: usize = 4096;

#[derive(Debug)]
struct Placed {
    pod: Arc<Pod>,
    host: NodeId,
    /// Bound by us, not yet seen so.
    assumed: bool,
}

#[derive(Debug, Default)]
pub struct Cluster {
    hosts: Vec<Host>,
    by_name: HashMap<String, NodeId>,
    unused: Vec<NodeId>,
    order: Vec<NodeId>,
    order_is_stale: bool,
    pods: HashMap<String, Placed>,
    keys: Vec<Domains>,
    /// What incoming pods ask: how many pods does this term cover?
    asked: Tallies,
    /// What pods on nodes forbid: required anti-affinity.
    forbidden: Tallies,
    /// What pods on nodes like and dislike, by weight.
    liked: Tallies,
    namespaces: HashMap<String, Labels>,
    /// On how many nodes an image is.
    images: HashMap<String, u32>,
    /// How many nodes have a taint that pods would rather avoid.
    avoided: usize,
    cycle: u64,
    pub groups: Groups,
    pub nominated: Nominated,
    pub budgets: Budgets,
}

/// Required affinity of pods on nodes pulls others with this weight, as upstream's HardPodAffinityWeight.
const HARD_POD_AFFINITY_WEIGHT: i64 = 1;

impl Cluster {
    pub fn host(&self, id: NodeId) -> &Host {
        &self.hosts[id as usize]
    }
    pub fn id_of(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied().filter(|id| self.host(*id).node().is_some())
    }
    /// The nodes, one of each zone in turn.
    pub fn nodes(&self) -> &[NodeId] {
        &self.order
    }
    pub fn domains(&self, key: usize) -> &Domains {
        &self.keys[key]
    }
    pub fn namespace_labels(&self, namespace: &str) -> Option<&Labels> {
        self.namespaces.get(namespace)
    }
    /// Whether any node is one that some pods would rather avoid.
    pub fn has_avoided_nodes(&self) -> bool {
        self.avoided > 0
    }
    pub fn nodes_with_image(&self, image: &str) -> u32 {
        self.images.get(image).copied().unwrap_or(0)
    }
    pub fn forbidden(&self) -> &Tallies {
        &self.forbidden
    }
    pub fn liked(&self) -> &Tallies {
        &self.liked
    }
    pub fn asked(&self, identity: &str) -> Option<&Tally> {
        self.asked.get(identity)
    }
    pub fn placed(&self, uid: &str) -> Option<(&Arc<Pod>, NodeId)> {
        self.pods.get(uid).map(|placed| (&placed.pod, placed.host))
    }
    pub fn is_assumed(&self, uid: &str) -> bool {
        self.pods.get(uid).is_some_and(|placed| placed.assumed)
    }
    pub fn placed_pods(&self) -> usize {
        self.pods.len()
    }

    /// What must be done once before a cycle.
    pub fn begin_cycle(&mut self) {
        self.cycle += 1;
        self.asked.trim(MOST_QUESTIONS);
        if std::mem::take(&mut self.order_is_stale) {
            self.order = order::by_zone_in_turn(self.hosts.iter());
        }
    }

    pub fn set_namespace(&mut self, name: &str, labels: Option<Labels>) {
        match labels {
            Some(labels) => drop(self.namespaces.insert(name.into(), labels)),
            None => drop(self.namespaces.remove(name)),
        }
    }

    /// A term's namespaces by name, its selector of namespaces resolved: pods in all of them count alike.
    pub fn resolved(&self, scope: &Scope) -> Scope {
        let Some(selector) = scope.namespace_selector.as_ref().filter(|selector| !selector.is_empty()) else {
            return scope.clone();
        };
        let mut namespaces = scope.namespaces.clone();
        namespaces.extend(self.namespaces.iter().filter(|(_, labels)| selector.matches(*labels)).map(|(name, _)| name.clone()));
        namespaces.sort();
        namespaces.dedup();
        Scope { namespaces, namespace_selector: None, selector: scope.selector.clone() }
    }

    /// Has the pods that all `scopes` cover counted from now on, by domains of `key`, and says how to ask for them.
    pub fn ask(&mut self, scopes: &[&Scope], key: &str, living_only: bool) -> String {
        let scopes: Vec<Scope> = scopes.iter().map(|scope| self.resolved(scope)).collect();
        let identity = format!("{key} {living_only} {scopes:?}");
        let key = self.key(key);
        let (tally, is_new) = self.asked.entry(&identity, || (scopes, living_only), key);
        if is_new {
            for placed in self.pods.values() {
                if tally.covers(&placed.pod, self.namespaces.get(placed.pod.namespace())) {
                    tally.add(placed.host, &self.keys[key], 1);
                }
            }
        }
        self.asked.touch(&identity, self.cycle);
        identity
    }

    /// As [`Cluster::ask`], for what a constraint spreads. Pods on their way out do not count.
    pub fn ask_spread(&mut self, constraint: &SpreadConstraint) -> String {
        self.ask(&[&constraint.term.scope], &constraint.term.topology_key, true)
    }

    fn key(&mut self, key: &str) -> usize {
        if let Some(known) = self.keys.iter().position(|domains| domains.key() == key) {
            return known;
        }
        let mut domains = Domains::new(key);
        for host in &self.hosts {
            domains.place(host.id, host.node().map(|node| node.labels()));
        }
        self.keys.push(domains);
        self.keys.len() - 1
    }

    fn host_named(&mut self, name: &str) -> NodeId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = self.unused.pop().unwrap_or(self.hosts.len() as NodeId);
        let host = Host::new(id, name);
        match self.hosts.get_mut(id as usize) {
            Some(place) => *place = host,
            None => self.hosts.push(host),
        }
        self.by_name.insert(name.into(), id);
        id
    }

    fn release(&mut self, id: NodeId) {
        if self.hosts[id as usize].is_unused() {
            self.by_name.remove(&self.hosts[id as usize].name);
            self.unused.push(id);
        }
    }

    /// Takes in a node, or that it is gone. Returns what was known before.
    pub fn set_node(&mut self, name: &str, node: Option<Arc<Node>>) -> Option<Arc<Node>> {
        let id = self.host_named(name);
        let old = self.hosts[id as usize].set_node(node.clone());
        for (known, amount) in [(&old, -1), (&node, 1)] {
            let Some(known) = known else { continue };
            known.images.keys().for_each(|image| count_image(&mut self.images, image, amount));
            if known.taints.iter().any(|taint| taint.effect == Effect::PreferNoSchedule) {
                self.avoided = self.avoided.saturating_add_signed(amount as isize);
            }
        }
        let moved =
            old.is_some() != node.is_some() || old.as_ref().zip(node.as_ref()).is_some_and(|(old, new)| old.zone() != new.zone());
        self.order_is_stale |= moved;
        for (key, domains) in self.keys.iter_mut().enumerate() {
            if let Some((from, to)) = domains.place(id, node.as_ref().map(|node| node.labels())) {
                let kinds = [&mut self.asked, &mut self.forbidden, &mut self.liked];
                kinds.into_iter().for_each(|tallies| tallies.moved(key, id, from, to));
            }
        }
        self.release(id);
        old
    }

    /// Puts a pod on its node: `assumed` if that is our own doing and not yet seen.
    pub fn place(&mut self, pod: Arc<Pod>, node: &str, assumed: bool) {
        if let Some(known) = self.pods.get_mut(pod.uid())
            && known.pod.same_to_plugins(&pod)
            && self.hosts[known.host as usize].name == node
        {
            self.hosts[known.host as usize].refresh(&pod);
            known.assumed &= assumed;
            known.pod = pod;
            return;
        }
        self.take_off(pod.uid());
        let host = self.host_named(node);
        self.hosts[host as usize].add(pod.clone());
        self.count(&pod, host, 1);
        self.pods.insert(pod.uid().into(), Placed { pod, host, assumed });
    }

    /// Removes a pod from its node.
    pub fn take_off(&mut self, uid: &str) -> Option<Arc<Pod>> {
        let Placed { pod, host, .. } = self.pods.remove(uid)?;
        self.hosts[host as usize].remove(uid);
        self.count(&pod, host, -1);
        self.release(host);
        Some(pod)
    }

    fn count(&mut self, pod: &Pod, host: NodeId, amount: i64) {
        self.asked.count(pod, self.namespaces.get(pod.namespace()), host, &self.keys, amount);
        let Some(terms) = pod.asks.terms.as_deref() else { return };
        for term in &terms.anti_affinity {
            let key = self.key(&term.topology_key);
            carry(&mut self.forbidden, term, (key, &self.keys), host, amount);
        }
        let required = terms.affinity.iter().map(|term| (term, HARD_POD_AFFINITY_WEIGHT));
        let preferred = terms.preferred.iter().map(|weighted| (&weighted.term, weighted.weight));
        for (term, weight) in required.chain(preferred) {
            let key = self.key(&term.topology_key);
            carry(&mut self.liked, term, (key, &self.keys), host, amount * weight);
        }
    }
}

fn carry(tallies: &mut Tallies, term: &Term, (key, keys): (usize, &[Domains]), host: NodeId, amount: i64) {
    tallies.of_term(term, key).add(host, &keys[key], amount);
    tallies.remove_if_empty(&term.identity);
}

fn count_image(images: &mut HashMap<String, u32>, image: &str, amount: i32) {
    let count = images.get(image).copied().unwrap_or(0).saturating_add_signed(amount);
    match count {
        0 => drop(images.remove(image)),
        _ => drop(images.insert(image.to_owned(), count)),
    }
}
