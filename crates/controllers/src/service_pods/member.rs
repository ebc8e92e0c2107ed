//! What endpoints follow of a pod.

use super::service::{Family, Service, ServicePort};
use meta::{Doc, Object, Time};
use std::net::IpAddr;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub node: String,
    hostname: String,
    subdomain: String,
    pub addresses: Vec<IpAddr>,
    pub ready: bool,
    /// When it became what `ready` says.
    pub ready_changed: Option<Time>,
    pub deleting: bool,
    finished: bool,
    ports: Vec<NamedPort>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedPort {
    name: String,
    protocol: String,
    number: i64,
}

impl Member {
    pub fn of(pod: &Object) -> Self {
        let doc = pod.to_doc();
        let (spec, status) = (&doc["spec"], &doc["status"]);
        let text = |field: &str| spec[field].as_str().unwrap_or_default().to_owned();
        let ready = items(&status["conditions"]).find(|condition| condition["type"] == "Ready");
        Self {
            namespace: pod.meta.namespace.clone(),
            name: pod.meta.name.clone(),
            uid: pod.meta.uid.clone(),
            node: text("nodeName"),
            hostname: text("hostname"),
            subdomain: text("subdomain"),
            addresses: addresses(status),
            ready: ready.is_some_and(|condition| condition["status"] == "True"),
            ready_changed: ready.and_then(|condition| Time::parse(condition["lastTransitionTime"].as_str()?)),
            deleting: pod.meta.is_deleting(),
            finished: matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")),
            ports: named_ports(spec),
        }
    }

    /// Whether it has something to lead to. On its way out it counts for those who say so.
    pub fn is_reachable(&self, also_deleting: bool) -> bool {
        !self.finished && !self.addresses.is_empty() && (also_deleting || !self.deleting)
    }

    pub fn addresses_of(&self, family: Family) -> impl Iterator<Item = &IpAddr> {
        self.addresses.iter().filter(move |address| Family::of(address) == family)
    }

    /// The name it has beneath that of its Service.
    pub fn hostname_in(&self, service: &Service) -> Option<&str> {
        let named = !self.hostname.is_empty() && self.subdomain == service.name && self.namespace == service.namespace;
        named.then_some(&*self.hostname)
    }

    /// The number that a port of a Service leads to. None: this pod has no port of that name.
    pub fn port(&self, of: &ServicePort) -> Option<i64> {
        let named = |name: &str| self.ports.iter().find(|port| port.name == name && port.protocol == of.protocol);
        of.target.as_i64().or_else(|| named(of.target.as_str()?).map(|port| port.number))
    }

    pub fn reference(&self) -> Doc {
        serde_json::json!({ "kind": "Pod", "namespace": self.namespace, "name": self.name, "uid": self.uid })
    }
}

fn items(list: &Doc) -> impl Iterator<Item = &Doc> {
    list.as_array().into_iter().flatten()
}

fn addresses(status: &Doc) -> Vec<IpAddr> {
    let parse = |text: &Doc| text.as_str().and_then(|text| text.parse().ok());
    let all: Vec<IpAddr> = items(&status["podIPs"]).filter_map(|entry| parse(&entry["ip"])).collect();
    if all.is_empty() { parse(&status["podIP"]).into_iter().collect() } else { all }
}

/// Of containers, and of those init containers that go on running beside them.
fn named_ports(spec: &Doc) -> Vec<NamedPort> {
    let sidecars = items(&spec["initContainers"]).filter(|container| container["restartPolicy"] == "Always");
    let ports = items(&spec["containers"]).chain(sidecars).flat_map(|container| items(&container["ports"]));
    let named = |port: &Doc| {
        let text = |field: &str| port[field].as_str().map(str::to_owned);
        Some(NamedPort {
            name: text("name")?,
            protocol: text("protocol").unwrap_or_else(|| "TCP".into()),
            number: port["containerPort"].as_i64()?,
        })
    };
    ports.filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn member(spec: Doc, status: Doc) -> Member {
        let doc = json!({"metadata": {"namespace": "a", "name": "pod", "uid": "u"}, "spec": spec, "status": status});
        Member::of(&Object::from_doc(&doc, 1).expect("a valid object"))
    }

    #[test]
    fn a_port_is_found_by_number_or_by_name_and_protocol() {
        let pod = member(
            json!({
                "containers": [{"ports": [{"name": "http", "containerPort": 80, "protocol": "UDP"}]},
                    {"ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]}],
                "initContainers": [{"restartPolicy": "Always", "ports": [{"name": "side", "containerPort": 1}]},
                    {"ports": [{"name": "early", "containerPort": 2}]}],
            }),
            Doc::Null,
        );
        for (target, expected) in
            [(json!(9000), Some(9000)), (json!("http"), Some(8080)), (json!("side"), Some(1)), (json!("early"), None)]
        {
            let port = ServicePort { name: String::new(), protocol: "TCP".into(), app_protocol: None, target: target.clone() };
            assert_eq!(pod.port(&port), expected, "{target}");
        }
    }

    #[test]
    fn a_finished_pod_or_one_without_an_address_is_no_endpoint() {
        let at = |phase: &str| json!({"phase": phase, "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "podIP": "10.0.0.1"});
        for (status, reachable) in [
            (at("Running"), true),
            (at("Pending"), true),
            (at("Failed"), false),
            (at("Succeeded"), false),
            (json!({"phase": "Running"}), false),
            (json!({"phase": "Running", "podIP": "10.0.0.1"}), true),
        ] {
            assert_eq!(member(Doc::Null, status.clone()).is_reachable(false), reachable, "{status}");
        }
        let both = member(Doc::Null, at("Running"));
        assert_eq!(both.addresses_of(Family::V6).map(ToString::to_string).collect::<Vec<_>>(), ["fd00::1"]);
    }

    #[test]
    fn a_hostname_counts_in_the_service_named_by_the_subdomain() {
        let service = Service { namespace: "a".into(), name: "web".into(), ..Service::default() };
        for (spec, expected) in [
            (json!({"hostname": "one", "subdomain": "web"}), Some("one")),
            (json!({"hostname": "one", "subdomain": "other"}), None),
            (json!({"subdomain": "web"}), None),
        ] {
            assert_eq!(member(spec.clone(), Doc::Null).hostname_in(&service), expected, "{spec}");
        }
    }
}
