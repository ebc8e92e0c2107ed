//! Of Services and EndpointSlices, what names need.

use crate::names::dashed;
use meta::{Doc, Object};
use std::net::IpAddr;

/// Of which Service a slice is (discovery.k8s.io).
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// A label that is longer than this cannot be asked for.
const MAX_LABEL: usize = 63;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// In lower case, as queries are read.
    pub name: String,
    pub protocol: String,
    pub number: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Has addresses of its own.
    Cluster { addresses: Vec<IpAddr>, ports: Vec<Port> },
    /// Its endpoints are its addresses.
    Headless,
    /// Another name for something outside.
    External { name: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: IpAddr,
    /// The pod's hostname, or the address where it has none.
    pub label: String,
    /// It has a hostname: its address has a name.
    pub named: bool,
}

/// Some of a Service's endpoints: those that are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    pub service: String,
    pub ports: Vec<Port>,
    pub endpoints: Vec<Endpoint>,
}

fn text(doc: &Doc) -> &str {
    doc.as_str().unwrap_or_default()
}

fn list(doc: &Doc) -> &[Doc] {
    doc.as_array().map_or(&[], Vec::as_slice)
}

/// What is not a number within the range has no place in an SRV record.
fn ports(doc: &Doc) -> Vec<Port> {
    let port = |port: &Doc| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let number = port["port"].as_u64().and_then(|number| u16::try_from(number).ok())?;
        Some(Port { name: text(&port["name"]).to_ascii_lowercase(), protocol: protocol.to_ascii_lowercase(), number })
    };
    list(doc).iter().filter_map(port).collect()
}

impl Service {
    /// None while it has neither an address nor a target.
    pub fn of(object: &Object) -> Option<Self> {
        Self::read(&object.get("/spec"))
    }

    fn read(spec: &Doc) -> Option<Self> {
        if spec["type"] == "ExternalName" {
            let name = text(&spec["externalName"]).trim_end_matches('.').to_ascii_lowercase();
            return (!name.is_empty()).then_some(Self::External { name });
        }
        let addresses = match list(&spec["clusterIPs"]) {
            [] => std::slice::from_ref(&spec["clusterIP"]),
            addresses => addresses,
        };
        if addresses.iter().any(|address| address == "None") {
            return Some(Self::Headless);
        }
        let addresses: Vec<IpAddr> = addresses.iter().filter_map(|address| text(address).parse().ok()).collect();
        (!addresses.is_empty()).then(|| Self::Cluster { addresses, ports: ports(&spec["ports"]) })
    }
}

impl Slice {
    /// None for a slice that is nobody's, or of names instead of addresses.
    pub fn of(object: &Object) -> Option<Self> {
        let service = object.meta.labels.iter().find(|(key, _)| &**key == SERVICE_NAME)?.1.to_string();
        Some(Self::read(service, &object.to_doc()))
    }

    fn read(service: String, doc: &Doc) -> Self {
        let endpoints = list(&doc["endpoints"]).iter().filter(|endpoint| endpoint["conditions"]["ready"] != false);
        let endpoints = endpoints.flat_map(|endpoint| {
            let hostname = text(&endpoint["hostname"]).to_ascii_lowercase();
            list(&endpoint["addresses"]).iter().filter_map(move |address| {
                // A slice of address type FQDN holds none.
                let address = text(address).parse().ok()?;
                let named = !hostname.is_empty() && hostname.len() <= MAX_LABEL;
                let label = if named { hostname.clone() } else { dashed(address) };
                Some(Endpoint { address, label, named })
            })
        });
        Self { service, ports: ports(&doc["ports"]), endpoints: endpoints.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn services_are_of_three_kinds() {
        for (spec, expected) in [
            (
                json!({"clusterIP": "10.100.0.1", "clusterIPs": ["10.100.0.1"], "ports": [{"name": "HTTP", "port": 80, "protocol": "TCP"}]}),
                r#"Some(Cluster { addresses: [10.100.0.1], ports: [Port { name: "http", protocol: "tcp", number: 80 }] })"#,
            ),
            (json!({"clusterIP": "10.100.0.1"}), "Some(Cluster { addresses: [10.100.0.1], ports: [] })"),
            (json!({"clusterIP": "None", "clusterIPs": ["None"]}), "Some(Headless)"),
            (json!({"type": "ExternalName", "externalName": "Example.com."}), r#"Some(External { name: "example.com" })"#),
            (json!({"type": "ExternalName"}), "None"),
            (json!({"clusterIP": ""}), "None"),
        ] {
            assert_eq!(format!("{:?}", Service::read(&spec)), expected, "{spec}");
        }
    }

    #[test]
    fn only_endpoints_that_are_ready_have_names() {
        let slice = Slice::read(
            "web".into(),
            &json!({
                "addressType": "IPv4", "ports": [{"name": "", "port": 8080, "protocol": "UDP"}, {"port": null}],
                "endpoints": [
                    {"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "hostname": "Web-0"},
                    {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
                    {"addresses": ["10.0.0.3", "no address"]},
                ],
            }),
        );
        let endpoints: Vec<_> = slice.endpoints.iter().map(|e| (e.address.to_string(), e.label.as_str(), e.named)).collect();
        assert_eq!(endpoints, [("10.0.0.1".to_owned(), "web-0", true), ("10.0.0.3".to_owned(), "10-0-0-3", false)]);
        assert_eq!(slice.ports, [Port { name: String::new(), protocol: "udp".into(), number: 8080 }]);
    }
}
