//! What one Service is in the table: elements of maps that say where its packets go. Pure.
//! Follows `syncProxyRules` of kubernetes `pkg/proxy/nftables/proxier.go` in what becomes of a packet, not in how.

use crate::affine;
use crate::endpoint::{Endpoints, Place};
use crate::service::ServicePort;
use crate::table::{CLUSTER_ENDPOINTS, CLUSTER_IPS, LOCAL_ENDPOINTS, NO_ENDPOINT_SERVICES, NO_LOCAL_ENDPOINT_SERVICES};
use crate::table::{SERVICE_IPS, SERVICE_WAYS, goto};
use crate::topology::{Categories, Here, categorize};
use crate::way::{MOST_ENDPOINTS, Policy, Way};
use node_os::nft::{Datum, Element, Rule, Set};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// A set or map, and a key in it.
pub type ElementKey = (&'static str, Vec<Datum>);

/// What a Service has in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub elements: BTreeMap<ElementKey, Element>,
    /// That its elements name. They are shared with other Services.
    pub ways: BTreeSet<Way>,
    /// Endpoints, each of which may be a client of itself. Shared, too.
    pub hairpins: BTreeSet<Ipv4Addr>,
    /// Only of Services that keep their clients.
    pub chains: BTreeMap<String, Vec<Rule>>,
    /// One for each endpoint that keeps its clients.
    pub affinities: BTreeMap<String, Set>,
}

/// What rules depend on besides Services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub here: Here,
    /// The name of pods' links on the node, as nft matches it: `eni*`.
    pub pod_links: String,
    /// See [`crate::Config`].
    pub node_addresses: Vec<Ipv4Addr>,
    pub local_addresses: Vec<Ipv4Addr>,
}

pub fn part(ports: &[ServicePort], endpoints: &Endpoints, around: &Surroundings) -> Part {
    let mut part = Part::default();
    let none = BTreeMap::new();
    for port in ports {
        let places = endpoints.get(&(port.name.clone(), port.protocol)).unwrap_or(&none);
        let found = categorize(port, places, &around.here);
        PortElements { port, found: &found, around, part: &mut part }.write();
        if port.affinity.is_some() {
            affine::write(port, &found, around, &mut part);
        }
    }
    part
}

/// Where clients send to.
struct Front {
    key: Vec<Datum>,
    policy: Policy,
}

struct PortElements<'a> {
    port: &'a ServicePort,
    found: &'a Categories,
    around: &'a Surroundings,
    part: &'a mut Part,
}

impl PortElements<'_> {
    fn write(&mut self) {
        // What the node answers itself while there are no endpoints is not refused.
        let own = self.around.local_addresses.contains(&self.port.cluster_ip);
        if !own {
            self.element(CLUSTER_IPS, vec![Datum::Address(self.port.cluster_ip)], |element| element);
        }
        let endpoints = self.found.reachable();
        self.part.hairpins.extend(endpoints.iter().map(|(address, _)| *address));
        for front in self.fronts() {
            let own = own && matches!(front.policy, Policy::Internal | Policy::InternalLocal);
            self.front(&front, own);
        }
    }

    fn fronts(&self) -> Vec<Front> {
        let port = self.port;
        let front = |address, number, policy| {
            let key = vec![Datum::Address(address), Datum::Protocol(port.protocol), Datum::Port(number)];
            Front { key, policy }
        };
        let external = if port.external_local { Policy::ExternalLocal } else { Policy::External };
        let internal = if port.internal_local { Policy::InternalLocal } else { Policy::Internal };
        let nodes = self.around.node_addresses.iter().filter(|_| port.node_port != 0);
        let nodes = nodes.map(|address| front(*address, port.node_port, external));
        let outside = port.outside_ips().map(|address| front(address, port.port, external));
        [front(port.cluster_ip, port.port, internal)].into_iter().chain(outside).chain(nodes).collect()
    }

    fn front(&mut self, front: &Front, own: bool) {
        let local = matches!(front.policy, Policy::InternalLocal | Policy::ExternalLocal);
        let refused = !self.found.any || (local && self.found.local.is_empty());
        // A node port without local endpoints still leads pods to the others.
        if !refused || (self.found.any && front.policy == Policy::ExternalLocal) {
            self.lead(front);
        }
        if refused && !own {
            // Without any endpoint clients are told at once. With some, only not here, they may find another way.
            let set = if self.found.any { NO_LOCAL_ENDPOINT_SERVICES } else { NO_ENDPOINT_SERVICES };
            let label = self.port.label();
            self.element(set, front.key.clone(), |element| element.comment(label));
        }
    }

    fn lead(&mut self, front: &Front) {
        if self.port.affinity.is_some() {
            let chain = goto(affine::entrance(self.port, front.policy));
            return self.element(SERVICE_IPS, front.key.clone(), |element| element.verdict(chain));
        }
        let found = self.found;
        let way = Way::new(front.policy, found.cluster.len(), found.local.len());
        let label = self.port.label();
        self.part.ways.insert(way);
        self.element(SERVICE_WAYS, front.key.clone(), |element| element.data([way.datum()]).comment(label));
        if front.policy != Policy::InternalLocal {
            self.endpoints(CLUSTER_ENDPOINTS, front, &found.cluster);
        }
        if matches!(front.policy, Policy::InternalLocal | Policy::ExternalLocal) {
            self.endpoints(LOCAL_ENDPOINTS, front, &found.local);
        }
    }

    fn endpoints(&mut self, map: &'static str, front: &Front, places: &[Place]) {
        for (number, (address, port)) in (0..).zip(places.iter().take(MOST_ENDPOINTS)) {
            let key = [front.key.as_slice(), &[Datum::Mark(number)]].concat();
            self.element(map, key, |element| element.data([Datum::Address(*address), Datum::Port(*port)]));
        }
    }

    fn element(&mut self, set: &'static str, key: Vec<Datum>, fill: impl FnOnce(Element) -> Element) {
        let element = fill(Element::new(key.clone()));
        self.part.elements.insert((set, key), element);
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
        let node_addresses = vec![Ipv4Addr::new(10, 0, 1, 4)];
        let around = Surroundings { pod_links: "eni*".into(), node_addresses, ..Surroundings::default() };
        let mut change = Change::default();
        Parts::new("eni*").set(&ObjectKey::new("ns", "web"), Some(part(&[port], &endpoints, &around)), &mut change);
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
            service_cidrs: vec!["10.100.0.0/16".parse().expect("a range")],
            local_addresses: vec![Ipv4Addr::new(10, 100, 0, 53)],
        };
        check("fixed", &fixed(&layout).to_string());
    }
}
