//! Follows a packet through a transaction's rules, as the kernel would. For tests: says where it ends up and by which chains.

use node_os::nft::{Command, CtState, Datum, Element, Field, Protocol, Spread, Statement, Test, Transaction, Verdict};
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
    Masqueraded,
    End(End),
}

/// What the kernel would have after the transaction.
pub struct Tracer {
    chains: BTreeMap<String, Vec<Vec<Statement>>>,
    elements: BTreeMap<(String, Vec<Datum>), Element>,
    local: Vec<Ipv4Addr>,
    /// Which of several verdicts chance takes.
    pub choice: u32,
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
            Command::DeleteSet(set) => self.elements.retain(|(name, _), _| name != set),
            Command::AddElements(set, elements) => {
                for element in elements {
                    let known = self.elements.insert((set.clone(), element.key.clone()), element.clone());
                    assert!(known.is_none_or(|known| known == *element), "{set} {element} is another already");
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
        let masqueraded = matches!(self.chain("nat-postrouting", &mut packet), Outcome::Masqueraded);
        End::Delivered(packet.destination, packet.port, masqueraded)
    }

    fn chain(&self, name: &str, packet: &mut Packet) -> Outcome {
        for rule in self.chains.get(name).unwrap_or_else(|| panic!("there is no chain {name}")) {
            match self.rule(rule, packet) {
                None => {}
                Some(Verdict::Return) => return Outcome::Continue,
                Some(Verdict::Accept) => return Outcome::Accept,
                Some(Verdict::Drop) => return Outcome::End(End::Dropped),
                Some(Verdict::Goto(chain)) if chain == REJECTED => return Outcome::End(End::Rejected),
                Some(Verdict::Goto(chain)) if chain == MASQUERADED => return Outcome::Masqueraded,
                Some(Verdict::Goto(chain)) => return self.chain(&chain, packet),
                Some(Verdict::Jump(chain)) => match self.chain(&chain, packet) {
                    Outcome::Continue => {}
                    other => return other,
                },
            }
        }
        Outcome::Continue
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
                Statement::In(test, fields, set) => is(test, self.find(set, fields, packet).is_some()),
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
                Statement::Lookup(fields, map) => match self.find(map, fields, packet) {
                    Some(element) => return element.verdict.clone(),
                    None => false,
                },
                Statement::Dispatch(fields, map, verdicts) => match self.find(map, fields, packet) {
                    Some(element) => return self.elements[&(verdicts.clone(), element.data.clone())].verdict.clone(),
                    None => false,
                },
                Statement::DnatMap(fields, map) => match self.find(map, fields, packet).map(|element| element.data.as_slice()) {
                    Some([Datum::Address(address), Datum::Port(port)]) => {
                        (packet.destination, packet.port) = (*address, *port);
                        return Some(Verdict::Accept);
                    }
                    Some(other) => panic!("{map} has {other:?}, which is no place"),
                    None => false,
                },
                Statement::Spread(Spread::Random, verdicts) => {
                    return Some(verdicts[self.choice as usize % verdicts.len()].clone());
                }
                Statement::Dnat(address, port) => {
                    packet.destination = *address;
                    packet.port = port.unwrap_or(packet.port);
                    return Some(Verdict::Accept);
                }
                Statement::Masquerade(_) => return Some(Verdict::Goto(MASQUERADED.into())),
                Statement::Reject => return Some(Verdict::Goto(REJECTED.into())),
                other => panic!("the proxy does not write {other}"),
            };
            if !matched {
                return None;
            }
        }
        None
    }

    fn find(&self, set: &str, fields: &[Field], packet: &Packet) -> Option<&Element> {
        self.elements.get(&(set.to_owned(), self.key(fields, packet)))
    }

    fn key(&self, fields: &[Field], packet: &Packet) -> Vec<Datum> {
        let datum = |field: &Field| match field {
            Field::Source => Datum::Address(packet.source),
            Field::Destination => Datum::Address(packet.destination),
            Field::Protocol => Datum::Protocol(packet.protocol),
            Field::DestinationPort => Datum::Port(packet.port),
            Field::Random(count) => Datum::Mark(self.choice % count),
            Field::Mark => panic!("the proxy does not look at {field}"),
        };
        fields.iter().map(datum).collect()
    }
}

/// Ends that are no chains.
const MASQUERADED: &str = " masqueraded";
const REJECTED: &str = " rejected";

mod tests {
    use super::*;
    use crate::change::{Change, Parts};
    use crate::endpoint::{Endpoint, Endpoints};
    use crate::rules::tests::port;
    use crate::rules::{Surroundings, part};
    use crate::service::ServicePort;
    use crate::table::{Layout, fixed};
    use reconcile::ObjectKey;

    const NODE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 4);
    const POD: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 20);
    const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
    /// Answered by the node itself.
    const OWN: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 53);

    fn around() -> Surroundings {
        let local_addresses = vec![OWN];
        Surroundings { pod_links: "eni*".into(), node_addresses: vec![NODE], local_addresses, ..Surroundings::default() }
    }

    /// `r` ready, `t` ending, `l` here; the first is 10.0.2.1.
    fn endpoints(words: &str) -> Endpoints {
        let mut endpoints = Endpoints::new();
        let places = endpoints.entry(("http".into(), Protocol::Tcp)).or_default();
        for (number, word) in (1..).zip(words.split_whitespace()) {
            let (ready, terminating) = (word.contains('r'), word.contains('t'));
            let endpoint =
                Endpoint { ready, serving: ready || terminating, terminating, local: word.contains('l'), ..Endpoint::default() };
            places.insert((Ipv4Addr::new(10, 0, 2, number), 8080), endpoint);
        }
        endpoints
    }

    fn tracer(port: ServicePort, words: &str) -> Tracer {
        let around = around();
        let layout = Layout {
            service_cidrs: vec!["10.100.0.0/16".parse().expect("a range")],
            local_addresses: around.local_addresses.clone(),
        };
        let mut parts = Parts::new("eni*");
        let key = ObjectKey::new("ns", &*port.service);
        parts.set(&key, Some(part(&[port], &endpoints(words), &around)), &mut Change::default());
        let mut local = vec![NODE];
        local.extend(&around.local_addresses);
        Tracer::new(&parts.whole().write(fixed(&layout)), &local)
    }

    /// What becomes of a packet `from` somewhere `to` an address and port: `1` the endpoint, `1m` masqueraded, `itself`.
    fn ends(tracer: &Tracer, from: &str, to: (Ipv4Addr, u16)) -> String {
        let (source, input) = match from {
            "pod" => (POD, "eni0123"),
            "endpoint" => (Ipv4Addr::new(10, 0, 2, 1), "eni4567"),
            "node" => (NODE, ""),
            _ => (CLIENT, "eth0"),
        };
        let packet = Packet { source, destination: to.0, protocol: Protocol::Tcp, port: to.1, input, mark: 0 };
        match tracer.send(packet) {
            End::Dropped => "dropped".into(),
            End::Rejected => "rejected".into(),
            End::Delivered(address, port, masqueraded) => {
                let place = if (address, port) == to { "itself".into() } else { address.octets()[3].to_string() };
                if masqueraded { format!("{place}m") } else { place }
            }
        }
    }

    fn destination(name: &str) -> (Ipv4Addr, u16) {
        match name {
            "service" => (Ipv4Addr::new(10, 100, 0, 10), 80),
            "other-port" => (Ipv4Addr::new(10, 100, 0, 10), 81),
            "nobodys" => (Ipv4Addr::new(10, 100, 9, 9), 80),
            "node-port" => (NODE, 30080),
            "external" => (OUTSIDE, 80),
            "own" => (OWN, 53),
            "ssh" => (NODE, 22),
            _ => (Ipv4Addr::new(10, 0, 9, 9), 80),
        }
    }

    /// The same table that tests/node sends real packets by.
    #[test]
    fn packets_go_where_policies_say() {
        let rows = include_str!("packets.txt").lines().filter(|line| !line.starts_with('#'));
        for row in rows {
            let columns: Vec<&str> = row.split('|').map(str::trim).collect();
            let [words, policy, from, to, expected] = columns[..] else { panic!("{row:?} has no five columns") };
            let mut port = port("web");
            (port.node_port, port.external_ips) = (30080, vec![OUTSIDE]);
            (port.internal_local, port.external_local) = (policy == "internal", policy == "external");
            // The same by chains of its own.
            let affine = ServicePort { affinity: Some(std::time::Duration::from_secs(9)), ..port.clone() };
            for port in [port, affine] {
                let mut tracer = tracer(port, words);
                let by_choice = (0..2).map(|choice| {
                    tracer.choice = choice;
                    ends(&tracer, from, destination(to))
                });
                let ended: std::collections::BTreeSet<String> = by_choice.collect();
                assert_eq!(ended, expected.split(' ').map(str::to_owned).collect(), "{row}");
            }
        }
    }

    #[test]
    fn chance_reaches_every_endpoint() {
        let mut tracer = tracer(port("web"), "r r r");
        let reached: Vec<String> = (0..3)
            .map(|choice| {
                tracer.choice = choice;
                ends(&tracer, "pod", (Ipv4Addr::new(10, 100, 0, 10), 80))
            })
            .collect();
        assert_eq!(reached, ["1", "2", "3"]);
    }

    #[test]
    fn the_nodes_own_address_is_led_only_to_endpoints() {
        let own = (OWN, 80);
        let mut dns = port("dns");
        dns.cluster_ip = own.0;
        assert_eq!(ends(&tracer(dns.clone(), ""), "pod", own), "itself");
        assert_eq!(ends(&tracer(dns.clone(), "r"), "pod", own), "1");
        assert_eq!(ends(&tracer(dns, "r"), "node", own), "1m");
    }
}
