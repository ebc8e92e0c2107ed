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
