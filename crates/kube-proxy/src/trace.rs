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
    Masqueraded,
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
}

/// Ends that are no chains.
const MASQUERADED: &str = " masqueraded";
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

    fn around() -> Surroundings {
        let local_addresses = vec![Ipv4Addr::new(10, 100, 0, 53)];
        Surroundings { pod_links: "eni*".into(), local_addresses, ..Surroundings::default() }
    }

    /// `r` ready, `t` ending, `l` here; the first is 10.0.2.1.
    fn endpoints(words: &str) -> Endpoints {
        let mut endpoints = Endpoints::new();
        let places = endpoints.entry(("http".into(), Protocol::Tcp)).or_default();
        for (number, word) in (1..).zip(words.split_whitespace()) {
            let (ready, terminating) = (word.contains('r'), word.contains('t'));
            let endpoint = Endpoint { ready, serving: ready || terminating, terminating, local: word.contains('l'), ..Endpoint::default() };
            places.insert((Ipv4Addr::new(10, 0, 2, number), 8080), endpoint);
        }
        endpoints
    }

    fn tracer(port: ServicePort, words: &str) -> Tracer {
        let around = around();
        let layout = Layout {
            node_addresses: vec![NODE],
            service_cidrs: vec!["10.100.0.0/16".parse().expect("a range")],
            local_addresses: around.local_addresses.clone(),
        };
        let mut parts = Parts::default();
        let key = ObjectKey::new("ns", &*port.service);
        parts.set(&key, Some(part(&[port], &endpoints(words), &around)), &mut Change::default());
        let mut local = vec![NODE];
        local.extend(&around.local_addresses);
        Tracer::new(&parts.whole().write(fixed(&layout)), &local)
    }

    /// What becomes of a packet `from` somewhere `to` an address and port: `1` the endpoint, `1m` masqueraded.
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
                let mark = if masqueraded { "m" } else { "" };
                let place = if port == 8080 { address.octets()[3].to_string() } else { format!("{address}:{port}") };
                format!("{place}{mark}")
            }
        }
    }

    #[test]
    fn packets_go_where_policies_say() {
        let cluster: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 100, 0, 10), 80);
        let node_port = (NODE, 30080);
        let external = (OUTSIDE, 80);
        let (internal_local, external_local) = (1, 2);
        for (endpoints, local, from, to, expected) in [
            ("r r", 0, "pod", cluster, "1"),
            ("r r", 0, "node", cluster, "1m"),
            ("r r", 0, "client", cluster, "1m"),
            ("r r", 0, "endpoint", cluster, "1m"),
            ("r r", 0, "client", node_port, "1m"),
            ("r r", 0, "pod", node_port, "1m"),
            ("r r", 0, "node", node_port, "1m"),
            ("r r", 0, "client", external, "1m"),
            ("r r", 0, "pod", (cluster.0, 81), "rejected"),
            ("r r", 0, "pod", (Ipv4Addr::new(10, 100, 9, 9), 80), "dropped"),
            ("r r", 0, "pod", (Ipv4Addr::new(10, 100, 0, 53), 53), "10.100.0.53:53"),
            ("r r", 0, "node", (Ipv4Addr::new(10, 100, 0, 53), 53), "10.100.0.53:53"),
            ("r r", 0, "client", (NODE, 22), "10.0.1.4:22"),
            ("r r", 0, "pod", (Ipv4Addr::new(10, 0, 9, 9), 80), "10.0.9.9:80"),
            ("", 0, "pod", cluster, "rejected"),
            ("", 0, "node", cluster, "rejected"),
            ("", 0, "client", node_port, "rejected"),
            ("", 0, "client", external, "rejected"),
            ("t -", 0, "pod", cluster, "1"),
            ("r rl", internal_local, "pod", cluster, "2"),
            ("r r", internal_local, "pod", cluster, "dropped"),
            ("r r", internal_local, "client", node_port, "1m"),
            ("r rl", external_local, "client", node_port, "2"),
            ("r tl", external_local, "client", node_port, "2"),
            ("r rl", external_local, "pod", node_port, "1"),
            ("r rl", external_local, "node", node_port, "1m"),
            ("r r", external_local, "client", node_port, "dropped"),
            ("r r", external_local, "pod", node_port, "1"),
            ("r r", external_local, "client", external, "dropped"),
            ("r r", external_local, "pod", cluster, "1"),
            ("", external_local, "client", node_port, "rejected"),
        ] {
            let mut port = port("web");
            (port.node_port, port.external_ips) = (30080, vec![OUTSIDE]);
            (port.internal_local, port.external_local) = (local == internal_local, local == external_local);
            let ended = ends(&tracer(port, endpoints), from, to);
            assert_eq!(ended, expected, "endpoints {endpoints:?}, policy {local}, from {from} to {to:?}");
        }
    }

    #[test]
    fn chance_reaches_every_endpoint() {
        let mut tracer = tracer(port("web"), "r r r");
        let reached: Vec<String> = (0..3).map(|choice| {
            tracer.choice = choice;
            ends(&tracer, "pod", (Ipv4Addr::new(10, 100, 0, 10), 80))
        }).collect();
        assert_eq!(reached, ["1", "2", "3"]);
    }

    #[test]
    fn the_nodes_own_address_is_led_only_to_endpoints() {
        let own = (Ipv4Addr::new(10, 100, 0, 53), 80);
        let mut dns = port("dns");
        dns.cluster_ip = own.0;
        assert_eq!(ends(&tracer(dns.clone(), ""), "pod", own), "10.100.0.53:80");
        assert_eq!(ends(&tracer(dns.clone(), "r"), "pod", own), "1");
        assert_eq!(ends(&tracer(dns, "r"), "node", own), "1m");
    }
}
