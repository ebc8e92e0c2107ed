//! From a Service and its pods to the Endpoints object that it should have.

use super::NAME;
use super::subsets::{Subsets, truncate};
use crate::service_pods::{Family, Member, Service, ServicePort, annotate, texts};
use meta::{Doc, Time};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const MANAGED_BY_LABEL: &str = "endpoints.kubernetes.io/managed-by";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Leave,
    Create(Doc),
    Update(Doc),
}

/// `changed`: when that happened which `current` does not say yet.
pub(super) fn plan(service: &Service, members: &[Arc<Member>], current: Option<Doc>, changed: Option<Time>) -> Step {
    let mut subsets = subsets(service, members).pack();
    let cut = truncate(&mut subsets);
    let written = |doc: Doc, subsets: Vec<Doc>| {
        let mut doc = wanted(doc, service, subsets, cut);
        annotate(&mut doc, changed);
        doc
    };
    let Some(current) = current else {
        return Step::Create(written(json!({ "metadata": { "name": service.name } }), subsets));
    };
    let was_cut = current["metadata"]["annotations"].get(OVER_CAPACITY).is_some();
    let same = Subsets::of(&current["subsets"]).pack() == subsets;
    if same && was_cut == cut && texts(&current["metadata"]["labels"]) == labels(service) {
        return Step::Leave;
    }
    Step::Update(written(current, subsets))
}

fn wanted(mut doc: Doc, service: &Service, subsets: Vec<Doc>, cut: bool) -> Doc {
    doc["subsets"] = subsets.into();
    doc["metadata"]["labels"] = json!(labels(service));
    if cut {
        doc["metadata"]["annotations"][OVER_CAPACITY] = "truncated".into();
    } else if let Some(annotations) = doc["metadata"].get_mut("annotations").and_then(Doc::as_object_mut) {
        annotations.remove(OVER_CAPACITY);
    }
    doc
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.labels_with_headless();
    labels.insert(MANAGED_BY_LABEL.into(), NAME.into());
    labels
}

fn subsets(service: &Service, members: &[Arc<Member>]) -> Subsets {
    let mut subsets = Subsets::default();
    // An Endpoints object knows one family only: the Service's first.
    let family = service.families.first().copied().unwrap_or(Family::V4);
    for member in members.iter().filter(|member| member.is_reachable(service.publish_not_ready)) {
        let Some(address) = address(service, member, family) else { continue };
        let ready = service.publish_not_ready || member.ready;
        if service.ports.is_empty() && service.portless {
            subsets.add(&address, None, ready);
        }
        for port in &service.ports {
            if let Some(number) = member.port(port) {
                subsets.add(&address, Some(&endpoint_port(port, number)), ready);
            }
        }
    }
    subsets
}

fn address(service: &Service, member: &Member, family: Family) -> Option<Doc> {
    let ip = member.addresses_of(family).next()?.to_string();
    let mut address = json!({ "ip": ip, "nodeName": member.node, "targetRef": member.reference() });
    if let Some(hostname) = member.hostname_in(service) {
        address["hostname"] = hostname.into();
    }
    Some(address)
}

fn endpoint_port(port: &ServicePort, number: i64) -> Doc {
    let mut doc = json!({ "port": number, "protocol": port.protocol });
    if !port.name.is_empty() {
        doc["name"] = port.name.as_str().into();
    }
    if let Some(app_protocol) = &port.app_protocol {
        doc["appProtocol"] = app_protocol.as_str().into();
    }
    doc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_pods::HEADLESS_LABEL;
    use meta::Object;

    fn service(spec: Doc) -> Service {
        let doc = json!({"metadata": {"namespace": "a", "name": "web", "uid": "s", "labels": {"tier": "front"}}, "spec": spec});
        Service::of(&Object::from_doc(&doc, 1).expect("a valid object"))
    }

    fn member(name: &str, ip: &str, ready: bool) -> Arc<Member> {
        let ready = if ready { "True" } else { "False" };
        let doc = json!({"metadata": {"namespace": "a", "name": name, "uid": name}, "spec": {"nodeName": "node"},
            "status": {"podIPs": [{"ip": ip}], "conditions": [{"type": "Ready", "status": ready}]}});
        Arc::new(Member::of(&Object::from_doc(&doc, 1).expect("a valid object")))
    }

    fn spec() -> Doc {
        json!({"selector": {"app": "web"}, "clusterIP": "10.100.0.9", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})
    }

    #[test]
    fn ready_and_not_ready_pods_are_told_apart() {
        let address = |name: &str, ip: &str| json!({"ip": ip, "nodeName": "node", "targetRef": {"kind": "Pod", "namespace": "a", "name": name, "uid": name}});
        let members = [member("one", "10.0.0.1", true), member("two", "10.0.0.2", false)];
        let Step::Create(doc) = plan(&service(spec()), &members, None, None) else { panic!("nothing was there") };
        let ports = json!([{"name": "http", "port": 8080, "protocol": "TCP"}]);
        let expected = json!({
            "metadata": {"name": "web", "labels": {"tier": "front", "endpoints.kubernetes.io/managed-by": "endpoint-controller"}},
            "subsets": [{"addresses": [address("one", "10.0.0.1")], "notReadyAddresses": [address("two", "10.0.0.2")], "ports": ports}],
        });
        assert_eq!(doc, expected);
        assert_eq!(plan(&service(spec()), &members, Some(doc.clone()), None), Step::Leave);
        let Step::Update(doc) = plan(&service(spec()), &[], Some(doc), None) else { panic!("all pods are gone") };
        assert_eq!(doc["subsets"], json!([]));
    }

    #[test]
    fn a_headless_service_needs_no_ports() {
        let headless = service(json!({"selector": {"app": "web"}, "clusterIP": "None"}));
        let Step::Create(doc) = plan(&headless, &[member("one", "10.0.0.1", true)], None, None) else {
            panic!("nothing was there")
        };
        assert_eq!(doc["subsets"][0]["addresses"][0]["ip"], "10.0.0.1");
        assert_eq!(doc["subsets"][0].get("ports"), None);
        assert_eq!(doc["metadata"]["labels"][HEADLESS_LABEL], "");
    }

    #[test]
    fn too_many_addresses_are_cut_and_said() {
        let members: Vec<_> =
            (0..1001).map(|n| member(&format!("p{n}"), &format!("10.0.{}.{}", n / 250, n % 250), true)).collect();
        let Step::Create(doc) = plan(&service(spec()), &members, None, None) else { panic!("nothing was there") };
        assert_eq!(doc["subsets"][0]["addresses"].as_array().map(Vec::len), Some(1000));
        assert_eq!(doc["metadata"]["annotations"][OVER_CAPACITY], "truncated");
        assert_eq!(plan(&service(spec()), &members, Some(doc.clone()), None), Step::Leave);
        let Step::Update(doc) = plan(&service(spec()), &members[1..], Some(doc), None) else { panic!("one less") };
        assert_eq!(doc["metadata"]["annotations"].get(OVER_CAPACITY), None);
    }
}
