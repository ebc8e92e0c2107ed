//! What one Service is in the table: chains of rules, and elements of the maps that lead there. Pure.
//! Follows `syncProxyRules` of kubernetes `pkg/proxy/nftables/proxier.go`.

use crate::endpoint::{Endpoints, Place};
use crate::names::{of_endpoint, of_port};
use crate::service::ServicePort;
use crate::table::{CLUSTER_IPS, MARK_FOR_MASQUERADE, NO_ENDPOINT_NODE_PORTS, NO_ENDPOINT_SERVICES, REJECT};
use crate::table::{SERVICE_IPS, SERVICE_NODE_PORTS, goto, jump};
use crate::topology::{Categories, Here, categorize};
use node_os::nft::{Datum, Element, Field, Kind, Rule, Set, Spread, Statement, Test, Verdict};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A key of a map or set, which only one Service can have.
pub type ElementKey = (&'static str, Vec<Datum>);

/// What a Service has in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub chains: BTreeMap<String, Vec<Rule>>,
    /// One for each endpoint that keeps its clients.
    pub affinities: BTreeMap<String, Set>,
    pub elements: BTreeMap<ElementKey, Element>,
}

/// What rules depend on besides Services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub here: Here,
    /// The name of pods' links on the node, as nft matches it: `eni*`.
    pub pod_links: String,
    /// See [`crate::Config`].
    pub local_addresses: Vec<Ipv4Addr>,
}

pub fn part(ports: &[ServicePort], endpoints: &Endpoints, around: &Surroundings) -> Part {
    let mut part = Part::default();
    let none = BTreeMap::new();
    for port in ports {
        let places = endpoints.get(&(port.name.clone(), port.protocol)).unwrap_or(&none);
        let found = categorize(port, places, &around.here);
        PortRules { port, found: &found, around, part: &mut part }.write();
    }
    part
}

struct PortRules<'a> {
    port: &'a ServicePort,
    found: &'a Categories,
    around: &'a Surroundings,
    part: &'a mut Part,
}

impl PortRules<'_> {
    fn write(&mut self) {
        self.internal();
        if self.port.is_external() {
            self.external();
        }
        if self.port.uses_cluster() && !self.found.cluster.is_empty() {
            self.balance("service", &self.found.cluster);
        }
        if self.port.uses_local() && !self.found.local.is_empty() {
            self.balance("local", &self.found.local);
        }
        for place in self.found.reachable() {
            self.endpoint(place);
        }
    }

    fn rule(&mut self, chain: &str, statements: Vec<Statement>, comment: &str) {
        self.part.chains.entry(chain.to_owned()).or_default().push(Rule::new(chain, statements).comment(comment));
    }

    fn element(&mut self, map: &'static str, key: Vec<Datum>, verdict: Verdict) {
        let element = Element::new(key.clone()).verdict(verdict);
        // Comments on refusals only: the others name a chain that says it all.
        let refused = [NO_ENDPOINT_SERVICES, NO_ENDPOINT_NODE_PORTS].contains(&map);
        let element = if refused { element.comment(self.port.label()) } else { element };
        self.part.elements.insert((map, key), element);
    }

    fn address_key(&self, address: Ipv4Addr) -> Vec<Datum> {
        vec![Datum::Address(address), Datum::Protocol(self.port.protocol), Datum::Port(self.port.port)]
    }

    /// The chain that spreads over endpoints by this policy.
    fn policy_chain(&self, local: bool) -> String {
        of_port(if local { "local" } else { "service" }, self.port)
    }

    fn has_endpoints(&self, local: bool) -> bool {
        self.found.any && !(local && self.found.local.is_empty())
    }

    /// Without any endpoint clients are told at once. With some, only not here, they may find another way.
    fn refusal(&self) -> Verdict {
        if self.found.any { Verdict::Drop } else { goto(REJECT) }
    }

    fn internal(&mut self) {
        let (address, local) = (self.port.cluster_ip, self.port.internal_local);
        let key = self.address_key(address);
        let own = self.around.local_addresses.contains(&address);
        if !own {
            let key = vec![Datum::Address(address)];
            self.part.elements.insert((CLUSTER_IPS, key.clone()), Element::new(key));
        }
        if self.has_endpoints(local) {
            let chain = self.policy_chain(local);
            self.element(SERVICE_IPS, key, goto(&chain));
            self.rule(&chain, vec![Statement::Counter], &self.port.label());
            // Who comes from outside the pods may not be found by the endpoint's answer.
            let from_elsewhere = vec![
                Statement::Destination(Test::Is, address.into()),
                Statement::Protocol(self.port.protocol),
                Statement::DestinationPort(Test::Is, self.port.port),
                Statement::InputLink(Test::IsNot, self.around.pod_links.clone()),
                jump(MARK_FOR_MASQUERADE),
            ];
            self.rule(&chain, from_elsewhere, "");
        } else if !own {
            self.element(NO_ENDPOINT_SERVICES, key, self.refusal());
        }
    }

    /// Everything that has come from outside the cluster goes through one chain, which does what policy demands.
    fn external(&mut self) {
        let (chain, local) = (of_port("external", self.port), self.port.external_local);
        let outside: Vec<Vec<Datum>> = self.port.outside_ips().map(|address| self.address_key(address)).collect();
        let node_port = vec![Datum::Protocol(self.port.protocol), Datum::Port(self.port.node_port)];
        let node_port = Some(node_port).filter(|_| self.port.node_port != 0);
        let found = self.found.any.then(|| goto(&chain));
        let refused = (!self.has_endpoints(local)).then(|| self.refusal());
        for (verdict, addresses, ports) in
            [(found, SERVICE_IPS, SERVICE_NODE_PORTS), (refused, NO_ENDPOINT_SERVICES, NO_ENDPOINT_NODE_PORTS)]
        {
            let Some(verdict) = verdict else { continue };
            outside.iter().for_each(|key| self.element(addresses, key.clone(), verdict.clone()));
            node_port.iter().for_each(|key| self.element(ports, key.clone(), verdict.clone()));
        }
        if self.found.any {
            self.external_rules(&chain, local);
        }
    }

    fn external_rules(&mut self, chain: &str, local: bool) {
        self.rule(chain, vec![Statement::Counter], &self.port.label());
        if local {
            let cluster = Statement::Verdict(goto(self.policy_chain(false)));
            let from_pod = Statement::InputLink(Test::Is, self.around.pod_links.clone());
            self.rule(chain, vec![from_pod, cluster.clone()], "short-circuit pod traffic");
            self.rule(chain, vec![Statement::SourceIsLocal, jump(MARK_FOR_MASQUERADE)], "masquerade local traffic");
            self.rule(chain, vec![Statement::SourceIsLocal, cluster], "short-circuit local traffic");
        } else {
            self.rule(chain, vec![jump(MARK_FOR_MASQUERADE)], "");
        }
        if self.has_endpoints(local) {
            let policy = Statement::Verdict(goto(self.policy_chain(local)));
            self.rule(chain, vec![policy], "");
        }
    }

    /// Clients that have an endpoint go there; others anywhere.
    fn balance(&mut self, prefix: &str, places: &[Place]) {
        let chain = of_port(prefix, self.port);
        if self.port.affinity.is_some() {
            for place in places {
                let known = of_endpoint("affinity", self.port, *place);
                let endpoint = Statement::Verdict(goto(of_endpoint("endpoint", self.port, *place)));
                self.rule(&chain, vec![Statement::In(Test::Is, vec![Field::Source], known), endpoint], "");
            }
        }
        let endpoints = places.iter().map(|place| goto(of_endpoint("endpoint", self.port, *place))).collect();
        self.rule(&chain, vec![Statement::Spread(Spread::Random, endpoints)], "");
    }

    fn endpoint(&mut self, place: Place) {
        let (address, number) = place;
        let chain = of_endpoint("endpoint", self.port, place);
        // An endpoint that reaches itself by the Service's address would answer itself directly.
        self.rule(&chain, vec![Statement::Source(Test::Is, address.into()), jump(MARK_FOR_MASQUERADE)], "");
        if let Some(timeout) = self.port.affinity {
            let name = of_endpoint("affinity", self.port, place);
            self.rule(&chain, vec![Statement::Update(vec![Field::Source], name.clone())], "");
            self.part.affinities.insert(name.clone(), Set::new(name, [Kind::Address]).timeout(timeout));
        }
        let translate = Statement::Dnat(address, Some(number));
        self.rule(&chain, vec![Statement::Protocol(self.port.protocol), Statement::Counter, translate], "");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use node_os::nft::Protocol;

    /// A port with nothing but a cluster address: 10.100.0.10:80.
    pub(crate) fn port(service: &str) -> ServicePort {
        ServicePort {
            namespace: "ns".into(),
            service: service.into(),
            name: "http".into(),
            protocol: Protocol::Tcp,
            cluster_ip: Ipv4Addr::new(10, 100, 0, 10),
            port: 80,
            node_port: 0,
            external_ips: Vec::new(),
            load_balancer_ips: Vec::new(),
            external_local: false,
            internal_local: false,
            affinity: None,
        }
    }
}

#[cfg(test)]
mod golden {
    use super::tests::port;
    use super::*;
    use crate::change::{Change, Parts};
    use crate::endpoint::Endpoint;
    use crate::table::{Layout, fixed};
    use node_os::nft::Protocol;
    use reconcile::ObjectKey;
    use std::time::Duration;

    /// A file in nft's words. `UPDATE_GOLDEN=1` writes it anew.
    fn check(name: &str, script: &str) {
        let path = format!("{}/src/golden/{name}.nft", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, script).expect("written");
        }
        assert_eq!(script, std::fs::read_to_string(&path).expect("a file"), "{name}");
    }

    fn script(port: ServicePort, here: &[bool]) -> String {
        let endpoint = |local| Endpoint { ready: true, serving: true, local, ..Endpoint::default() };
        let places = (1..).zip(here).map(|(number, local)| ((Ipv4Addr::new(10, 0, 2, number), 8080), endpoint(*local)));
        let endpoints = Endpoints::from([(("http".into(), Protocol::Tcp), places.collect())]);
        let around = Surroundings { pod_links: "eni*".into(), ..Surroundings::default() };
        let mut change = Change::default();
        Parts::default().set(&ObjectKey::new("ns", "web"), Some(part(&[port], &endpoints, &around)), &mut change);
        change.transaction().to_string()
    }

    #[test]
    fn services_in_nfts_words() {
        let cluster = port("web");
        let node_port = ServicePort { node_port: 30080, ..cluster.clone() };
        let local = ServicePort { external_local: true, ..node_port.clone() };
        let affinity = ServicePort { affinity: Some(Duration::from_secs(10800)), ..cluster.clone() };
        for (name, port, here) in [
            ("cluster-ip", cluster.clone(), &[false, true][..]),
            ("node-port", node_port, &[false]),
            ("external-local", local.clone(), &[false, true]),
            ("affinity", affinity, &[false, true]),
            ("no-endpoints", ServicePort { external_local: false, ..local }, &[]),
        ] {
            check(name, &script(port, here));
        }
        let layout = Layout {
            node_addresses: vec![Ipv4Addr::new(10, 0, 1, 4)],
            service_cidrs: vec!["10.100.0.0/16".parse().expect("a range")],
            local_addresses: vec![Ipv4Addr::new(10, 100, 0, 53)],
        };
        check("fixed", &fixed(&layout).to_string());
    }
}
