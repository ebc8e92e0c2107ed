//! From what the table has to what it should have, with as few commands as there are differences.

use crate::rules::{ElementKey, Part};
use crate::table::TABLE;
use node_os::nft::{Chain, Element, Rule, Transaction};
use reconcile::ObjectKey;
use std::collections::{BTreeMap, BTreeSet};

/// All Services in the table. Of two that want the same element, the first has it.
#[derive(Debug, Default)]
pub struct Parts {
    parts: BTreeMap<ObjectKey, Part>,
    owners: BTreeMap<ElementKey, ObjectKey>,
    /// Who else wants it.
    waiting: BTreeMap<ElementKey, BTreeSet<ObjectKey>>,
}

/// A transaction in the making, in the order that the kernel needs: nothing is named before it is there, nothing goes while
/// it is named.
#[derive(Debug, Default)]
pub struct Change {
    new_chains: BTreeSet<String>,
    flushed: BTreeSet<String>,
    old_sets: Vec<String>,
    new_sets: Vec<node_os::nft::Set>,
    old_elements: BTreeMap<&'static str, Vec<Element>>,
    new_elements: BTreeMap<&'static str, Vec<Element>>,
    rules: Vec<Rule>,
    /// Chains that are empty now and can go.
    pub stale: BTreeSet<String>,
}

impl Parts {
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.parts.keys()
    }

    /// Takes in what a Service wants; None: it is gone. Returns Services that wanted what became free.
    pub fn set(&mut self, key: &ObjectKey, wanted: Option<Part>, change: &mut Change) -> BTreeSet<ObjectKey> {
        let mut wanted = wanted.unwrap_or_default();
        let old = self.parts.remove(key).unwrap_or_default();
        wanted.elements.retain(|element, _| self.claim(element, key));
        let mut freed = BTreeSet::new();
        for element in old.elements.keys().filter(|element| !wanted.elements.contains_key(*element)) {
            self.owners.remove(element);
            freed.extend(self.waiting.remove(element).unwrap_or_default());
        }
        freed.remove(key);
        change.add(&old, &wanted);
        if wanted != Part::default() {
            self.parts.insert(key.clone(), wanted);
        }
        freed
    }

    fn claim(&mut self, element: &ElementKey, key: &ObjectKey) -> bool {
        let owner = self.owners.entry(element.clone()).or_insert_with(|| key.clone());
        let own = owner == key;
        if !own {
            self.waiting.entry(element.clone()).or_default().insert(key.clone());
        }
        own
    }

    /// Everything, for an empty table.
    pub fn whole(&self) -> Change {
        let mut change = Change::default();
        self.parts.values().for_each(|part| change.add(&Part::default(), part));
        change
    }
}

impl Change {
    fn add(&mut self, old: &Part, new: &Part) {
        let sets_changed = self.sets(old, new);
        for (name, rules) in &new.chains {
            match old.chains.get(name) {
                Some(known) if known == rules && !sets_changed => continue,
                Some(_) => drop(self.flushed.insert(name.clone())),
                None => drop(self.new_chains.insert(name.clone())),
            }
            self.rules.extend(rules.iter().cloned());
        }
        for name in old.chains.keys().filter(|name| !new.chains.contains_key(*name)) {
            self.flushed.insert(name.clone());
            self.stale.insert(name.clone());
        }
        for (key, element) in old.elements.iter().filter(|(key, element)| new.elements.get(*key) != Some(*element)) {
            self.old_elements.entry(key.0).or_default().push(element.clone());
        }
        for (key, element) in new.elements.iter().filter(|(key, element)| old.elements.get(*key) != Some(*element)) {
            self.new_elements.entry(key.0).or_default().push(element.clone());
        }
    }

    /// A set that changes is made anew, so that the rules that name it have to be, too.
    fn sets(&mut self, old: &Part, new: &Part) -> bool {
        let mut changed = false;
        for (name, set) in old.affinities.iter().filter(|(name, set)| new.affinities.get(*name) != Some(*set)) {
            changed |= new.affinities.contains_key(name);
            self.old_sets.push(set.name.clone());
        }
        let added = new.affinities.iter().filter(|(name, set)| old.affinities.get(*name) != Some(*set));
        self.new_sets.extend(added.map(|(_, set)| set.clone()));
        changed
    }

    /// Appends to `transaction`, which makes the table if there is none yet.
    pub fn write(self, mut transaction: Transaction) -> Transaction {
        for name in self.new_chains {
            transaction.add_chain(Chain::regular(name));
        }
        for name in self.flushed {
            transaction.flush_chain(name);
        }
        for name in self.old_sets {
            transaction.delete_set(name);
        }
        for set in self.new_sets {
            transaction.add_set(set);
        }
        for (set, elements) in self.old_elements {
            transaction.delete_elements(set, elements);
        }
        for rule in self.rules {
            transaction.add_rule(rule);
        }
        for (set, elements) in self.new_elements {
            transaction.add_elements(set, elements);
        }
        transaction
    }

    pub fn is_empty(&self) -> bool {
        // Whatever else changes goes with one of these.
        self.new_chains.is_empty() && self.flushed.is_empty() && self.old_elements.is_empty() && self.new_elements.is_empty()
    }

    /// Whether a chain that was to go is used again.
    pub fn revives(&self, chain: &str) -> bool {
        self.new_chains.contains(chain)
    }

    pub fn transaction(self) -> Transaction {
        self.write(Transaction::new(TABLE))
    }
}

/// Removes chains that nothing leads to any more. A transaction of its own: kernels before 6.2 may refuse it for a moment.
pub fn removal(stale: &BTreeSet<String>) -> Transaction {
    let mut transaction = Transaction::new(TABLE);
    for name in stale {
        transaction.delete_chain(name);
    }
    transaction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Endpoint, Endpoints};
    use crate::rules::tests::port;
    use crate::rules::{Surroundings, part};
    use crate::service::ServicePort;
    use crate::table::{Layout, fixed};
    use crate::trace::Tracer;
    use node_os::nft::{Command, Protocol};
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn wanted(port: &ServicePort, numbers: &[u8]) -> Part {
        let endpoint = Endpoint { ready: true, serving: true, ..Endpoint::default() };
        let places = numbers.iter().map(|number| ((Ipv4Addr::new(10, 0, 2, *number), 8080), endpoint.clone())).collect();
        part(std::slice::from_ref(port), &Endpoints::from([(("http".into(), Protocol::Tcp), places)]), &Surroundings::default())
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn table() -> Tracer {
        Tracer::new(&fixed(&Layout { node_addresses: Vec::new(), service_cidrs: Vec::new(), local_addresses: Vec::new() }), &[])
    }

    /// The first words of each command.
    fn words(transaction: &Transaction) -> Vec<String> {
        let short = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{} {} {}", words[0], words[1], words[4].split('-').next().unwrap_or_default())
        };
        transaction.to_string().lines().map(short).collect()
    }

    #[test]
    fn an_endpoint_touches_its_own_chain_and_its_services() {
        let (mut parts, mut kernel) = (Parts::default(), table());
        let mut step = |numbers: Option<&[u8]>, port: &ServicePort| {
            let mut change = Change::default();
            let freed = parts.set(&key("web"), numbers.map(|numbers| wanted(port, numbers)), &mut change);
            assert!(freed.is_empty());
            let stale = change.stale.clone();
            let transaction = change.transaction();
            transaction.commands.iter().chain(&removal(&stale).commands).for_each(|command| kernel.take(command));
            (words(&transaction), stale.len())
        };
        let port = port("web");
        step(Some(&[1, 2]), &port);
        assert_eq!(step(Some(&[1, 2]), &port), (Vec::new(), 0));
        let rules = ["add rule endpoint"; 2].into_iter().chain(["add rule service"; 3]);
        let added: Vec<_> = ["add chain endpoint", "flush chain service"].into_iter().chain(rules).collect();
        assert_eq!(step(Some(&[1, 2, 3]), &port), (added.iter().map(ToString::to_string).collect(), 0));
        let removed = ["flush chain endpoint", "flush chain service", "add rule service", "add rule service", "add rule service"];
        assert_eq!(step(Some(&[1, 3]), &port), (removed.map(ToString::to_string).to_vec(), 1));
        let (last, stale) = step(Some(&[]), &port);
        assert_eq!((last[3].as_str(), last[4].as_str(), stale), ("delete element service", "add element no", 3));
        step(Some(&[1]), &port);
        let affine = |seconds| ServicePort { affinity: Some(Duration::from_secs(seconds)), ..port.clone() };
        step(Some(&[1]), &affine(10));
        let (changed, _) = step(Some(&[1]), &affine(20));
        assert_eq!(changed[..4], ["flush chain endpoint", "flush chain service", "delete set affinity", "add set affinity"]);
        assert_eq!(step(None, &port).1, 2);
        assert_eq!(parts.keys().count(), 0);
    }

    #[test]
    fn of_two_with_the_same_external_address_the_first_has_it() {
        let external = |name: &str, last| {
            let cluster_ip = Ipv4Addr::new(10, 100, 0, last);
            ServicePort { cluster_ip, external_ips: vec![Ipv4Addr::new(198, 51, 100, 7)], ..port(name) }
        };
        let (first, second) = (external("a", 1), external("b", 2));
        let (mut parts, mut kernel) = (Parts::default(), table());
        let mut set = |name: &str, wanted: Option<Part>| {
            let mut change = Change::default();
            let freed = parts.set(&key(name), wanted, &mut change);
            change.transaction().commands.iter().for_each(|command| kernel.take(command));
            freed.into_iter().map(|key| key.name).collect::<Vec<_>>()
        };
        assert!(set("a", Some(wanted(&first, &[1]))).is_empty());
        assert!(set("b", Some(wanted(&second, &[2]))).is_empty());
        assert!(set("b", Some(wanted(&second, &[2, 3]))).is_empty());
        assert_eq!(set("a", None), ["b"]);
        assert!(set("b", Some(wanted(&second, &[2]))).is_empty());
        let whole = parts.whole().transaction();
        let addresses = whole.commands.iter().filter_map(|command| match command {
            Command::AddElements(set, elements) if set == "service-ips" => Some(elements.len()),
            _ => None,
        });
        assert_eq!(addresses.sum::<usize>(), 2, "its own and the other's");
    }
}
