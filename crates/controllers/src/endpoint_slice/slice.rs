//! A slice as a document: what it holds, and by what its endpoints and ports are told apart.

use crate::service_pods::Family;
use meta::{Doc, Object, names};
use serde_json::json;

/// A slice that is stored, or (without a name) one to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slice {
    pub name: String,
    pub doc: Doc,
}

impl Slice {
    pub fn stored(object: &Object) -> Self {
        Self { name: object.meta.name.clone(), doc: object.to_doc() }
    }

    pub fn new(metadata: Doc, family: Family, ports: &[Doc]) -> Self {
        let doc = json!({ "metadata": metadata, "addressType": family.as_str(), "ports": ports, "endpoints": [] });
        Self { name: String::new(), doc }
    }

    pub fn endpoints(&self) -> &[Doc] {
        self.doc["endpoints"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn family(&self) -> Option<Family> {
        Family::parse(self.doc["addressType"].as_str()?)
    }

    pub fn port_key(&self) -> String {
        port_key(self.doc["ports"].as_array().map_or(&[], Vec::as_slice))
    }

    pub fn is_owned_by(&self, kind: &str, uid: &str) -> bool {
        let owners = self.doc["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.into_iter().any(|owner| owner["uid"] == uid && owner["kind"] == kind && owner["apiVersion"] == "v1")
    }

    /// The content of `wanted` in this stored slice.
    pub fn become_like(&mut self, wanted: &Slice) {
        for field in ["endpoints", "ports"] {
            self.doc[field] = wanted.doc[field].clone();
        }
        for field in ["labels", "annotations", "ownerReferences"] {
            if let Some(value) = wanted.doc["metadata"].get(field) {
                self.doc["metadata"][field] = value.clone();
            }
        }
    }
}

/// What slices are grouped by: the same ports in any order.
pub(super) fn port_key(ports: &[Doc]) -> String {
    let text = |port: &Doc| format!("{} {} {} {}", port["name"], port["protocol"], port["port"], port["appProtocol"]);
    let mut keys: Vec<String> = ports.iter().map(text).collect();
    keys.sort();
    keys.join(", ")
}

/// What makes an endpoint that endpoint (`hashEndpoint` of k8s.io/endpointslice `util/endpointset.go`).
pub(super) fn identity(endpoint: &Doc) -> String {
    let mut addresses: Vec<&str> = endpoint["addresses"].as_array().into_iter().flatten().filter_map(Doc::as_str).collect();
    addresses.sort_unstable();
    let target = &endpoint["targetRef"];
    format!("{addresses:?} {} {} {}", endpoint["hostname"], target["namespace"], target["name"])
}

/// A dash after the name, unless that makes it too long for one.
pub(crate) fn name_prefix(name: &str) -> String {
    // What generated names end in is no part of the rule: any letter stands for it.
    let dashed = format!("{name}-");
    if names::dns_subdomain(&format!("{dashed}x")).is_empty() { dashed } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_the_same_in_any_order() {
        let (http, dns) =
            (json!({"name": "http", "port": 80, "protocol": "TCP"}), json!({"name": "dns", "port": 53, "protocol": "UDP"}));
        assert_eq!(port_key(&[http.clone(), dns.clone()]), port_key(&[dns.clone(), http.clone()]));
        assert_ne!(port_key(std::slice::from_ref(&http)), port_key(&[http, dns]));
        assert_eq!(port_key(&[]), "");
    }

    #[test]
    fn long_names_go_without_a_dash() {
        assert_eq!(name_prefix("web"), "web-");
        let long = "a".repeat(253);
        assert_eq!(name_prefix(&long), long);
    }
}
