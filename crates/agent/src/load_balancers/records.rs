//! The records of load balancers, read into what the agent needs of them.

use crate::vpc::{addresses, is_deleting, text};
use meta::Doc;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Keeps the record of a load balancer until nothing of it is left on the host.
pub const FINALIZER: &str = "agent.pilothouse.dev/load-balancer";

/// A load balancer as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// The record's name: sixteen hex digits.
    pub id: String,
    pub dns_name: String,
    /// Where it is reached from the host.
    pub loopback: Option<Ipv4Addr>,
    pub cross_zone: bool,
    /// Its addresses in the VPC, once they are the router's.
    pub zones: BTreeMap<String, Ipv4Addr>,
    /// Whether each of its zones has its address.
    pub complete: bool,
    pub listeners: Vec<Listener>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The record's name: `<load balancer's id>.<listener's id>`.
    pub name: String,
    pub protocols: Vec<Protocol>,
    pub port: u16,
    /// Record of the target group that it forwards to.
    pub group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    pub check: HealthCheck,
    pub targets: Vec<Target>,
    /// None: as the load balancer has it.
    pub cross_zone: Option<bool>,
    /// Else targets see the load balancer's address.
    pub preserve_client_ip: bool,
    /// A client keeps its target.
    pub sticky: bool,
    pub deregistration_delay: Duration,
    /// Connections of targets that have become unhealthy are not left to themselves.
    pub ends_with_health: bool,
    /// Nor those of targets that have been taken out, after the delay.
    pub ends_with_delay: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Of an instance, or an address.
    pub id: String,
    pub port: u16,
    /// None: there is no such instance, or it is no more.
    pub address: Option<Ipv4Addr>,
    /// None: in all of them.
    pub zone: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckProtocol {
    Tcp,
    Http { tls: bool, path: String, codes: Vec<RangeInclusive<u16>> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    pub protocol: CheckProtocol,
    /// None: the port that gets the traffic.
    pub port: Option<u16>,
    pub interval: Duration,
    pub timeout: Duration,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
}

/// Those of a Network Load Balancer's TCP check.
impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            protocol: CheckProtocol::Tcp,
            port: None,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
        }
    }
}

/// Status codes that an NLB takes for success unless told otherwise.
const CODES: RangeInclusive<u16> = 200..=399;
/// No check is more frequent; AWS takes no less either.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(5);
const DEREGISTRATION_DELAY: Duration = Duration::from_secs(300);

/// What the records of a VPC say of addresses.
#[derive(Default)]
pub struct Places<'a> {
    /// Interfaces of load balancers.
    pub interfaces: BTreeMap<&'a str, &'a Doc>,
    pub instances: BTreeMap<&'a str, &'a Doc>,
    pub subnets: Vec<(ipnet::Ipv4Net, &'a str)>,
}

impl<'a> Places<'a> {
    pub fn new(interfaces: &'a [Doc], instances: &'a [Doc], subnets: &'a [Doc]) -> Self {
        let by_name = |docs: &'a [Doc]| docs.iter().map(|doc| (text(doc, "/metadata/name"), doc)).collect();
        let subnet = |doc: &'a Doc| Some((text(doc, "/spec/cidrBlock").parse().ok()?, text(doc, "/spec/availabilityZone")));
        Self {
            interfaces: by_name(interfaces),
            instances: by_name(instances),
            subnets: subnets.iter().filter_map(subnet).collect(),
        }
    }

    /// The address of an interface that is in place.
    fn address(&self, interface: &str) -> Option<Ipv4Addr> {
        let doc = self.interfaces.get(interface)?;
        let ready = doc["status"]["realised"] == true && !is_deleting(doc);
        ready.then(|| addresses(doc)).flatten().map(|(primary, _)| primary)
    }

    fn zone_of(&self, address: Ipv4Addr) -> Option<String> {
        self.subnets.iter().find(|(net, _)| net.contains(&address)).map(|(_, zone)| (*zone).to_owned())
    }

    /// Address and zone of an instance that is not on its way out.
    fn instance(&self, id: &str) -> Option<(Ipv4Addr, String)> {
        let doc = self.instances.get(id)?;
        let ended = matches!(text(doc, "/status/state"), "shutting-down" | "terminated");
        if ended || is_deleting(doc) || doc["spec"]["terminate"] == true {
            return None;
        }
        Some((text(doc, "/status/network/privateIpAddress").parse().ok()?, text(doc, "/spec/availabilityZone").to_owned()))
    }
}

pub fn is_held(doc: &Doc) -> bool {
    doc["metadata"]["finalizers"].as_array().into_iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

fn is_set(doc: &Doc, attribute: &str) -> bool {
    doc["spec"]["attributes"][attribute] == "true"
}

/// The record that an ARN speaks of.
fn of_arn(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

impl LoadBalancer {
    pub fn of<'a>(doc: &Doc, listeners: impl Iterator<Item = &'a Doc>, places: &Places) -> Self {
        let id = text(doc, "/metadata/name").to_owned();
        let wanted = doc["spec"]["availabilityZones"].as_array().into_iter().flatten();
        let zones: Vec<(String, Option<Ipv4Addr>)> =
            wanted.map(|zone| (text(zone, "/zoneName").to_owned(), places.address(text(zone, "/networkInterfaceId")))).collect();
        let mut listeners: Vec<Listener> = listeners.filter(|doc| !is_deleting(doc)).filter_map(Listener::of).collect();
        listeners.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            dns_name: text(doc, "/spec/dnsName").to_owned(),
            loopback: text(doc, "/spec/loopback").parse().ok(),
            cross_zone: is_set(doc, "load_balancing.cross_zone.enabled"),
            complete: !zones.is_empty() && zones.iter().all(|(_, address)| address.is_some()),
            zones: zones.into_iter().filter_map(|(zone, address)| Some((zone, address?))).collect(),
            listeners,
            id,
        }
    }

    pub fn ports(&self) -> BTreeSet<(Protocol, u16)> {
        let of = |listener: &Listener| listener.protocols.iter().map(|protocol| (*protocol, listener.port)).collect::<Vec<_>>();
        self.listeners.iter().flat_map(of).collect()
    }
}

impl Listener {
    /// None for protocols that are not forwarded: the service refuses them.
    pub fn of(doc: &Doc) -> Option<Self> {
        let protocols = match text(doc, "/spec/protocol") {
            "TCP" => vec![Protocol::Tcp],
            "UDP" => vec![Protocol::Udp],
            "TCP_UDP" => vec![Protocol::Tcp, Protocol::Udp],
            _ => return None,
        };
        Some(Self {
            name: text(doc, "/metadata/name").to_owned(),
            protocols,
            port: port(&doc["spec"]["port"])?,
            group: of_arn(text(doc, "/spec/defaultActions/0/targetGroupArn")).to_owned(),
        })
    }
}

impl TargetGroup {
    pub fn of(doc: &Doc, places: &Places) -> Self {
        let by_instance = text(doc, "/spec/targetType") == "instance";
        let udp = text(doc, "/spec/protocol").contains("UDP");
        let attribute = |name: &str| doc["spec"]["attributes"][name].as_str();
        let cross_zone = attribute("load_balancing.cross_zone.enabled").and_then(|text| text.parse().ok());
        let delay = attribute("deregistration_delay.timeout_seconds").and_then(|text| text.parse().ok());
        let fallback = port(&doc["spec"]["port"]);
        let targets = doc["spec"]["targets"].as_array().into_iter().flatten();
        Self {
            check: HealthCheck::of(&doc["spec"]["healthCheck"]),
            targets: targets.filter_map(|target| Target::of(target, fallback, by_instance, places)).collect(),
            cross_zone,
            // As on AWS: always for instances, and for UDP, which has no other way to tell clients apart.
            preserve_client_ip: attribute("preserve_client_ip.enabled").map_or(by_instance || udp, |text| text == "true"),
            sticky: is_set(doc, "stickiness.enabled"),
            deregistration_delay: delay.map_or(DEREGISTRATION_DELAY, Duration::from_secs),
            ends_with_health: attribute("target_health_state.unhealthy.connection_termination.enabled") != Some("false"),
            ends_with_delay: attribute("deregistration_delay.connection_termination.enabled").map_or(udp, |text| text == "true"),
        }
    }
}

impl Target {
    fn of(doc: &Doc, fallback: Option<u16>, by_instance: bool, places: &Places) -> Option<Self> {
        let id = text(doc, "/id").to_owned();
        let port = port(&doc["port"]).or(fallback)?;
        let said = Some(text(doc, "/availabilityZone")).filter(|zone| !zone.is_empty());
        let (address, zone) = if by_instance {
            places.instance(&id).unzip()
        } else {
            let address = id.parse().ok();
            (address, address.and_then(|address| places.zone_of(address)))
        };
        let zone = said.map(str::to_owned).or(zone).filter(|zone| zone != "all");
        Some(Self { id, port, address, zone })
    }
}

impl HealthCheck {
    pub fn of(doc: &Doc) -> Self {
        let default = Self::default();
        let number = |field: &str| doc[field].as_u64();
        let count = |field: &str, otherwise: u32| number(field).and_then(|n| u32::try_from(n).ok()).unwrap_or(otherwise).max(1);
        let tls = match text(doc, "/protocol") {
            "HTTP" => Some(false),
            "HTTPS" => Some(true),
            _ => None,
        };
        let path = Some(text(doc, "/path")).filter(|path| path.starts_with('/')).unwrap_or("/").to_owned();
        let matcher = doc["matcher"]["httpCode"].as_str().or(doc["matcher"].as_str());
        let interval = number("intervalSeconds").map_or(default.interval, Duration::from_secs).max(SHORTEST_INTERVAL);
        Self {
            protocol: tls.map_or(CheckProtocol::Tcp, |tls| CheckProtocol::Http { tls, path, codes: codes(matcher) }),
            port: doc["port"].as_str().and_then(|text| text.parse().ok()).or(port(&doc["port"])),
            timeout: number("timeoutSeconds").map_or(default.timeout, Duration::from_secs).min(interval),
            interval,
            healthy_threshold: count("healthyThresholdCount", default.healthy_threshold),
            unhealthy_threshold: count("unhealthyThresholdCount", default.unhealthy_threshold),
        }
    }
}

/// `200,202` or `200-399`
fn codes(matcher: Option<&str>) -> Vec<RangeInclusive<u16>> {
    let range = |part: &str| -> Option<RangeInclusive<u16>> {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some(low.trim().parse().ok()?..=high.trim().parse().ok()?)
    };
    let ranges: Vec<_> = matcher.unwrap_or_default().split(',').filter_map(range).collect();
    if ranges.is_empty() { vec![CODES] } else { ranges }
}

fn port(number: &Doc) -> Option<u16> {
    number.as_u64().and_then(|number| number.try_into().ok()).filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn interface(name: &str, address: &str, realised: bool) -> Doc {
        json!({
            "metadata": {"name": name},
            "status": {"realised": realised, "privateIpAddresses": [{"privateIpAddress": address, "primary": true}]},
        })
    }

    fn instance(name: &str, state: &str) -> Doc {
        json!({
            "metadata": {"name": name},
            "spec": {"availabilityZone": "us-east-1a"},
            "status": {"state": state, "network": {"privateIpAddress": "10.0.1.23"}},
        })
    }

    fn balancer() -> Doc {
        json!({
            "metadata": {"name": "0123456789abcdef"},
            "spec": {
                "dnsName": "web-0123456789abcdef.elb.us-east-1.amazonaws.com", "loopback": "127.64.0.9",
                "attributes": {"load_balancing.cross_zone.enabled": "true"},
                "availabilityZones": [
                    {"zoneName": "us-east-1a", "subnetId": "subnet-a", "networkInterfaceId": "eni-a"},
                    {"zoneName": "us-east-1b", "subnetId": "subnet-b", "networkInterfaceId": "eni-b"},
                ],
            },
        })
    }

    fn listener(name: &str, protocol: &str, port: u32) -> Doc {
        let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/fedcba9876543210";
        json!({
            "metadata": {"name": name},
            "spec": {"protocol": protocol, "port": port, "defaultActions": [{"type": "forward", "targetGroupArn": arn}]},
        })
    }

    #[test]
    fn load_balancers_are_complete_with_all_their_addresses() {
        let listeners = [
            listener("b", "TCP_UDP", 53),
            listener("a", "TCP", 80),
            listener("c", "UDP", 99),
            listener("d", "TLS", 443),
            listener("e", "TCP", 70000),
        ];
        for (second, zones, complete) in [
            (interface("eni-b", "10.0.2.50", true), 2, true),
            (interface("eni-b", "10.0.2.50", false), 1, false),
            (interface("eni-c", "10.0.2.50", true), 1, false),
            (interface("eni-b", "", true), 1, false),
        ] {
            let interfaces = [interface("eni-a", "10.0.1.50", true), second];
            let one = LoadBalancer::of(&balancer(), listeners.iter(), &Places::new(&interfaces, &[], &[]));
            assert_eq!((one.zones.len(), one.complete), (zones, complete), "{interfaces:?}");
            assert!(one.cross_zone && one.loopback == Some(Ipv4Addr::new(127, 64, 0, 9)));
            let names: Vec<&str> = one.listeners.iter().map(|listener| &*listener.name).collect();
            let ports = [(Protocol::Tcp, 53), (Protocol::Tcp, 80), (Protocol::Udp, 53), (Protocol::Udp, 99)];
            assert_eq!((names, one.ports()), (vec!["a", "b", "c"], BTreeSet::from(ports)));
            assert_eq!(one.listeners[0].group, "fedcba9876543210");
        }
    }

    #[test]
    fn targets_have_addresses_and_zones() {
        let subnets = [json!({"spec": {"cidrBlock": "10.0.2.0/24", "availabilityZone": "us-east-1b"}})];
        let instances = [instance("i-1", "running"), instance("i-2", "shutting-down")];
        let places = Places::new(&[], &instances, &subnets);
        for (kind, target, expected) in [
            ("instance", json!({"id": "i-1", "port": 30080}), "10.0.1.23:30080 us-east-1a"),
            ("instance", json!({"id": "i-1"}), "10.0.1.23:8080 us-east-1a"),
            ("instance", json!({"id": "i-2"}), "none:8080 all"),
            ("instance", json!({"id": "i-3"}), "none:8080 all"),
            ("ip", json!({"id": "10.0.2.9", "port": 80}), "10.0.2.9:80 us-east-1b"),
            ("ip", json!({"id": "10.9.9.9"}), "10.9.9.9:8080 all"),
            ("ip", json!({"id": "10.0.2.9", "availabilityZone": "all"}), "10.0.2.9:8080 all"),
            ("ip", json!({"id": "10.0.2.9", "availabilityZone": "us-east-1c"}), "10.0.2.9:8080 us-east-1c"),
        ] {
            let doc = json!({"spec": {"targetType": kind, "protocol": "TCP", "port": 8080, "targets": [target]}});
            let one = TargetGroup::of(&doc, &places).targets.remove(0);
            let address = one.address.map_or("none".to_owned(), |address| address.to_string());
            assert_eq!(format!("{address}:{} {}", one.port, one.zone.as_deref().unwrap_or("all")), expected, "{doc}");
        }
    }

    #[test]
    fn attributes_of_target_groups() {
        for (kind, protocol, attributes, client_ip, cross_zone, delay) in [
            ("instance", "TCP", json!({}), true, None, 300),
            ("ip", "TCP", json!({}), false, None, 300),
            ("ip", "UDP", json!({}), true, None, 300),
            ("ip", "TCP", json!({"preserve_client_ip.enabled": "true"}), true, None, 300),
            ("instance", "TCP", json!({"preserve_client_ip.enabled": "false"}), false, None, 300),
            ("ip", "TCP", json!({"load_balancing.cross_zone.enabled": "use_load_balancer_configuration"}), false, None, 300),
            ("ip", "TCP", json!({"load_balancing.cross_zone.enabled": "false"}), false, Some(false), 300),
            ("ip", "TCP", json!({"deregistration_delay.timeout_seconds": "15"}), false, None, 15),
        ] {
            let doc = json!({"spec": {"targetType": kind, "protocol": protocol, "attributes": attributes}});
            let group = TargetGroup::of(&doc, &Places::default());
            let got = (group.preserve_client_ip, group.cross_zone, group.deregistration_delay.as_secs());
            assert_eq!(got, (client_ip, cross_zone, delay), "{doc}");
        }
    }

    #[test]
    fn health_checks() {
        let http = |path: &str, codes: Vec<RangeInclusive<u16>>, tls| CheckProtocol::Http { tls, path: path.into(), codes };
        let default = HealthCheck::default;
        for (doc, expected) in [
            (Doc::Null, default()),
            (json!({"protocol": "TCP", "port": "traffic-port"}), default()),
            (json!({"protocol": "TCP", "port": "10256"}), HealthCheck { port: Some(10256), ..default() }),
            (
                json!({"protocol": "HTTP", "path": "/healthz", "matcher": {"httpCode": "200,202-204"}}),
                HealthCheck { protocol: http("/healthz", vec![200..=200, 202..=204], false), ..default() },
            ),
            (json!({"protocol": "HTTPS"}), HealthCheck { protocol: http("/", vec![200..=399], true), ..default() }),
            (
                json!({"intervalSeconds": 10, "timeoutSeconds": 6, "healthyThresholdCount": 3, "unhealthyThresholdCount": 3}),
                HealthCheck {
                    interval: Duration::from_secs(10),
                    timeout: Duration::from_secs(6),
                    healthy_threshold: 3,
                    unhealthy_threshold: 3,
                    ..default()
                },
            ),
            (
                json!({"intervalSeconds": 0, "timeoutSeconds": 60, "healthyThresholdCount": 0}),
                HealthCheck {
                    interval: Duration::from_secs(5),
                    timeout: Duration::from_secs(5),
                    healthy_threshold: 1,
                    ..default()
                },
            ),
        ] {
            assert_eq!(HealthCheck::of(&doc), expected, "{doc}");
        }
    }
}
