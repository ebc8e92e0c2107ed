//! The snapshot that decisions look at: nodes, the pods on them and what is counted about them. It is owned by the
//! scheduling loop and changed in place by every event; nothing is copied or rescanned for a cycle.

mod budgets;
mod claims;
mod domains;
mod fingerprint;
mod groups;
mod host;
mod id;
mod nominated;
mod order;
mod tally;

pub use budgets::Budgets;
pub use claims::{Claim, Claims};
pub use domains::{Domains, HOSTNAME};
pub use groups::{GroupKind, Groups};
pub use host::Host;
pub use id::{DomainId, IdMap, NodeId};
pub use nominated::Nominated;
pub use tally::{Tallies, Tally};

use crate::model::{Effect, Node, Pod, Scope, Term};
use fingerprint::Fingerprint;
use meta::Labels;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How many distinct questions about pods (terms of incoming pods) are kept counted.
const MOST_QUESTIONS: usize = 4096;

#[derive(Debug)]
struct Placed {
    pod: Arc<Pod>,
    host: NodeId,
    /// Bound by us, not yet seen so.
    assumed: bool,
    fingerprint: Fingerprint,
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
    /// Pods that are being deleted in favour of others, though it may not show yet.
    doomed: HashSet<String>,
    pub groups: Groups,
    pub nominated: Nominated,
    pub budgets: Budgets,
    pub claims: Claims,
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
    /// What [`Cluster::ask`] has counted.
    pub fn asked(&self, scopes: &[&Scope], key: &str, living_only: bool) -> Option<&Tally> {
        self.asked.get(&self.question(scopes, key, living_only).1)
    }
    /// The node's domain, with the key it is one of.
    pub fn domain(&self, key: &str, node: NodeId) -> Option<(usize, DomainId)> {
        let key = self.keys.iter().position(|domains| domains.key() == key)?;
        Some((key, self.keys[key].of(node)?))
    }
    /// How many nodes have the label.
    pub fn labelled(&self, key: &str) -> usize {
        self.keys.iter().find(|domains| domains.key() == key).map_or(0, Domains::labelled)
    }
    pub fn placed(&self, uid: &str) -> Option<(&Arc<Pod>, NodeId)> {
        self.pods.get(uid).map(|placed| (&placed.pod, placed.host))
    }
    pub fn is_assumed(&self, uid: &str) -> bool {
        self.pods.get(uid).is_some_and(|placed| placed.assumed)
    }

    /// Remembers, or forgets, that the pod is on its way out in favour of another.
    pub fn doom(&mut self, uid: &str, is_doomed: bool) {
        if is_doomed {
            self.doomed.insert(uid.into())
        } else {
            self.doomed.remove(uid)
        };
    }
    pub fn is_doomed(&self, pod: &Pod) -> bool {
        self.doomed.contains(pod.uid()) || (pod.is_deleting() && pod.is_victim)
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
    fn resolved<'a>(&self, scope: &'a Scope) -> Cow<'a, Scope> {
        let Some(selector) = scope.namespace_selector.as_ref().filter(|selector| !selector.is_empty()) else {
            return Cow::Borrowed(scope);
        };
        let mut namespaces = scope.namespaces.clone();
        namespaces.extend(self.namespaces.iter().filter(|(_, labels)| selector.matches(*labels)).map(|(name, _)| name.clone()));
        namespaces.sort();
        namespaces.dedup();
        Cow::Owned(Scope::new(namespaces, None, scope.selector.clone()))
    }

    /// Scopes with their namespaces resolved, and what identifies the question.
    fn question<'a>(&self, scopes: &[&'a Scope], key: &str, living_only: bool) -> (Vec<Cow<'a, Scope>>, String) {
        let scopes: Vec<Cow<'a, Scope>> = scopes.iter().map(|scope| self.resolved(scope)).collect();
        let mut identity = String::from(key);
        identity.push(if living_only { '+' } else { '*' });
        scopes.iter().for_each(|scope| identity.push_str(&scope.identity));
        (scopes, identity)
    }

    /// Has the pods that all `scopes` cover counted from now on, by domains of `key`: with or without those on their way
    /// out.
    pub fn ask(&mut self, scopes: &[&Scope], key: &str, living_only: bool) {
        let (scopes, identity) = self.question(scopes, key, living_only);
        let key = self.key(key);
        let owned = || (scopes.into_iter().map(Cow::into_owned).collect(), living_only);
        let (tally, is_new) = self.asked.entry(&identity, owned, key);
        if is_new {
            let required = tally.fingerprint();
            for placed in self.pods.values().filter(|placed| placed.fingerprint.has(required)) {
                if tally.covers(&placed.pod, self.namespaces.get(placed.pod.namespace())) {
                    tally.add(placed.host, &self.keys[key], 1);
                }
            }
        }
        self.asked.touch(&identity, self.cycle);
    }

    /// Keeps room on the node for the pod. Empty: no longer.
    pub fn nominate(&mut self, pod: &Arc<Pod>, node: &str) {
        for term in pod.asks.terms.iter().flat_map(|terms| &terms.anti_affinity) {
            self.key(&term.topology_key);
        }
        self.nominated.set(pod, node);
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
        self.summarize(old.as_deref(), -1);
        self.summarize(node.as_deref(), 1);
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

    /// Counts what is known of all nodes together.
    fn summarize(&mut self, node: Option<&Node>, amount: i32) {
        let Some(node) = node else { return };
        node.images.keys().for_each(|image| count_image(&mut self.images, image, amount));
        if node.taints.iter().any(|taint| taint.effect == Effect::PreferNoSchedule) {
            self.avoided = self.avoided.saturating_add_signed(amount as isize);
        }
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
        let fingerprint = Fingerprint::of(&pod);
        self.pods.insert(pod.uid().into(), Placed { pod, host, assumed, fingerprint });
    }

    /// Removes a pod from its node, whose place it returns.
    pub fn take_off(&mut self, uid: &str) -> Option<(Arc<Pod>, NodeId)> {
        let Placed { pod, host, .. } = self.pods.remove(uid)?;
        self.doomed.remove(uid);
        self.hosts[host as usize].remove(uid);
        self.count(&pod, host, -1);
        self.release(host);
        Some((pod, host))
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
