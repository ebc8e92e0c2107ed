//! From what the table has to what it should have, with as few commands as there are differences.

use crate::rules::{ElementKey, Part};
use crate::table::{HAIRPINS, TABLE};
use crate::way::Way;
use node_os::nft::{Chain, Command, Datum, Element, Rule, Transaction};
use reconcile::ObjectKey;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What only one Service can have: an address, or a port of one.
type Front = Vec<Datum>;

fn front_of((_, key): &ElementKey) -> Front {
    key.iter().take(3).copied().collect()
}

/// All Services in the table. Of two that want the same front, the first has it.
#[derive(Debug)]
pub struct Parts {
    pod_links: String,
    parts: BTreeMap<ObjectKey, Part>,
    owners: BTreeMap<Front, ObjectKey>,
    /// Who else wants it.
    waiting: BTreeMap<Front, BTreeSet<ObjectKey>>,
    /// All that have been needed so far: they are few.
    ways: BTreeSet<Way>,
    /// How many Services have each.
    hairpins: BTreeMap<Ipv4Addr, usize>,
}

/// A transaction in the making, in the order that the kernel needs: nothing is named before it is there, nothing goes while
/// it is named.
#[derive(Debug, Default)]
pub struct Change {
    /// New ones, whole.
    ways: Vec<Command>,
    /// Whether each was there before, and is now.
    hairpins: BTreeMap<Ipv4Addr, (bool, bool)>,
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
    pub fn new(pod_links: &str) -> Self {
        let (parts, owners, waiting, hairpins) = Default::default();
        Self { pod_links: pod_links.to_owned(), parts, owners, waiting, ways: BTreeSet::new(), hairpins }
    }

    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.parts.keys()
    }

    /// Takes in what a Service wants; None: it is gone. Returns Services that wanted what became free.
    pub fn set(&mut self, key: &ObjectKey, wanted: Option<Part>, change: &mut Change) -> BTreeSet<ObjectKey> {
        let mut wanted = wanted.unwrap_or_default();
        let old = self.parts.remove(key).unwrap_or_default();
        wanted.elements.retain(|element, _| self.claim(front_of(element), key));
        let fronts = |part: &Part| part.elements.keys().map(front_of).collect::<BTreeSet<_>>();
        let mut freed = BTreeSet::new();
        for front in &fronts(&old) - &fronts(&wanted) {
            self.owners.remove(&front);
            freed.extend(self.waiting.remove(&front).unwrap_or_default());
        }
        freed.remove(key);
        for way in wanted.ways.iter().filter(|way| self.ways.insert(**way)) {
            change.ways.extend(way.commands(&self.pod_links));
        }
        self.count_hairpins(&old.hairpins, &wanted.hairpins, change);
        change.add(&old, &wanted);
        if wanted != Part::default() {
            self.parts.insert(key.clone(), wanted);
        }
        freed
    }

    fn claim(&mut self, front: Front, key: &ObjectKey) -> bool {
        let own = self.owners.entry(front.clone()).or_insert_with(|| key.clone()) == key;
        if !own {
            self.waiting.entry(front).or_default().insert(key.clone());
        }
        own
    }

    fn count_hairpins(&mut self, old: &BTreeSet<Ipv4Addr>, new: &BTreeSet<Ipv4Addr>, change: &mut Change) {
        for address in old.symmetric_difference(new) {
            let count = self.hairpins.entry(*address).or_default();
            let before = *count > 0;
            *count = if new.contains(address) { *count + 1 } else { count.saturating_sub(1) };
            let now = *count > 0;
            if !now {
                self.hairpins.remove(address);
            }
            change.hairpins.entry(*address).or_insert((before, now)).1 = now;
        }
    }

    /// Everything, for an empty table.
    pub fn whole(&self) -> Change {
        let mut change = Change {
            ways: self.ways.iter().flat_map(|way| way.commands(&self.pod_links)).collect(),
            hairpins: self.hairpins.keys().map(|address| (*address, (false, true))).collect(),
            ..Change::default()
        };
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
    pub fn write(mut self, mut transaction: Transaction) -> Transaction {
        self.hairpin_elements();
        transaction.commands.append(&mut self.ways);
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

    fn hairpin_elements(&mut self) {
        for (address, state) in std::mem::take(&mut self.hairpins) {
            let element = Element::new([Datum::Address(address); 2]);
            match state {
                (false, true) => self.new_elements.entry(HAIRPINS).or_default().push(element),
                (true, false) => self.old_elements.entry(HAIRPINS).or_default().push(element),
                _ => {}
            }
        }
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
        Tracer::new(&fixed(&Layout { service_cidrs: Vec::new(), local_addresses: Vec::new() }), &[])
    }

    /// The first words of each command.
    fn words(transaction: &Transaction) -> Vec<String> {
        let short = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{} {} {}", words[0], words[1], words[4].split('-').next().unwrap_or_default())
        };
        transaction.to_string().lines().map(short).collect()
    }

    /// Of one Service, step by step, and how many chains are without rules then.
    fn steps(steps: &[(Option<&[u8]>, ServicePort)]) -> Vec<(Vec<String>, usize)> {
        let (mut parts, mut kernel) = (Parts::new("eni*"), table());
        let step = |(numbers, port): &(Option<&[u8]>, ServicePort)| {
            let mut change = Change::default();
            let freed = parts.set(&key("web"), numbers.map(|numbers| wanted(port, numbers)), &mut change);
            assert!(freed.is_empty());
            let stale = change.stale.clone();
            let transaction = change.transaction();
            transaction.commands.iter().chain(&removal(&stale).commands).for_each(|command| kernel.take(command));
            (words(&transaction), stale.len())
        };
        steps.iter().map(step).collect()
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_service_is_nothing_but_elements() {
        let web = || port("web");
        let steps = steps(&[
            (Some(&[1, 2]), web()),
            (Some(&[1, 2]), web()),
            (Some(&[1, 3]), web()),
            (Some(&[1, 3, 4]), web()),
            (Some(&[1, 3]), web()),
            (Some(&[]), web()),
            (None, web()),
        ]);
        let way = ["add chain to", "add rule to", "add rule to", "add element ways"];
        let first = ["add element cluster", "add element cluster", "add element hairpins", "add element service"];
        assert_eq!(steps[0], (strings(&[&way[..], &first].concat()), 0));
        assert_eq!(steps[1], (Vec::new(), 0));
        let moved = ["delete element cluster", "delete element hairpins", "add element cluster", "add element hairpins"];
        assert_eq!(steps[2], (strings(&moved), 0), "an endpoint for another one: no chain, no rule");
        let more = ["delete element service", "add element cluster", "add element hairpins", "add element service"];
        assert_eq!(steps[3], (strings(&[&way[..], &more].concat()), 0), "three is a new number of endpoints");
        let less = ["delete element cluster", "delete element hairpins", "delete element service", "add element service"];
        assert_eq!(steps[4], (strings(&less), 0), "two is a known one");
        let none = ["delete element cluster", "delete element hairpins", "delete element service", "add element no"];
        assert_eq!(steps[5], (strings(&none), 0));
        assert_eq!(steps[6], (strings(&["delete element cluster", "delete element no"]), 0));
    }

    #[test]
    fn a_service_that_keeps_its_clients_changes_its_own_chains() {
        let affine = |seconds| ServicePort { affinity: Some(Duration::from_secs(seconds)), ..port("web") };
        let steps = steps(&[
            (Some(&[1, 2]), affine(10)),
            (Some(&[1, 2, 3]), affine(10)),
            (Some(&[1, 3]), affine(10)),
            (Some(&[1, 3]), affine(20)),
            (Some(&[1]), port("web")),
        ]);
        let added = ["add chain endpoint", "flush chain service", "add set affinity"];
        let rules = ["add rule endpoint", "add rule endpoint"].into_iter().chain(["add rule service"; 4]);
        let added: Vec<&str> = added.into_iter().chain(rules).chain(["add element hairpins"]).collect();
        assert_eq!(steps[1], (strings(&added), 0));
        assert_eq!(steps[2].0[..3], strings(&["flush chain endpoint", "flush chain service", "delete set affinity"]));
        assert_eq!(steps[2].1, 1);
        assert!(steps[3].0.iter().filter(|words| *words == "add set affinity").count() == 2, "{:?}", steps[3]);
        assert_eq!(steps[4].1, 4, "two endpoints, their Service, and what leads there");
    }

    #[test]
    fn endpoints_are_hairpins_as_long_as_a_service_has_them() {
        let mut parts = Parts::new("eni*");
        let mut set = |name: &str, numbers: Option<&[u8]>| {
            let mut change = Change::default();
            let port = ServicePort { cluster_ip: Ipv4Addr::new(10, 100, 0, name.len() as u8), ..port(name) };
            parts.set(&key(name), numbers.map(|numbers| wanted(&port, numbers)), &mut change);
            let transaction = change.transaction().to_string();
            transaction
                .lines()
                .filter(|line| line.contains("hairpins"))
                .map(|line| line.split(' ').next().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        assert_eq!(set("a", Some(&[1])), [Some("add".into())]);
        assert_eq!(set("bb", Some(&[1])), []);
        assert_eq!(set("a", None), []);
        assert_eq!(set("bb", Some(&[])), [Some("delete".into())]);
    }

    #[test]
    fn of_two_with_the_same_external_address_the_first_has_it() {
        let external = |name: &str, last| {
            let cluster_ip = Ipv4Addr::new(10, 100, 0, last);
            ServicePort { cluster_ip, external_ips: vec![Ipv4Addr::new(198, 51, 100, 7)], ..port(name) }
        };
        let (first, second) = (external("a", 1), external("b", 2));
        let (mut parts, mut kernel) = (Parts::new("eni*"), table());
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
            Command::AddElements(set, elements) if set == "service-ways" => Some(elements.len()),
            _ => None,
        });
        assert_eq!(addresses.sum::<usize>(), 2, "its own and the other's");
    }
}
