//! From an Endpoints object and its slices to what must be written: one slice for each subset and family.

use super::{MANAGER, mirrored_annotations};
use crate::endpoint_slice::{MANAGED_BY_LABEL, SERVICE_LABEL, Slice, Step, name_prefix};
use crate::endpoints::Subsets;
use crate::service_pods::Family;
use meta::Doc;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// `--mirroring-max-endpoints-per-subset`.
const MAX_ENDPOINTS: usize = 1000;

pub(super) struct Planned {
    pub steps: Vec<Step>,
    /// Reasons and messages of events.
    pub warnings: Vec<(&'static str, String)>,
}

#[derive(Default)]
struct Skipped {
    invalid: usize,
    too_many: usize,
}

pub(super) fn plan(endpoints: &Doc, slices: Vec<Slice>) -> Planned {
    let mut skipped = Skipped::default();
    let mut wanted = Vec::new();
    for subset in Subsets::of(&endpoints["subsets"]).pack() {
        wanted.extend(mirror(endpoints, &subset, &mut skipped));
    }
    Planned { steps: steps(endpoints, wanted, slices), warnings: warnings(&skipped) }
}

fn warnings(skipped: &Skipped) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    if skipped.invalid > 0 {
        let message = format!("Skipped {} invalid IP addresses when mirroring to EndpointSlices", skipped.invalid);
        warnings.push(("InvalidIPAddress", message));
    }
    if skipped.too_many > 0 {
        let message = format!(
            "A max of {MAX_ENDPOINTS} addresses can be mirrored to EndpointSlices per Endpoints subset. {} addresses were skipped",
            skipped.too_many + skipped.invalid
        );
        warnings.push(("TooManyAddressesToMirror", message));
    }
    warnings
}

fn mirror(endpoints: &Doc, subset: &Doc, skipped: &mut Skipped) -> Vec<Slice> {
    let mut by_family: BTreeMap<Family, Vec<Doc>> = BTreeMap::new();
    let mut count = 0;
    for (field, ready) in [("addresses", true), ("notReadyAddresses", false)] {
        for address in subset[field].as_array().into_iter().flatten() {
            match address["ip"].as_str().and_then(|ip| ip.parse::<IpAddr>().ok()) {
                _ if count >= MAX_ENDPOINTS => skipped.too_many += 1,
                None => skipped.invalid += 1,
                Some(ip) => {
                    count += 1;
                    by_family.entry(Family::of(&ip)).or_default().push(endpoint(address, &ip, ready));
                }
            }
        }
    }
    let ports: Vec<Doc> = subset["ports"].as_array().into_iter().flatten().map(port).collect();
    let slice = |(family, list): (Family, Vec<Doc>)| {
        let mut slice = Slice::new(metadata(endpoints), family, &ports);
        slice.doc["endpoints"] = list.into();
        slice
    };
    by_family.into_iter().map(slice).collect()
}

fn port(port: &Doc) -> Doc {
    let mut port = port.clone();
    if port["name"].is_null() {
        port["name"] = "".into();
    }
    port
}

fn endpoint(address: &Doc, ip: &IpAddr, ready: bool) -> Doc {
    let mut endpoint = json!({ "addresses": [ip.to_string()], "conditions": { "ready": ready } });
    for field in ["hostname", "nodeName", "targetRef"] {
        if let Some(value) = address.get(field) {
            endpoint[field] = value.clone();
        }
    }
    endpoint
}

fn metadata(endpoints: &Doc) -> Doc {
    let own = &endpoints["metadata"];
    let name = own["name"].as_str().unwrap_or_default();
    let mut labels = own["labels"].as_object().cloned().unwrap_or_default();
    labels.insert(SERVICE_LABEL.into(), name.into());
    labels.insert(MANAGED_BY_LABEL.into(), MANAGER.into());
    let owner = json!({ "apiVersion": "v1", "kind": "Endpoints", "name": name, "uid": own["uid"],
        "controller": true, "blockOwnerDeletion": true });
    json!({ "generateName": name_prefix(name), "namespace": own["namespace"], "labels": labels,
        "annotations": mirrored_annotations(endpoints), "ownerReferences": [owner] })
}

/// A slice for the same ports stays; any other of the family is used again before one is made.
fn steps(endpoints: &Doc, wanted: Vec<Slice>, slices: Vec<Slice>) -> Vec<Step> {
    let key = |slice: &Slice| (slice.family(), slice.port_key());
    let mut left = slices;
    let (mut steps, mut homeless) = (Vec::new(), VecDeque::new());
    for slice in wanted {
        match left.iter().position(|existing| key(existing) == key(&slice)) {
            Some(at) => steps.extend(update(left.remove(at), &slice)),
            None => homeless.push_back(slice),
        }
    }
    for slice in homeless {
        match left.iter().position(|existing| existing.family() == slice.family()) {
            Some(at) => steps.extend(update(left.remove(at), &slice)),
            None if endpoints["metadata"]["deletionTimestamp"].is_null() => steps.insert(0, Step::Create(slice.doc)),
            None => {}
        }
    }
    steps.extend(left.into_iter().map(|slice| Step::Delete(slice.name)));
    steps
}

fn update(mut slice: Slice, wanted: &Slice) -> Option<Step> {
    let before = slice.doc.clone();
    slice.become_like(wanted);
    let no_annotations = |doc: &Doc| doc["metadata"]["annotations"].as_object().is_none_or(serde_json::Map::is_empty);
    if no_annotations(&before) && no_annotations(&slice.doc) {
        slice.doc["metadata"]["annotations"] = before["metadata"]["annotations"].clone();
    }
    (before != slice.doc).then_some(Step::Update(slice.name, slice.doc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(subsets: Doc) -> Doc {
        json!({"metadata": {"namespace": "a", "name": "db", "uid": "e", "labels": {"tier": "back"},
            "annotations": {"note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"}}, "subsets": subsets})
    }

    fn subset(ips: &[&str], port: u16) -> Doc {
        let addresses: Vec<Doc> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
        json!({"addresses": addresses, "ports": [{"port": port, "protocol": "TCP"}]})
    }

    fn stored(planned: Planned) -> Vec<Slice> {
        let stored = planned.steps.into_iter().enumerate().filter_map(|(at, step)| match step {
            Step::Create(doc) => Some(Slice { name: format!("db-{at}"), doc }),
            Step::Update(name, doc) => Some(Slice { name, doc }),
            Step::Delete(_) => None,
        });
        stored.collect()
    }

    #[test]
    fn a_mirror_says_whose_it_is() {
        let slices = stored(plan(&endpoints(json!([subset(&["10.0.0.1"], 5432)])), vec![]));
        let expected = json!({
            "metadata": {
                "generateName": "db-", "namespace": "a", "annotations": {"note": "x"},
                "labels": {"tier": "back", "kubernetes.io/service-name": "db",
                    "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Endpoints", "name": "db", "uid": "e",
                    "controller": true, "blockOwnerDeletion": true}],
            },
            "addressType": "IPv4", "ports": [{"name": "", "port": 5432, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}],
        });
        assert_eq!(slices[0].doc, expected);
    }

    #[test]
    fn mirrors_follow() {
        for (case, before, after, expected) in [
            ("the same", json!([subset(&["10.0.0.1"], 1)]), json!([subset(&["10.0.0.1"], 1)]), ""),
            (
                "one more address",
                json!([subset(&["10.0.0.1"], 1)]),
                json!([subset(&["10.0.0.1", "10.0.0.2"], 1)]),
                "update db-0: 2",
            ),
            ("another port", json!([subset(&["10.0.0.1"], 1)]), json!([subset(&["10.0.0.1"], 2)]), "update db-0: 1"),
            ("both families", json!([]), json!([subset(&["10.0.0.1", "fd00::1"], 1)]), "create 1, create 1"),
            ("nothing left", json!([subset(&["10.0.0.1"], 1)]), json!([]), "delete db-0"),
            ("nonsense", json!([]), json!([subset(&["x"], 1)]), ""),
        ] {
            let slices = stored(plan(&endpoints(before), vec![]));
            let count = |doc: &Doc| doc["endpoints"].as_array().map_or(0, Vec::len);
            let steps = plan(&endpoints(after), slices).steps.into_iter().map(|step| match step {
                Step::Create(doc) => format!("create {}", count(&doc)),
                Step::Update(name, doc) => format!("update {name}: {}", count(&doc)),
                Step::Delete(name) => format!("delete {name}"),
            });
            assert_eq!(steps.collect::<Vec<_>>().join(", "), expected, "{case}");
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let many: Vec<String> = (0..1002).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (ips, reasons) in
            [(&["10.0.0.1"][..], &[][..]), (&["x"], &["InvalidIPAddress"]), (&many, &["TooManyAddressesToMirror"])]
        {
            let said: Vec<&str> = plan(&endpoints(json!([subset(ips, 1)])), vec![]).warnings.iter().map(|w| w.0).collect();
            assert_eq!(said, reasons, "{} addresses", ips.len());
        }
    }
}
