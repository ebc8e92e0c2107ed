//! Follows a packet through a transaction's rules, as the kernel would. For tests: says where it ends up and by which chains.

use node_os::nft::{Command, CtState, Datum, Field, Protocol, Spread, Statement, Test, Transaction, Verdict};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub protocol: Protocol,
    pub port: u16,
    /// By which link it comes; empty: from the node itself.
    pub input: &'static str,
    pub mark: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// To this place; whether masqueraded.
    Delivered(Ipv4Addr, u16, bool),
    Dropped,
    Rejected,
}

enum Outcome {
    /// The next rule of the chain that called.
    Continue,
    Accept,
    End(End),
}

/// What the kernel would have after the transaction.
pub struct Tracer {
    chains: BTreeMap<String, Vec<Vec<Statement>>>,
    elements: BTreeMap<(String, Vec<Datum>), Option<Verdict>>,
    local: Vec<Ipv4Addr>,
    /// Which of several verdicts chance takes.
    pub choice: usize,
}

impl Tracer {
    pub fn new(transaction: &Transaction, local: &[Ipv4Addr]) -> Self {
        let mut tracer = Self { chains: BTreeMap::new(), elements: BTreeMap::new(), local: local.into(), choice: 0 };
        transaction.commands.iter().for_each(|command| tracer.take(command));
        tracer
    }

    pub fn take(&mut self, command: &Command) {
        match command {
            Command::AddTable { .. } | Command::AddSet(_) => {}
            Command::DeleteTable => (self.chains, self.elements) = Default::default(),
            Command::AddChain(chain) => drop(self.chains.entry(chain.name.clone()).or_default()),
            Command::FlushChain(name) => self.chains.get_mut(name).expect("flushed chains are there").clear(),
            Command::DeleteChain(name) => assert_eq!(self.chains.remove(name).expect("it is there"), Vec::<Vec<_>>::new()),
            Command::FlushSet(set) | Command::DeleteSet(set) => self.elements.retain(|(name, _), _| name != set),
            Command::AddElements(set, elements) => {
                for element in elements {
                    let known = self.elements.insert((set.clone(), element.key.clone()), element.verdict.clone());
                    assert!(known.is_none_or(|known| known == element.verdict), "{set} {element} is another already");
                }
            }
            Command::DeleteElements(set, elements) => {
                for element in elements {
                    self.elements.remove(&(set.clone(), element.key.clone())).expect("deleted elements are there");
                }
            }
            Command::AddRule(rule) => {
                self.chains.get_mut(&rule.chain).expect("rules are of chains").push(rule.statements.clone());
            }
        }
    }

    /// The first packet of a connection.
    pub fn send(&self, mut packet: Packet) -> End {
        let from_node = packet.input.is_empty();
        let nat = self.chain(if from_node { "nat-output" } else { "nat-prerouting" }, &mut packet);
        assert!(!matches!(nat, Outcome::End(End::Dropped | End::Rejected)), "translation refuses nothing");
        let hook = match (from_node, self.local.contains(&packet.destination)) {
            (true, _) => "filter-output",
            (false, true) => "filter-input",
            (false, false) => "filter-forward",
        };
        if let Outcome::End(end) = self.chain(hook, &mut packet) {
            return end;
        }
        let masqueraded = matches!(self.chain("nat-postrouting", &mut packet), Outcome::End(End::Delivered(..)));
        End::Delivered(packet.destination, packet.port, masqueraded)
    }

    fn chain(&self, name: &str, packet: &mut Packet) -> Outcome {
        for rule in self.chains.get(name).unwrap_or_else(|| panic!("there is no chain {name}")) {
            match self.rule(rule, packet) {
                Some(Verdict::Return) | None => {}
                Some(Verdict::Accept) => return Outcome::Accept,
                Some(Verdict::Drop) => return Outcome::End(End::Dropped),
                Some(Verdict::Goto(chain)) if chain == REJECTED => return Outcome::End(End::Rejected),
                Some(Verdict::Goto(chain)) if chain == DELIVERED => {
                    return Outcome::End(End::Delivered(packet.destination, packet.port, true));
                }
                Some(Verdict::Goto(chain)) => return self.chain(&chain, packet),
                Some(Verdict::Jump(chain)) => match self.chain(&chain, packet) {
                    Outcome::Continue => {}
                    other => return other,
                },
            }
            if matches!(rule.last(), Some(Statement::Verdict(Verdict::Return))) && self.matches(rule, packet) {
                return Outcome::Continue;
            }
        }
        Outcome::Continue
    }

    fn matches(&self, rule: &[Statement], packet: &Packet) -> bool {
        self.rule(rule, &mut packet.clone()) == Some(Verdict::Return)
    }

    /// None: a statement did not match, or none decided.
    fn rule(&self, statements: &[Statement], packet: &mut Packet) -> Option<Verdict> {
        let is = |test: &Test, holds: bool| (*test == Test::Is) == holds;
        for statement in statements {
            let matched = match statement {
                Statement::Source(test, net) => is(test, net.contains(&packet.source)),
                Statement::Destination(test, net) => is(test, net.contains(&packet.destination)),
                Statement::Protocol(protocol) => packet.protocol == *protocol,
                Statement::DestinationPort(test, port) => is(test, packet.port == *port),
                Statement::InputLink(test, name) => is(test, packet.input.starts_with(name.trim_end_matches('*'))),
                Statement::SourceIsLocal => self.local.contains(&packet.source),
                Statement::CtState(test, state) => is(test, *state == CtState::New),
                Statement::MarkIsZero(test, mask) => is(test, packet.mark & mask == 0),
                Statement::In(test, fields, set) => is(test, self.elements.contains_key(&(set.clone(), key(fields, packet)))),
                Statement::MarkOr(mask) => {
                    packet.mark |= mask;
                    true
                }
                Statement::MarkXor(mask) => {
                    packet.mark ^= mask;
                    true
                }
                Statement::Counter | Statement::Update(..) => true,
                Statement::Verdict(verdict) => return Some(verdict.clone()),
                Statement::Lookup(fields, map) => match self.elements.get(&(map.clone(), key(fields, packet))) {
                    Some(verdict) => return verdict.clone(),
                    None => false,
                },
                Statement::Spread(Spread::Random, verdicts) => return Some(verdicts[self.choice % verdicts.len()].clone()),
                Statement::Dnat(address, port) => {
                    packet.destination = *address;
                    packet.port = port.unwrap_or(packet.port);
                    return Some(Verdict::Accept);
                }
                Statement::Masquerade(_) => return Some(Verdict::Goto(DELIVERED.into())),
                Statement::Reject => return Some(Verdict::Goto(REJECTED.into())),
                other => panic!("the proxy does not write {other}"),
            };
            if !matched {
                return None;
            }
        }
        None
    }
}

/// Ends that are no chains.
const DELIVERED: &str = " masqueraded";
const REJECTED: &str = " rejected";

fn key(fields: &[Field], packet: &Packet) -> Vec<Datum> {
    let datum = |field: &Field| match field {
        Field::Source => Datum::Address(packet.source),
        Field::Destination => Datum::Address(packet.destination),
        Field::Protocol => Datum::Protocol(packet.protocol),
        Field::DestinationPort => Datum::Port(packet.port),
        Field::SourcePort | Field::Mark => panic!("the proxy does not look at {field}"),
    };
    fields.iter().map(datum).collect()
}
