//! What the records of a VPC want of this host, read purely.

use super::names;
use ipnet::Ipv4Net;
use meta::Doc;
use node_os::link::Mac;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Keeps the record of a network interface until nothing of it is left on the host.
pub const FINALIZER: &str = "agent.pilothouse.dev/eni";

/// The records of one VPC, and the control planes that its interfaces may belong to.
#[derive(Clone, Debug, Default)]
pub struct Records {
    pub vpc: Option<Doc>,
    pub subnets: Vec<Doc>,
    /// All of the VPC, whichever host they are on.
    pub interfaces: Vec<Doc>,
    /// Uids by namespace and name.
    pub planes: BTreeMap<(String, String), String>,
}

/// Who realises what: this host, and this instance of the service on it.
#[derive(Clone, Debug)]
pub struct Place {
    pub host: String,
    /// In the names of everything that is made.
    pub instance: String,
    pub region: String,
}

/// An interface as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub id: String,
    /// The namespace of whom it belongs to.
    pub owner: String,
    pub device_index: u32,
    pub mac: Mac,
    pub primary: Ipv4Addr,
    pub secondary: BTreeSet<Ipv4Addr>,
    pub subnet: Ipv4Net,
}

/// The part of a VPC that this host is to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub router: String,
    /// The range of the VPC; none without its record.
    pub cidr: Option<Ipv4Net>,
    pub local: BTreeSet<Ipv4Addr>,
    /// By the name of the router's end.
    pub interfaces: BTreeMap<String, Interface>,
    /// Names of ends that are asked for, also of those that cannot be made yet: they stay if they are there.
    pub kept: BTreeSet<String>,
    /// Interfaces of load balancers, by their ids: addresses of the router itself, among the local ones.
    pub balancers: BTreeMap<String, Ipv4Addr>,
}

impl Wanted {
    /// Nothing on this host needs the VPC.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.balancers.is_empty()
    }

    /// Whether everything that the interface needs is known.
    pub fn has(&self, interface: &Doc) -> bool {
        let id = text(interface, "/spec/networkInterfaceId");
        self.interfaces.contains_key(&names::router_link(id)) || self.balancers.contains_key(id)
    }
}

impl Interface {
    pub fn link_name(&self) -> String {
        names::router_link(&self.id)
    }

    pub fn owner_link_name(&self) -> String {
        format!("eth{}", self.device_index)
    }

    /// The note on the router's end that says that both ends are finished, and whose the other is.
    pub fn note(&self) -> String {
        format!("{}/{}", self.owner, self.owner_link_name())
    }

    /// A subnet's first address is its router's.
    pub fn gateway(&self) -> Ipv4Addr {
        after(self.subnet, 1)
    }
}

/// Whose namespace a note names.
pub fn owner_of_note(note: &str) -> Option<&str> {
    note.rsplit_once('/').map(|(owner, _)| owner)
}

pub fn after(net: Ipv4Net, offset: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(net.network()).wrapping_add(offset))
}

pub fn text<'a>(doc: &'a Doc, pointer: &str) -> &'a str {
    doc.pointer(pointer).and_then(Doc::as_str).unwrap_or_default()
}

pub fn is_deleting(doc: &Doc) -> bool {
    !doc["metadata"]["deletionTimestamp"].is_null()
}

pub fn is_held(doc: &Doc) -> bool {
    doc["metadata"]["finalizers"].as_array().into_iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// Whether this host is to realise the interface, were it complete.
pub fn is_asked_for(interface: &Doc, place: &Place) -> bool {
    !is_deleting(interface) && text(interface, "/spec/host") == place.host && interface["spec"]["attachment"].is_object()
}

/// Load balancers live in the router: their interfaces are no links.
pub fn is_balancers(interface: &Doc) -> bool {
    !text(interface, "/spec/attachment/loadBalancer").is_empty()
}

/// Private addresses of an interface: the primary one, and the others.
pub fn addresses(interface: &Doc) -> Option<(Ipv4Addr, BTreeSet<Ipv4Addr>)> {
    let (mut primary, mut secondary) = (None, BTreeSet::new());
    for entry in interface["status"]["privateIpAddresses"].as_array().into_iter().flatten() {
        let Ok(address) = text(entry, "/privateIpAddress").parse() else { continue };
        if entry["primary"] == true {
            primary = Some(address);
        } else {
            secondary.insert(address);
        }
    }
    Some((primary?, secondary))
}

impl Records {
    /// The namespace of whom the interface is attached to.
    pub fn owner(&self, interface: &Doc, place: &Place) -> Option<String> {
        let instance = text(interface, "/spec/attachment/instanceId");
        if !instance.is_empty() {
            return Some(names::of(&place.instance, instance));
        }
        let plane =
            (text(interface, "/metadata/namespace").to_owned(), text(interface, "/spec/attachment/controlPlane").to_owned());
        self.planes.get(&plane).map(|uid| names::control_plane(&place.instance, uid))
    }

    pub fn cidr(&self) -> Option<Ipv4Net> {
        text(self.vpc.as_ref()?, "/spec/cidrBlock").parse().ok()
    }

    pub fn wanted(&self, vpc: &str, place: &Place) -> Wanted {
        let nets = self.subnets.iter().filter_map(|subnet| Some((text(subnet, "/spec/subnetId"), cidr(subnet)?)));
        let nets: BTreeMap<&str, Ipv4Net> = nets.collect();
        let asked = self.interfaces.iter().filter(|interface| is_asked_for(interface, place));
        let (balancers, asked): (Vec<&Doc>, Vec<&Doc>) = asked.partition(|interface| is_balancers(interface));
        let balancer = |doc: &&Doc| Some((text(doc, "/spec/networkInterfaceId").to_owned(), addresses(doc)?.0));
        let balancers: BTreeMap<String, Ipv4Addr> = balancers.iter().filter_map(balancer).collect();
        let kept = asked.iter().map(|interface| names::router_link(text(interface, "/spec/networkInterfaceId"))).collect();
        let interfaces = asked.iter().filter_map(|interface| self.interface(interface, &nets, place));
        let interfaces = interfaces.map(|interface| (interface.link_name(), interface)).collect();
        let cidr = self.cidr();
        let services = cidr.into_iter().flat_map(|net| [after(net, DNS_OFFSET), after(net, AWS_OFFSET)]);
        let local = nets.values().map(|net| after(*net, 1)).chain(services).chain(balancers.values().copied()).collect();
        Wanted { router: names::of(&place.instance, vpc), cidr, local, interfaces, kept, balancers }
    }

    /// None while something is not known yet.
    fn interface(&self, doc: &Doc, nets: &BTreeMap<&str, Ipv4Net>, place: &Place) -> Option<Interface> {
        let (primary, secondary) = addresses(doc)?;
        Some(Interface {
            id: text(doc, "/spec/networkInterfaceId").to_owned(),
            owner: self.owner(doc, place)?,
            device_index: doc["spec"]["attachment"]["deviceIndex"].as_u64().and_then(|index| index.try_into().ok()).unwrap_or(0),
            mac: text(doc, "/spec/macAddress").parse().ok()?,
            primary,
            secondary,
            subnet: *nets.get(text(doc, "/spec/subnetId"))?,
        })
    }
}

/// The resolver of a VPC, counted from its base.
pub const DNS_OFFSET: u32 = 2;
/// AWS keeps the next one for itself; here the AWS endpoint answers there.
pub const AWS_OFFSET: u32 = 3;

fn cidr(subnet: &Doc) -> Option<Ipv4Net> {
    text(subnet, "/spec/cidrBlock").parse().ok()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json;

    pub fn place() -> Place {
        Place { host: "here".into(), instance: "0123abcd".into(), region: "us-east-1".into() }
    }

    pub fn interface(id: &str, address: &str, attachment: Doc) -> Doc {
        json!({
            "metadata": {"name": id, "namespace": "1-us-east-1", "uid": id, "finalizers": [FINALIZER]},
            "spec": {
                "networkInterfaceId": id, "subnetId": "subnet-a", "vpcId": "vpc-1", "host": "here",
                "macAddress": "0a:00:00:00:00:01", "attachment": attachment,
            },
            "status": {"privateIpAddresses": [
                {"privateIpAddress": address, "primary": true}, {"privateIpAddress": "172.31.1.9", "primary": false},
            ]},
        })
    }

    pub fn records(interfaces: Vec<Doc>) -> Records {
        let subnet = |id: &str, cidr: &str| json!({"spec": {"subnetId": id, "cidrBlock": cidr, "vpcId": "vpc-1"}});
        Records {
            vpc: Some(json!({"spec": {"vpcId": "vpc-1", "cidrBlock": "172.31.0.0/16"}})),
            subnets: vec![subnet("subnet-a", "172.31.0.0/20"), subnet("subnet-b", "172.31.16.0/20")],
            interfaces,
            planes: BTreeMap::from([(("1-us-east-1".into(), "demo".into()), "5f1c9e0a-0000".into())]),
        }
    }

    #[test]
    fn a_router_answers_for_gateways_resolver_and_endpoint() {
        let wanted = records(Vec::new()).wanted("vpc-1", &place());
        let local: Vec<String> = wanted.local.iter().map(ToString::to_string).collect();
        assert_eq!(local, ["172.31.0.1", "172.31.0.2", "172.31.0.3", "172.31.16.1"]);
        assert_eq!(wanted.router, "ph-0123abcd-vpc-1");
    }

    #[test]
    fn load_balancers_are_addresses_of_the_router() {
        let balancer = interface("eni-00000000000000003", "172.31.1.6", json!({"loadBalancer": "0123456789abcdef"}));
        let wanted = records(vec![balancer.clone()]).wanted("vpc-1", &place());
        assert!(wanted.has(&balancer) && !wanted.is_empty());
        assert_eq!((wanted.interfaces.len(), wanted.kept.len()), (0, 0), "there is no link to be made");
        assert!(wanted.local.contains(&Ipv4Addr::new(172, 31, 1, 6)));
        let mut unaddressed = balancer;
        unaddressed["status"] = Doc::Null;
        let wanted = records(vec![unaddressed.clone()]).wanted("vpc-1", &place());
        assert!(!wanted.has(&unaddressed) && wanted.is_empty());
    }

    #[test]
    fn interfaces_are_wanted_once_everything_about_them_is_known() {
        let instance = json!({"instanceId": "i-1", "deviceIndex": 1});
        let full = interface("eni-00000000000000001", "172.31.1.4", instance);
        let plane = interface("eni-00000000000000002", "172.31.1.5", json!({"controlPlane": "demo"}));
        let wanted = records(vec![full.clone(), plane]).wanted("vpc-1", &place());
        let owners: Vec<String> = wanted.interfaces.values().map(Interface::note).collect();
        assert_eq!(owners[0], "ph-0123abcd-i-1/eth1");
        assert!(owners[1].starts_with("ph-0123abcd-cp-") && owners[1].ends_with("/eth0"), "{owners:?}");
        let one = &wanted.interfaces["v0000000001"];
        assert_eq!((one.gateway(), one.secondary.len()), (Ipv4Addr::new(172, 31, 0, 1), 1));
        for (pointer, value) in [
            ("/metadata", json!({"deletionTimestamp": "x"})),
            ("/spec/host", json!("there")),
            ("/spec/host", json!("")),
            ("/spec/attachment", Doc::Null),
            ("/spec/attachment", json!({"controlPlane": "unknown"})),
            ("/spec/subnetId", json!("subnet-z")),
            ("/spec/macAddress", json!("")),
            ("/status/privateIpAddresses", json!([])),
        ] {
            let mut doc = full.clone();
            *doc.pointer_mut(pointer).expect("a field") = value;
            let wanted = records(vec![doc.clone()]).wanted("vpc-1", &place());
            assert!(wanted.interfaces.is_empty(), "{pointer} {doc}");
        }
    }
}
