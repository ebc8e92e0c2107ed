//! What the cluster's domain holds, ready to be asked (coredns plugin/kubernetes/kubernetes.go, findServices).

use crate::names::Asked;
use crate::records::{Endpoint, Port, Service, Slice};
use parking_lot::RwLock;
use reconcile::ObjectKey;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

pub type SharedZone = Arc<RwLock<Zone>>;

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The one name of this target, below the domain: SRV records lead to it.
    pub name: String,
    pub address: IpAddr,
    /// None: it has no ports, so that no SRV record leads there.
    pub port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No such name.
    Nothing,
    /// The name is there. It may lead nowhere itself.
    Targets(Vec<Target>),
    /// Another name, anywhere.
    Alias(String),
    /// The version of the specification.
    Version,
}

#[derive(Debug)]
pub struct Zone {
    domain: String,
    address: IpAddr,
    synced: bool,
    /// Counts changes.
    serial: u32,
    namespaces: HashSet<String>,
    services: HashMap<ObjectKey, Service>,
    by_address: HashMap<IpAddr, ObjectKey>,
    slices: HashMap<ObjectKey, Slice>,
    /// The names of each Service's slices.
    members: HashMap<ObjectKey, BTreeSet<String>>,
    /// The slices in which an address has a hostname.
    named: BTreeMap<IpAddr, BTreeSet<ObjectKey>>,
}

impl Zone {
    /// `domain`: `cluster.local`. `address`: where this zone is answered.
    pub fn new(domain: &str, address: IpAddr) -> Self {
        Self {
            domain: domain.trim_end_matches('.').to_ascii_lowercase(),
            address,
            synced: false,
            serial: 1,
            namespaces: HashSet::new(),
            services: HashMap::new(),
            by_address: HashMap::new(),
            slices: HashMap::new(),
            members: HashMap::new(),
            named: BTreeMap::new(),
        }
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }
    pub fn address(&self) -> IpAddr {
        self.address
    }
    pub fn serial(&self) -> u32 {
        self.serial
    }
    /// Whether what is not here does not exist.
    pub fn is_synced(&self) -> bool {
        self.synced
    }
    pub fn set_synced(&mut self) {
        self.synced = true;
    }

    pub fn set_namespace(&mut self, name: &str, exists: bool) {
        match exists {
            true => drop(self.namespaces.insert(name.to_owned())),
            false => drop(self.namespaces.remove(name)),
        }
    }

    /// None: it is gone, or has nothing to say.
    pub fn set_service(&mut self, key: &ObjectKey, new: Option<Service>) {
        self.serial = self.serial.wrapping_add(1);
        if let Some(Service::Cluster { addresses, .. }) = self.services.remove(key) {
            // Another may have got the address meanwhile.
            addresses.iter().for_each(|address| match self.by_address.get(address) {
                Some(owner) if owner == key => drop(self.by_address.remove(address)),
                _ => {}
            });
        }
        let Some(new) = new else { return };
        if let Service::Cluster { addresses, .. } = &new {
            self.by_address.extend(addresses.iter().map(|address| (*address, key.clone())));
        }
        self.services.insert(key.clone(), new);
    }

    /// None: it is gone, or has nothing to say.
    pub fn set_slice(&mut self, key: &ObjectKey, new: Option<Slice>) {
        self.serial = self.serial.wrapping_add(1);
        if let Some(old) = self.slices.remove(key) {
            self.forget(key, &old);
        }
        let Some(new) = new else { return };
        let service = ObjectKey::new(&*key.namespace, &*new.service);
        self.members.entry(service).or_default().insert(key.name.clone());
        for endpoint in new.endpoints.iter().filter(|endpoint| endpoint.named) {
            self.named.entry(endpoint.address).or_default().insert(key.clone());
        }
        self.slices.insert(key.clone(), new);
    }

    fn forget(&mut self, key: &ObjectKey, old: &Slice) {
        let service = ObjectKey::new(&*key.namespace, &*old.service);
        if let Some(members) = self.members.get_mut(&service) {
            members.remove(&key.name);
            if members.is_empty() {
                self.members.remove(&service);
            }
        }
        for endpoint in old.endpoints.iter().filter(|endpoint| endpoint.named) {
            if let Some(slices) = self.named.get_mut(&endpoint.address) {
                slices.remove(key);
                if slices.is_empty() {
                    self.named.remove(&endpoint.address);
                }
            }
        }
    }

    pub(crate) fn find(&self, asked: &Asked) -> Found {
        match asked {
            Asked::Apex | Asked::Parent => Found::Targets(Vec::new()),
            Asked::Version => Found::Version,
            Asked::NameServer => Found::Targets(vec![Target { name: "ns.dns".into(), address: self.address, port: None }]),
            Asked::Other => Found::Nothing,
            Asked::Namespace { namespace }
            | Asked::Service { namespace, .. }
            | Asked::Endpoint { namespace, .. }
            | Asked::Port { namespace, .. }
            | Asked::Pod { namespace, .. }
                if !self.namespaces.contains(namespace) =>
            {
                Found::Nothing
            }
            Asked::Namespace { .. } => Found::Targets(Vec::new()),
            Asked::Pod { address: None, .. } => Found::Nothing,
            Asked::Pod { namespace, address: Some(address) } => {
                let name = format!("{}.{namespace}.pod", crate::names::dashed(*address));
                Found::Targets(vec![Target { name, address: *address, port: None }])
            }
            Asked::Service { namespace, service } => self.service(&ObjectKey::new(&**namespace, &**service), |_| true),
            Asked::Port { namespace, service, port, protocol } => {
                let key = ObjectKey::new(&**namespace, &**service);
                match self.service(&key, |own| own.name == *port && own.protocol == *protocol) {
                    Found::Alias(_) => Found::Nothing,
                    found => found,
                }
            }
            Asked::Endpoint { namespace, service, hostname } => {
                let key = ObjectKey::new(&**namespace, &**service);
                match self.services.get(&key) {
                    None | Some(Service::External { .. }) => Found::Nothing,
                    Some(_) => some(self.endpoints(&key, |endpoint| endpoint.label == *hostname, |_| true)),
                }
            }
        }
    }

    fn service(&self, key: &ObjectKey, wanted: impl Fn(&Port) -> bool) -> Found {
        match self.services.get(key) {
            None => Found::Nothing,
            Some(Service::External { name }) => Found::Alias(name.clone()),
            // Without an endpoint that is ready there is no such name, as the specification says.
            Some(Service::Headless) => some(self.endpoints(key, |_| true, wanted)),
            Some(Service::Cluster { addresses, ports }) => {
                let name = format!("{}.{}.svc", key.name, key.namespace);
                let target = |port| {
                    let name = name.clone();
                    addresses.iter().map(move |address| Target { name: name.clone(), address: *address, port })
                };
                some(numbers(ports, wanted).into_iter().flat_map(target).collect())
            }
        }
    }

    /// Each endpoint once, whatever slices it is in.
    fn endpoints(&self, key: &ObjectKey, who: impl Fn(&Endpoint) -> bool, wanted: impl Fn(&Port) -> bool) -> Vec<Target> {
        let mut seen = HashSet::new();
        let mut targets = Vec::new();
        let slices = self.members.get(key).into_iter().flatten();
        for slice in slices.filter_map(|name| self.slices.get(&ObjectKey::new(&*key.namespace, &**name))) {
            let numbers = numbers(&slice.ports, &wanted);
            for endpoint in slice.endpoints.iter().filter(|endpoint| who(endpoint)) {
                for port in &numbers {
                    if seen.insert((&endpoint.label, endpoint.address, *port)) {
                        let name = format!("{}.{}.{}.svc", endpoint.label, key.name, key.namespace);
                        targets.push(Target { name, address: endpoint.address, port: *port });
                    }
                }
            }
        }
        targets
    }

    /// The names of an address below the domain: of a Service, else of endpoints that have a hostname.
    pub fn names_of(&self, address: IpAddr) -> Vec<String> {
        if let Some(key) = self.by_address.get(&address) {
            return vec![format!("{}.{}.svc", key.name, key.namespace)];
        }
        let slices = self.named.get(&address).into_iter().flatten();
        let names: BTreeSet<String> = slices
            .filter_map(|key| Some((key, self.slices.get(key)?)))
            .flat_map(|(key, slice)| {
                let here = slice.endpoints.iter().filter(|endpoint| endpoint.named && endpoint.address == address);
                here.map(|endpoint| format!("{}.{}.{}.svc", endpoint.label, slice.service, key.namespace))
            })
            .collect();
        names.into_iter().collect()
    }
}

/// The wanted ports; one None where there are none at all, so that addresses are still found.
fn numbers(ports: &[Port], wanted: impl Fn(&Port) -> bool) -> Vec<Option<u16>> {
    let anything = Port { name: String::new(), protocol: String::new(), number: 0 };
    match ports {
        [] if wanted(&anything) => vec![None],
        ports => ports.iter().filter(|port| wanted(port)).map(|port| Some(port.number)).collect(),
    }
}

fn some(targets: Vec<Target>) -> Found {
    if targets.is_empty() { Found::Nothing } else { Found::Targets(targets) }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn port(name: &str, number: u16) -> Port {
        Port { name: name.into(), protocol: "tcp".into(), number }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    pub fn slice(service: &str, ports: &[Port], endpoints: &[(&str, &str)]) -> Slice {
        let endpoint = |(address, hostname): &(&str, &str)| {
            let (address, named) = (ip(address), !hostname.is_empty());
            let label = if named { (*hostname).to_owned() } else { crate::names::dashed(address) };
            Endpoint { address, label, named }
        };
        Slice { service: service.into(), ports: ports.to_vec(), endpoints: endpoints.iter().map(endpoint).collect() }
    }

    /// A cluster with one of everything.
    pub fn zone() -> Zone {
        let mut zone = Zone::new("cluster.local", ip("10.100.0.10"));
        let key = |name: &str| ObjectKey::new("site", name);
        zone.set_namespace("site", true);
        let cluster = |address: &str, ports: Vec<Port>| Some(Service::Cluster { addresses: vec![ip(address)], ports });
        zone.set_service(&key("web"), cluster("10.100.0.1", vec![port("http", 80), port("https", 443)]));
        zone.set_slice(&key("web-1"), Some(slice("web", &[port("http", 8080)], &[("10.0.0.1", "")])));
        zone.set_service(&key("bare"), cluster("10.100.0.2", Vec::new()));
        zone.set_service(&key("db"), Some(Service::Headless));
        let db = [("10.0.0.5", "db-0"), ("10.0.0.6", "db-1")];
        zone.set_slice(&key("db-1"), Some(slice("db", &[port("sql", 5432)], &db)));
        // What both slices hold is one endpoint.
        zone.set_slice(&key("db-2"), Some(slice("db", &[port("sql", 5432)], &[("10.0.0.6", "db-1"), ("fd00::6", "")])));
        zone.set_service(&key("empty"), Some(Service::Headless));
        zone.set_service(&key("out"), Some(Service::External { name: "example.com".into() }));
        zone.set_service(&key("alias"), Some(Service::External { name: "web.site.svc.cluster.local".into() }));
        zone.set_service(&key("loop"), Some(Service::External { name: "loop.site.svc.cluster.local".into() }));
        zone.set_synced();
        zone
    }

    #[test]
    fn what_is_gone_leaves_no_name() {
        let mut zone = zone();
        let key = |name: &str| ObjectKey::new("site", name);
        assert_eq!(zone.names_of(ip("10.100.0.1")), ["web.site.svc"]);
        assert_eq!(zone.names_of(ip("10.0.0.6")), ["db-1.db.site.svc"]);
        assert_eq!(zone.names_of(ip("10.0.0.1")), [""; 0], "it has no hostname");
        // The address is another's before it is known that the first is gone.
        zone.set_service(&key("next"), Some(Service::Cluster { addresses: vec![ip("10.100.0.1")], ports: Vec::new() }));
        zone.set_service(&key("web"), None);
        assert_eq!(zone.names_of(ip("10.100.0.1")), ["next.site.svc"]);
        zone.set_slice(&key("db-1"), None);
        assert_eq!(zone.names_of(ip("10.0.0.6")), ["db-1.db.site.svc"], "by the other slice");
        zone.set_slice(&key("db-2"), None);
        assert_eq!(zone.names_of(ip("10.0.0.6")), [""; 0]);
        let db = Asked::Service { namespace: "site".into(), service: "db".into() };
        assert_eq!(zone.find(&db), Found::Nothing);
        for name in ["next", "bare", "db", "empty", "out", "alias", "loop"] {
            zone.set_service(&key(name), None);
        }
        zone.set_slice(&key("web-1"), None);
        assert!(zone.services.is_empty() && zone.by_address.is_empty() && zone.slices.is_empty());
        assert!(zone.members.is_empty() && zone.named.is_empty());
        zone.set_namespace("site", false);
        assert_eq!(zone.find(&Asked::Namespace { namespace: "site".into() }), Found::Nothing);
    }
}
