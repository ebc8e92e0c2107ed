//! From what the kernel has to what a transaction would make of nothing, leaving alone what is right already.

use super::existing::{Existing, fingerprint};
use super::{Chain, Command, Element, Rule, Set, Transaction};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub change: Transaction,
    /// Chains without rules that can be deleted once that is done.
    pub stale: BTreeSet<String>,
}

/// What a transaction makes of an empty table.
#[derive(Default)]
struct Wanted<'a> {
    chains: BTreeMap<&'a str, (Option<&'a Chain>, Vec<&'a Rule>)>,
    sets: BTreeMap<&'a str, &'a Set>,
    elements: BTreeMap<&'a str, BTreeSet<&'a Element>>,
}

impl<'a> Wanted<'a> {
    fn of(transaction: &'a Transaction) -> Self {
        let mut wanted = Self::default();
        for command in &transaction.commands {
            match command {
                Command::AddChain(chain) => wanted.chains.entry(&chain.name).or_default().0 = Some(chain),
                Command::AddRule(rule) => wanted.chains.entry(&rule.chain).or_default().1.push(rule),
                Command::AddSet(set) => wanted.sets.extend([(set.name.as_str(), set)]),
                Command::AddElements(set, elements) => wanted.elements.entry(set).or_default().extend(elements),
                // Of an empty table nothing can be taken.
                _ => {}
            }
        }
        wanted
    }
}

impl Existing {
    /// None: a set is of another kind, so that all rules which name it would have to go with it.
    pub fn difference(&self, wanted: &Transaction) -> Option<Difference> {
        let mut change = Transaction::new(wanted.table.as_str());
        let wanted = Wanted::of(wanted);
        let rules = self.chains(&wanted, &mut change);
        let stale: BTreeSet<_> = self.chains.keys().filter(|name| !wanted.chains.contains_key(name.as_str())).cloned().collect();
        for name in stale.iter().filter(|name| !self.chains[*name].is_empty()) {
            change.flush_chain(name);
        }
        self.sets(&wanted, &mut change)?;
        let added = self.old_elements(&wanted, &mut change);
        for rule in rules {
            change.add_rule(rule.clone());
        }
        for (set, elements) in added {
            change.add_elements(set, elements);
        }
        Some(Difference { change, stale })
    }

    /// Returns the rules of the chains that are empty then.
    fn chains<'a>(&self, wanted: &Wanted<'a>, change: &mut Transaction) -> Vec<&'a Rule> {
        let mut missing = Vec::new();
        for (name, (chain, rules)) in &wanted.chains {
            match (self.chains.get(*name), chain) {
                (Some(known), _) if known.iter().copied().eq(rules.iter().map(|rule| Some(fingerprint(rule)))) => continue,
                (Some(_), _) => {
                    change.flush_chain(*name);
                }
                (None, chain) => {
                    change.commands.extend(chain.map(|chain| Command::AddChain(chain.clone())));
                }
            }
            missing.extend(rules);
        }
        missing
    }

    fn sets(&self, wanted: &Wanted<'_>, change: &mut Transaction) -> Option<()> {
        for name in self.sets.keys().filter(|name| !wanted.sets.contains_key(name.as_str())) {
            change.delete_set(name);
        }
        for (name, set) in &wanted.sets {
            match self.sets.get(*name) {
                Some(known) if known.as_ref() != Some(*set) => return None,
                Some(_) => {}
                None => {
                    change.add_set((*set).clone());
                }
            }
        }
        Some(())
    }

    /// Removes what is not wanted, and returns what is missing.
    fn old_elements<'a>(&self, wanted: &Wanted<'a>, change: &mut Transaction) -> Vec<(&'a str, Vec<Element>)> {
        let mut added = Vec::new();
        for name in wanted.sets.keys() {
            let known: BTreeSet<&Element> = self.elements.get(*name).into_iter().flatten().collect();
            let wanted = wanted.elements.get(name).cloned().unwrap_or_default(); // an empty set
            let cloned = |elements: BTreeSet<&Element>| elements.into_iter().cloned().collect::<Vec<_>>();
            let (old, new) = (cloned(&known - &wanted), cloned(&wanted - &known));
            if !old.is_empty() {
                change.delete_elements(*name, old);
            }
            if !new.is_empty() {
                added.push((*name, new));
            }
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::{Datum, Kind, Statement, Verdict};
    use std::time::Duration;

    fn wanted() -> Transaction {
        let mut wanted = Transaction::new("t");
        wanted.replace_table("").add_chain(Chain::regular("a")).add_chain(Chain::regular("b"));
        wanted
            .add_set(Set::map("ports", [Kind::Port]))
            .add_set(Set::new("clients", [Kind::Address]).timeout(Duration::from_secs(9)));
        wanted.add_rule(Rule::new("a", [Statement::Counter])).add_rule(Rule::new("a", [Statement::Reject]));
        wanted.add_rule(Rule::new("b", [Statement::Counter]));
        wanted.add_elements("ports", [element(80), element(443)]);
        wanted
    }

    fn element(port: u16) -> Element {
        Element::new([Datum::Port(port)]).verdict(Verdict::Goto("a".into()))
    }

    fn existing() -> Existing {
        let transaction = wanted();
        let wanted = Wanted::of(&transaction);
        let prints = |rules: &Vec<&Rule>| rules.iter().map(|rule| Some(fingerprint(rule))).collect();
        Existing {
            chains: wanted.chains.iter().map(|(name, (_, rules))| ((*name).to_owned(), prints(rules))).collect(),
            sets: wanted.sets.iter().map(|(name, set)| ((*name).to_owned(), Some((*set).clone()))).collect(),
            elements: wanted
                .elements
                .iter()
                .map(|(name, all)| ((*name).to_owned(), all.iter().copied().cloned().collect()))
                .collect(),
        }
    }

    fn check(spoil: impl FnOnce(&mut Existing), expected: &[&str], stale: &[&str]) {
        let mut existing = existing();
        spoil(&mut existing);
        let difference = existing.difference(&wanted()).expect("sets of the same kind");
        let text = difference.change.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines.as_slice(), difference.stale.iter().map(String::as_str).collect::<Vec<_>>()),
            (expected, stale.to_vec())
        );
    }

    #[test]
    fn only_what_differs_is_written() {
        check(|_| {}, &[], &[]);
        let rules = ["add rule ip t a counter", "add rule ip t a reject"];
        check(|e| e.chains.get_mut("a").expect("a").reverse(), &["flush chain ip t a", rules[0], rules[1]], &[]);
        check(|e| e.chains.get_mut("a").expect("a").push(None), &["flush chain ip t a", rules[0], rules[1]], &[]);
        check(|e| drop(e.chains.remove("a")), &["add chain ip t a", rules[0], rules[1]], &[]);
        check(|e| drop(e.chains.insert("old".into(), vec![None])), &["flush chain ip t old"], &["old"]);
        check(|e| drop(e.chains.insert("old".into(), vec![])), &[], &["old"]);
        check(|e| drop(e.sets.insert("old".into(), None)), &["delete set ip t old"], &[]);
        check(
            |e| e.elements.get_mut("ports").expect("ports")[0] = element(8080),
            &["delete element ip t ports { 8080 : goto a }", "add element ip t ports { 80 : goto a }"],
            &[],
        );
    }

    #[test]
    fn a_set_of_another_kind_is_beyond_repair() {
        let mut existing = existing();
        existing.sets.insert("clients".into(), Some(Set::new("clients", [Kind::Address])));
        assert_eq!(existing.difference(&wanted()), None);
    }
}
