//! A VPC's load balancers as nftables rules of its router, made purely.
//!
//! `fronts` finds the listener of a packet's destination; its chain counts and goes to the chain that spreads, which goes to
//! a target's chain, which counts and translates the destination. Only the chain that spreads changes with the targets'
//! health, so that counts stay. Connection tracking keeps a connection at its target, and turns the answers back.

use super::choice::{Backend, Choice, Front, Spread};
use super::records;
use node_os::nft::{
    self, Chain, ChainType, Datum, Element, Field, Hook, Kind, Protocol, Rule, Set, Statement, Transaction, Verdict,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub const TABLE: &str = "pilothouse-elb";
const FRONTS: &str = "fronts";
const SOURCES: &str = "sources";
const COMMENT: &str = "Network Load Balancers of the VPC";

/// What fills the table: the bodies of its chains, and the elements of its maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    chains: BTreeMap<String, Vec<Vec<Statement>>>,
    /// Verdicts by map and key.
    elements: BTreeMap<(&'static str, Vec<Datum>), Verdict>,
}

pub fn listener_chain(listener: &str, zone: &str) -> String {
    format!("listener-{listener}/{zone}")
}

pub fn target_chain(backend: &Backend) -> String {
    format!("target-{}/{}/{}", backend.group, backend.address, backend.port)
}

fn goto(chain: impl Into<String>) -> Verdict {
    Verdict::Goto(chain.into())
}

impl Rules {
    pub fn of(choice: &Choice) -> Self {
        let mut rules = Self::default();
        choice.fronts.iter().for_each(|(front, spread)| rules.front(front, spread));
        rules
    }

    fn front(&mut self, front: &Front, spread: &Spread) {
        let listener = listener_chain(&spread.listener, &spread.zone);
        let spreads = format!("spread-{}/{}", spread.listener, spread.zone);
        let mut first = vec![Statement::Counter];
        if spread.hides_client {
            first.push(Statement::MarkOr(self.source(front.address)));
        }
        first.push(Statement::Verdict(goto(&spreads)));
        self.elements.insert((FRONTS, key(front)), goto(&listener));
        self.chains.insert(listener, vec![first]);
        let targets: Vec<Verdict> = spread.backends.iter().map(|backend| goto(self.target(backend))).collect();
        let by = if spread.sticky { nft::Spread::Hash(vec![Field::Source]) } else { nft::Spread::Random };
        self.chains.insert(spreads, vec![vec![Statement::Spread(by, targets)]]);
    }

    fn target(&mut self, backend: &Backend) -> String {
        let chain = target_chain(backend);
        let body = vec![Statement::Counter, Statement::Dnat(backend.address, Some(backend.port))];
        self.chains.insert(chain.clone(), vec![body]);
        chain
    }

    /// The mark of packets that are to leave with this source: the address itself, as a number.
    fn source(&mut self, address: Ipv4Addr) -> u32 {
        let (chain, mark) = (format!("source-{address}"), u32::from(address));
        self.elements.insert((SOURCES, vec![Datum::Mark(mark)]), goto(&chain));
        self.chains.insert(chain, vec![vec![Statement::Snat(address)]]);
        mark
    }

    /// The whole table, in place of what there may be of it.
    pub fn replace(&self) -> Transaction {
        let mut change = Transaction::new(TABLE);
        change.replace_table(COMMENT);
        change.add_set(Set::map(FRONTS, [Kind::Address, Kind::Protocol, Kind::Port]));
        change.add_set(Set::map(SOURCES, [Kind::Mark]));
        let to_listener = || Statement::Lookup(vec![Field::Destination, Field::Protocol, Field::DestinationPort], FRONTS.into());
        // Who is in the VPC comes by the first, who is on the host by the second.
        for (name, hook, priority, rule) in [
            ("prerouting", Hook::Prerouting, Chain::DSTNAT, to_listener()),
            ("output", Hook::Output, Chain::DSTNAT, to_listener()),
            ("postrouting", Hook::Postrouting, Chain::SRCNAT, Statement::Lookup(vec![Field::Mark], SOURCES.into())),
        ] {
            change.add_chain(Chain::base(name, ChainType::Nat, hook, priority)).add_rule(Rule::new(name, [rule]));
        }
        change.commands.extend(self.difference(&Self::default()).commands);
        change
    }

    /// No table, whether there is one or not.
    pub fn remove() -> Transaction {
        let mut change = Transaction::new(TABLE);
        change.remove_table();
        change
    }

    /// What turns the table that was filled from `before` into this one. Maps let go of chains before chains go.
    pub fn difference(&self, before: &Self) -> Transaction {
        let mut change = Transaction::new(TABLE);
        for ((map, key), verdict) in &before.elements {
            if self.elements.get(&(*map, key.clone())) != Some(verdict) {
                change.delete_elements(*map, [element(key, verdict)]);
            }
        }
        let changed = self.chains.iter().filter(|(name, body)| before.chains.get(*name) != Some(*body));
        let changed: Vec<(&String, &Vec<Vec<Statement>>)> = changed.collect();
        changed.iter().filter(|(name, _)| !before.chains.contains_key(*name)).for_each(|(name, _)| {
            change.add_chain(Chain::regular(*name));
        });
        for (name, body) in changed {
            if before.chains.contains_key(name) {
                change.flush_chain(name);
            }
            for statements in body {
                change.add_rule(Rule::new(name, statements.clone()));
            }
        }
        for ((map, key), verdict) in &self.elements {
            if before.elements.get(&(*map, key.clone())) != Some(verdict) {
                change.add_elements(*map, [element(key, verdict)]);
            }
        }
        let gone: Vec<&String> = before.chains.keys().filter(|name| !self.chains.contains_key(*name)).collect();
        for name in &gone {
            change.flush_chain(*name);
        }
        for name in gone {
            change.delete_chain(name);
        }
        change
    }
}

fn element(key: &[Datum], verdict: &Verdict) -> Element {
    Element::new(key).verdict(verdict.clone())
}

fn key(front: &Front) -> Vec<Datum> {
    let protocol = match front.protocol {
        records::Protocol::Tcp => Protocol::Tcp,
        records::Protocol::Udp => Protocol::Udp,
    };
    vec![Datum::Address(front.address), Datum::Protocol(protocol), Datum::Port(front.port)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 50);

    fn backend(number: u8) -> Backend {
        Backend { group: "tg".into(), address: Ipv4Addr::new(10, 0, 1, number), port: 30080 }
    }

    fn choice(backends: &[u8], edit: impl Fn(&mut Spread)) -> Choice {
        let mut spread = Spread {
            listener: "lb.one".into(),
            zone: "us-east-1a".into(),
            backends: backends.iter().map(|number| backend(*number)).collect::<BTreeSet<_>>(),
            sticky: false,
            hides_client: false,
        };
        edit(&mut spread);
        let front = Front { address: A, protocol: records::Protocol::Tcp, port: 80 };
        Choice { fronts: BTreeMap::from([(front, spread)]), names: BTreeMap::new() }
    }

    fn lines(change: &Transaction) -> Vec<String> {
        change.to_string().lines().map(|line| line.replace(&format!("ip {TABLE} "), "")).collect()
    }

    #[test]
    fn a_table_in_full() {
        let rules = Rules::of(&choice(&[23, 24], |spread| spread.hides_client = true));
        let text = rules.replace().to_string();
        assert_eq!(text.trim_end(), include_str!("rules.golden").trim_end(), "{text}");
    }

    #[test]
    fn only_the_difference_is_told() {
        let none = Choice::default();
        let two = choice(&[23, 24], |_| ());
        let one = choice(&[23], |_| ());
        let sticky = choice(&[23, 24], |spread| spread.sticky = true);
        let spread = "spread-lb.one/us-east-1a";
        let target = |number: u8| format!("target-tg/10.0.1.{number}/30080");
        let flush = format!("flush chain {spread}");
        for (before, after, expected) in [
            (&two, &two, vec![]),
            (
                &two,
                &one,
                vec![
                    flush.clone(),
                    format!("add rule {spread} numgen random mod 1 vmap {{ 0 : goto {} }}", target(23)),
                    format!("flush chain {}", target(24)),
                    format!("delete chain {}", target(24)),
                ],
            ),
            (
                &one,
                &two,
                vec![
                    format!("add chain {}", target(24)),
                    flush.clone(),
                    format!("add rule {spread} numgen random mod 2 vmap {{ 0 : goto {}, 1 : goto {} }}", target(23), target(24)),
                    format!("add rule {} counter dnat to 10.0.1.24:30080", target(24)),
                ],
            ),
            (
                &two,
                &sticky,
                vec![
                    flush.clone(),
                    format!(
                        "add rule {spread} jhash ip saddr mod 2 seed 0x7068 vmap {{ 0 : goto {}, 1 : goto {} }}",
                        target(23),
                        target(24)
                    ),
                ],
            ),
            (
                &one,
                &none,
                vec![
                    "delete element fronts { 10.0.1.50 . tcp . 80 : goto listener-lb.one/us-east-1a }".to_owned(),
                    "flush chain listener-lb.one/us-east-1a".to_owned(),
                    flush,
                    format!("flush chain {}", target(23)),
                    "delete chain listener-lb.one/us-east-1a".to_owned(),
                    format!("delete chain {spread}"),
                    format!("delete chain {}", target(23)),
                ],
            ),
        ] {
            assert_eq!(lines(&Rules::of(after).difference(&Rules::of(before))), expected);
        }
    }
}
