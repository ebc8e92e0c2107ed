//! Endpoints of a Service, out of its slices. Follows kubernetes `pkg/proxy/endpointslicecache.go`.

use crate::service::{number, protocol};
use meta::{Doc, Object};
use node_os::nft::Protocol;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub(crate) const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    pub ready: bool,
    pub serving: bool,
    pub terminating: bool,
    /// On this node.
    pub local: bool,
    /// Zones and nodes that are asked to use it.
    pub zone_hints: Vec<String>,
    pub node_hints: Vec<String>,
}

/// A port of a Service by its name.
pub type PortName = (String, Protocol);
pub type Place = (Ipv4Addr, u16);
/// The same place in two slices counts once.
pub type Endpoints = BTreeMap<PortName, BTreeMap<Place, Endpoint>>;

/// The Service that a slice is of, if it concerns proxies at all.
pub fn service_of(slice: &Object) -> Option<&str> {
    let other = [HEADLESS_LABEL, crate::service::PROXY_NAME_LABEL];
    let ours = other.iter().all(|label| slice.meta.labels.get(label).is_none());
    slice.meta.labels.get(SERVICE_LABEL).filter(|_| ours).map(AsRef::as_ref)
}

pub fn endpoints<'a>(slices: impl IntoIterator<Item = &'a Object>, node: &str) -> Endpoints {
    let mut all = Endpoints::new();
    for slice in slices {
        if slice.get("/addressType") == "IPv4" {
            add(&mut all, &slice.to_doc(), node);
        }
    }
    all
}

fn add(all: &mut Endpoints, slice: &Doc, node: &str) {
    for port in slice["ports"].as_array().into_iter().flatten() {
        let (Some(protocol), Some(number)) = (protocol(&port["protocol"]), number(&port["port"])) else { continue };
        let name = port["name"].as_str().unwrap_or_default().to_owned(); // a single port needs no name
        let places = all.entry((name, protocol)).or_default();
        for doc in slice["endpoints"].as_array().into_iter().flatten() {
            // Several addresses of one endpoint are the same for all who use it: the first.
            let Some(Ok(address)) = doc["addresses"][0].as_str().map(str::parse) else { continue };
            let (new, known) = (endpoint(doc, node), places.get(&(address, number)));
            // While an endpoint moves between slices, the slice in which it is ready is the newer one.
            if known.is_none_or(|known| !known.ready) {
                places.insert((address, number), new);
            }
        }
    }
}

fn endpoint(doc: &Doc, node: &str) -> Endpoint {
    let conditions = &doc["conditions"];
    // What is not said is true, but for `terminating`.
    let ready = conditions["ready"].as_bool().unwrap_or(true);
    Endpoint {
        ready,
        serving: conditions["serving"].as_bool().unwrap_or(ready),
        terminating: conditions["terminating"].as_bool().unwrap_or(false),
        local: doc["nodeName"] == node,
        zone_hints: hints(&doc["hints"]["forZones"]),
        node_hints: hints(&doc["hints"]["forNodes"]),
    }
}

fn hints(list: &Doc) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|hint| hint["name"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slice(name: &str, endpoints: Doc) -> Object {
        let doc = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"namespace": "ns", "name": name, "labels": {SERVICE_LABEL: "web"}},
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": endpoints});
        Object::from_doc(&doc, 1).expect("a slice")
    }

    #[test]
    fn slices_become_one_list() {
        let first = slice(
            "a",
            json!([
            {"addresses": ["10.0.1.1"], "nodeName": "n1", "conditions": {"ready": true}},
            {"addresses": ["10.0.1.2"], "nodeName": "n2", "conditions": {"ready": false, "serving": true, "terminating": true}},
            {"addresses": ["10.0.1.3"], "conditions": {}, "hints": {"forZones": [{"name": "a"}], "forNodes": [{"name": "n1"}]}},
            {"addresses": ["nonsense"]}]),
        );
        let second = slice(
            "b",
            json!([{"addresses": ["10.0.1.2"], "nodeName": "n2"}, {"addresses": ["10.0.1.1"], "conditions": {"ready": false}}]),
        );
        assert_eq!(service_of(&first), Some("web"));
        let all = endpoints([&first, &second], "n1");
        let places = &all[&("http".to_owned(), Protocol::Tcp)];
        let seen: Vec<_> =
            places.iter().map(|((address, _), e)| (address.octets()[3], e.ready, e.terminating, e.local)).collect();
        assert_eq!(seen, [(1, true, false, true), (2, true, false, false), (3, true, false, false)]);
        assert_eq!(places.values().last().map(|e| (e.zone_hints.len(), e.node_hints.len())), Some((1, 1)));
        let terminating = endpoints([&first], "n1");
        let endpoint = &terminating[&("http".to_owned(), Protocol::Tcp)][&(Ipv4Addr::new(10, 0, 1, 2), 8080)];
        assert!(endpoint.serving && endpoint.terminating && !endpoint.ready);
    }
}
