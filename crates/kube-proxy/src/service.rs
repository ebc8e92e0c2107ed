//! What a Service asks of every node, port by port. Follows kubernetes `pkg/proxy/serviceport.go`.

use meta::{Doc, Object};
use node_os::nft::Protocol;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Another proxy serves what has this label.
pub(crate) const PROXY_NAME_LABEL: &str = "service.kubernetes.io/service-proxy-name";
/// `sessionAffinityConfig.clientIP.timeoutSeconds` as the API server defaults it.
const AFFINITY_SECONDS: u64 = 10800;

/// One port of a Service that has a cluster address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    pub namespace: String,
    pub service: String,
    pub name: String,
    pub protocol: Protocol,
    pub cluster_ip: Ipv4Addr,
    pub port: u16,
    /// Zero: none.
    pub node_port: u16,
    pub external_ips: Vec<Ipv4Addr>,
    pub load_balancer_ips: Vec<Ipv4Addr>,
    pub external_local: bool,
    pub internal_local: bool,
    /// How long a client stays with its endpoint.
    pub affinity: Option<Duration>,
}

impl ServicePort {
    pub fn is_external(&self) -> bool {
        self.node_port != 0 || self.outside_ips().next().is_some()
    }

    /// Addresses from outside the cluster that lead here.
    pub fn outside_ips(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.external_ips.iter().chain(&self.load_balancer_ips).copied()
    }

    /// Traffic from inside may be meant for all endpoints even where that from outside is for local ones.
    pub fn uses_cluster(&self) -> bool {
        !self.internal_local || self.is_external()
    }

    pub fn uses_local(&self) -> bool {
        self.internal_local || (self.external_local && self.is_external())
    }

    /// As upstream's `ServicePortName` prints it.
    pub fn label(&self) -> String {
        let colon = if self.name.is_empty() { "" } else { ":" };
        format!("{}/{}{colon}{}", self.namespace, self.service, self.name)
    }
}

/// The ports of a Service; none for those that are headless, without selector of ours, or only names.
pub fn ports(service: &Object) -> Vec<ServicePort> {
    let spec = service.get("/spec");
    let cluster_ip = ipv4_of(&spec["clusterIPs"]).next().or_else(|| address(&spec["clusterIP"]));
    let other_proxy = service.meta.labels.get(PROXY_NAME_LABEL).is_some();
    let Some(cluster_ip) = cluster_ip.filter(|_| spec["type"] != "ExternalName" && !other_proxy) else {
        return Vec::new();
    };
    let status = service.get("/status/loadBalancer/ingress");
    let balancers = status.as_array().into_iter().flatten();
    // `Proxy` means that packets are to go through the load balancer even from inside.
    let balancers = balancers.filter(|ingress| ingress["ipMode"] != "Proxy").filter_map(|ingress| address(&ingress["ip"]));
    let common = ServicePort {
        namespace: service.meta.namespace.clone(),
        service: service.meta.name.clone(),
        name: String::new(),
        protocol: Protocol::Tcp,
        cluster_ip,
        port: 0,
        node_port: 0,
        external_ips: ipv4_of(&spec["externalIPs"]).collect(),
        load_balancer_ips: balancers.collect(),
        external_local: spec["externalTrafficPolicy"] == "Local",
        internal_local: spec["internalTrafficPolicy"] == "Local",
        affinity: affinity(&spec),
    };
    let ports = spec["ports"].as_array().into_iter().flatten();
    ports.filter_map(|port| with_port(&common, port)).collect()
}

fn with_port(common: &ServicePort, port: &Doc) -> Option<ServicePort> {
    let protocol = protocol(&port["protocol"])?;
    let name = port["name"].as_str().unwrap_or_default().to_owned(); // a single port needs no name
    let number = number(&port["port"])?;
    Some(ServicePort { name, protocol, port: number, node_port: self::number(&port["nodePort"]).unwrap_or(0), ..common.clone() })
}

/// The port that a node answers on whether it has endpoints (kubernetes `pkg/proxy/healthcheck`).
pub fn health_check_port(service: &Object) -> Option<u16> {
    let local = service.get("/spec/externalTrafficPolicy") == "Local";
    number(&service.get("/spec/healthCheckNodePort")).filter(|port| *port != 0 && local)
}

fn affinity(spec: &Doc) -> Option<Duration> {
    let seconds = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"].as_u64();
    (spec["sessionAffinity"] == "ClientIP").then(|| Duration::from_secs(seconds.unwrap_or(AFFINITY_SECONDS)))
}

pub(crate) fn protocol(doc: &Doc) -> Option<Protocol> {
    match doc.as_str() {
        Some("TCP") | None => Some(Protocol::Tcp),
        Some("UDP") => Some(Protocol::Udp),
        Some("SCTP") => Some(Protocol::Sctp),
        Some(_) => None,
    }
}

pub(crate) fn number(doc: &Doc) -> Option<u16> {
    doc.as_u64().and_then(|number| u16::try_from(number).ok())
}

fn address(doc: &Doc) -> Option<Ipv4Addr> {
    doc.as_str()?.parse().ok()
}

fn ipv4_of(list: &Doc) -> impl Iterator<Item = Ipv4Addr> {
    list.as_array().into_iter().flatten().filter_map(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(spec: Doc) -> Object {
        let doc = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "ns", "name": "web"}, "spec": spec});
        Object::from_doc(&doc, 1).expect("an object")
    }

    #[test]
    fn only_cluster_addresses_count() {
        let port = json!([{"port": 80}, {"name": "dns", "port": 53, "protocol": "UDP", "nodePort": 30053}]);
        let cases = [
            (json!({"clusterIP": "10.100.0.1", "ports": port}), 2),
            (json!({"clusterIP": "None", "clusterIPs": ["None"], "ports": port}), 0),
            (json!({"clusterIPs": ["fd00::1", "10.100.0.1"], "clusterIP": "fd00::1", "ports": port}), 2),
            (json!({"clusterIPs": ["fd00::1"], "clusterIP": "fd00::1", "ports": port}), 0),
            (json!({"type": "ExternalName", "externalName": "x"}), 0),
            (json!({"clusterIP": "10.100.0.1", "ports": [{"port": 1, "protocol": "QUIC"}]}), 0),
        ];
        for (spec, count) in cases {
            assert_eq!(ports(&object(spec.clone())).len(), count, "{spec}");
        }
    }

    #[test]
    fn policies_decide_which_endpoints_are_needed() {
        // internal Local, external Local, node port -> cluster, local
        let cases = [
            (false, false, 0, (true, false)),
            (true, false, 0, (false, true)),
            (true, false, 30000, (true, true)),
            (false, true, 30000, (true, true)),
            (false, true, 0, (true, false)),
        ];
        for (internal, external, node_port, expected) in cases {
            let policy = |local| if local { "Local" } else { "Cluster" };
            let spec = json!({"clusterIP": "10.100.0.1", "ports": [{"port": 80, "nodePort": node_port}],
                "internalTrafficPolicy": policy(internal), "externalTrafficPolicy": policy(external)});
            let port = ports(&object(spec)).remove(0);
            assert_eq!((port.uses_cluster(), port.uses_local()), expected, "{internal} {external} {node_port}");
        }
    }

    #[test]
    fn affinity_and_health_checks() {
        let spec = json!({"clusterIP": "10.100.0.1", "sessionAffinity": "ClientIP", "externalTrafficPolicy": "Local",
            "healthCheckNodePort": 31000, "ports": [{"port": 80}]});
        let service = object(spec);
        assert_eq!(ports(&service)[0].affinity, Some(Duration::from_secs(10800)));
        assert_eq!(health_check_port(&service), Some(31000));
        assert_eq!(health_check_port(&object(json!({"healthCheckNodePort": 31000}))), None);
    }
}
