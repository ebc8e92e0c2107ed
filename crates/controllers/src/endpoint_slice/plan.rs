//! From a Service, its pods and its slices to what must be written (k8s.io/endpointslice `reconciler.go`).

use super::fit::{Endpoints, Fitted, fit};
use super::slice::{Slice, identity, name_prefix, port_key};
use super::{MANAGED_BY_LABEL, MANAGER, SERVICE_LABEL, Step, hints};
use crate::service_pods::{Family, HEADLESS_LABEL, Member, Service, annotate, texts};
use meta::{Doc, Time};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(super) struct Seen {
    pub service: Service,
    pub members: Vec<Arc<Member>>,
    /// Nodes that there are, with their zones.
    pub zones: HashMap<String, Option<String>>,
    pub slices: Vec<Slice>,
    /// When that happened which the slices do not say yet.
    pub changed: Option<Time>,
}

impl Seen {
    /// A pod that is left out because its node is not there (yet, or any more).
    pub fn homeless(&self) -> Option<&Member> {
        self.members.iter().map(|member| &**member).find(|member| member.is_reachable(true) && !self.is_at_home(member))
    }

    fn is_at_home(&self, member: &Member) -> bool {
        self.service.publish_not_ready || self.zones.contains_key(&member.node)
    }
}

pub(super) fn plan(seen: &Seen) -> Vec<Step> {
    let families = &seen.service.families;
    let other = seen.slices.iter().filter(|slice| !slice.family().is_some_and(|family| families.contains(&family)));
    let mut steps: Vec<Step> = families.iter().flat_map(|family| steps(seen, plan_family(seen, *family))).collect();
    for step in &mut steps {
        if let Step::Create(doc) | Step::Update(_, doc) = step {
            annotate(doc, seen.changed);
        }
    }
    steps.extend(other.map(|slice| Step::Delete(slice.name.clone())));
    steps
}

fn plan_family(seen: &Seen, family: Family) -> Fitted {
    let of_family = seen.slices.iter().filter(|slice| slice.family() == Some(family)).cloned();
    // Those of a Service of this name that was before are the garbage collector's.
    let (own, foreign): (Vec<Slice>, Vec<Slice>) = of_family.partition(|slice| slice.is_owned_by("Service", &seen.service.uid));
    let mut by_ports: BTreeMap<String, Vec<Slice>> = BTreeMap::new();
    own.into_iter().for_each(|slice| by_ports.entry(slice.port_key()).or_default().push(slice));
    let mut all = Fitted { dropped: foreign, ..Fitted::default() };
    for (key, (ports, endpoints)) in wanted(seen, family) {
        let existing = by_ports.remove(&key).unwrap_or_default();
        let fitted = fit(existing, endpoints, |slice| relabel(slice, &seen.service), || new_slice(&seen.service, family, &ports));
        all.unchanged.extend(fitted.unchanged);
        all.changed.extend(fitted.changed);
        all.created.extend(fitted.created);
        all.dropped.extend(fitted.dropped);
    }
    all.dropped.extend(by_ports.into_values().flatten());
    if all.unchanged.is_empty() && all.changed.is_empty() && all.created.is_empty() {
        hold_place(&mut all, new_slice(&seen.service, family, &[]));
    }
    hints::apply(&mut all, seen.service.traffic_distribution.as_deref());
    all
}

/// A Service without endpoints has one empty slice, which says that somebody has looked.
fn hold_place(all: &mut Fitted, placeholder: Slice) {
    let holds = |slice: &Slice| {
        ["ports", "endpoints"].iter().all(|field| slice.doc[*field].as_array().is_none_or(Vec::is_empty))
            && ["labels", "ownerReferences"].iter().all(|f| slice.doc["metadata"][*f] == placeholder.doc["metadata"][*f])
    };
    match &all.dropped[..] {
        [only] if holds(only) => all.unchanged.append(&mut all.dropped),
        _ => all.created.push(placeholder),
    }
}

/// The endpoints that the Service should have, by the ports that they offer.
fn wanted(seen: &Seen, family: Family) -> BTreeMap<String, (Vec<Doc>, Endpoints)> {
    let mut groups: BTreeMap<String, (Vec<Doc>, Endpoints)> = BTreeMap::new();
    for member in seen.members.iter().filter(|member| member.is_reachable(true)) {
        let ports = ports(&seen.service, member);
        let (_, endpoints) = groups.entry(port_key(&ports)).or_insert_with(|| (ports, Endpoints::new()));
        if seen.is_at_home(member) && member.addresses_of(family).next().is_some() {
            let endpoint = endpoint(seen, member, family);
            endpoints.insert(identity(&endpoint), endpoint);
        }
    }
    groups
}

fn ports(service: &Service, member: &Member) -> Vec<Doc> {
    let found = service.ports.iter().filter_map(|port| Some((port, member.port(port)?)));
    let doc = found.map(|(port, number)| {
        let mut doc = json!({ "name": port.name, "port": number, "protocol": port.protocol });
        if let Some(app_protocol) = &port.app_protocol {
            doc["appProtocol"] = app_protocol.as_str().into();
        }
        doc
    });
    doc.collect()
}

fn endpoint(seen: &Seen, member: &Member, family: Family) -> Doc {
    let addresses: Vec<String> = member.addresses_of(family).map(ToString::to_string).collect();
    let ready = seen.service.publish_not_ready || (member.ready && !member.deleting);
    let mut endpoint = json!({
        "addresses": addresses,
        "conditions": { "ready": ready, "serving": member.ready, "terminating": member.deleting },
        "targetRef": member.reference(),
    });
    if !member.node.is_empty() {
        endpoint["nodeName"] = member.node.as_str().into();
    }
    if let Some(Some(zone)) = seen.zones.get(&member.node) {
        endpoint["zone"] = zone.as_str().into();
    }
    if let Some(hostname) = member.hostname_in(&seen.service) {
        endpoint["hostname"] = hostname.into();
    }
    endpoint
}

fn new_slice(service: &Service, family: Family, ports: &[Doc]) -> Slice {
    let owner = json!({ "apiVersion": "v1", "kind": "Service", "name": service.name, "uid": service.uid,
        "controller": true, "blockOwnerDeletion": true });
    let metadata = json!({
        "generateName": name_prefix(&service.name), "namespace": service.namespace,
        "labels": labels(service), "ownerReferences": [owner],
    });
    Slice::new(metadata, family, ports)
}

/// The Service's own, and those that say whose slice it is.
fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.labels_with_headless();
    labels.insert(SERVICE_LABEL.into(), service.name.clone());
    labels.insert(MANAGED_BY_LABEL.into(), MANAGER.into());
    labels
}

/// True if the labels that come from the Service had changed.
fn relabel(slice: &mut Slice, service: &Service) -> bool {
    let reserved = |key: &String| [HEADLESS_LABEL, SERVICE_LABEL, MANAGED_BY_LABEL].contains(&key.as_str());
    let has = texts(&slice.doc["metadata"]["labels"]);
    let own = |labels: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        labels.iter().filter(|(key, _)| !reserved(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    slice.doc["metadata"]["labels"] = json!(labels(service));
    own(&has) != own(&service.labels)
}

/// What is to be created takes the place of what is to be deleted, as far as that goes.
fn steps(seen: &Seen, fitted: Fitted) -> Vec<Step> {
    let Fitted { mut created, mut changed, dropped, .. } = fitted;
    let mut deleted = Vec::new();
    for mut slice in dropped {
        match created.pop() {
            Some(new) if slice.is_owned_by("Service", &seen.service.uid) => {
                slice.become_like(&new);
                changed.push(slice);
            }
            unused => {
                created.extend(unused);
                deleted.push(Step::Delete(slice.name));
            }
        }
    }
    // The garbage collector is deleting its slices: new ones would outlive it.
    let created = created.into_iter().filter(|_| !seen.service.deleting).map(|slice| Step::Create(slice.doc));
    created.chain(changed.into_iter().map(|slice| Step::Update(slice.name, slice.doc))).chain(deleted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Object;

    fn service(spec: Doc) -> Service {
        let mut doc = json!({"metadata": {"namespace": "a", "name": "web", "uid": "s", "labels": {"tier": "front"}},
            "spec": {"selector": {"app": "web"}, "clusterIP": "10.100.0.9", "ipFamilies": ["IPv4"],
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]}});
        for (field, value) in spec.as_object().into_iter().flatten() {
            doc["spec"][field] = value.clone();
        }
        Service::of(&Object::from_doc(&doc, 1).expect("a valid object"))
    }

    /// `name address port [ready] [deleting] [nowhere]`
    fn member(text: &str) -> Arc<Member> {
        let words: Vec<&str> = text.split(' ').collect();
        let has = |word: &str| words.contains(&word);
        let mut doc = json!({
            "metadata": {"namespace": "a", "name": words[0], "uid": words[0]},
            "spec": {"nodeName": if has("nowhere") { "gone" } else { "node" },
                "containers": [{"ports": [{"name": "http", "containerPort": words[2].parse::<u16>().expect("a port")}]}]},
            "status": {"phase": "Running", "podIPs": [{"ip": words[1]}],
                "conditions": [{"type": "Ready", "status": if has("ready") { "True" } else { "False" }}]},
        });
        if has("deleting") {
            doc["metadata"]["deletionTimestamp"] = "2026-11-20T10:00:00Z".into();
        }
        Arc::new(Member::of(&Object::from_doc(&doc, 1).expect("a valid object")))
    }

    fn seen(spec: Doc, members: &[&str], slices: Vec<Slice>) -> Seen {
        let zones = [("node".to_owned(), Some("zone-a".to_owned()))].into();
        Seen { service: service(spec), members: members.iter().map(|text| member(text)).collect(), zones, slices, changed: None }
    }

    /// The slices that a plan leaves behind, as if they had been stored.
    fn stored(steps: Vec<Step>) -> Vec<Slice> {
        let stored = steps.into_iter().enumerate().filter_map(|(at, step)| match step {
            Step::Create(doc) => Some(Slice { name: format!("web-{at}"), doc }),
            Step::Update(name, doc) => Some(Slice { name, doc }),
            Step::Delete(_) => None,
        });
        stored.collect()
    }

    #[test]
    fn a_new_service_gets_a_slice() {
        let Step::Create(doc) = plan(&seen(json!({}), &["one 10.0.0.1 8080 ready"], vec![])).remove(0) else { panic!("a slice") };
        let expected = json!({
            "metadata": {
                "generateName": "web-", "namespace": "a",
                "labels": {"tier": "front", "kubernetes.io/service-name": "web",
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": "web", "uid": "s",
                    "controller": true, "blockOwnerDeletion": true}],
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{
                "addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false},
                "targetRef": {"kind": "Pod", "namespace": "a", "name": "one", "uid": "one"},
                "nodeName": "node", "zone": "zone-a",
            }],
        });
        assert_eq!(doc, expected);
    }

    #[test]
    fn conditions_of_endpoints() {
        let lenient = json!({"publishNotReadyAddresses": true});
        for (spec, text, ready, serving, terminating) in [
            (json!({}), "one 10.0.0.1 80", false, false, false),
            (json!({}), "one 10.0.0.1 80 ready", true, true, false),
            (json!({}), "one 10.0.0.1 80 ready deleting", false, true, true),
            (json!({}), "one 10.0.0.1 80 deleting", false, false, true),
            (lenient.clone(), "one 10.0.0.1 80", true, false, false),
            (lenient, "one 10.0.0.1 80 ready deleting", true, true, true),
        ] {
            let slices = stored(plan(&seen(spec, &[text], vec![])));
            let expected = json!({"ready": ready, "serving": serving, "terminating": terminating});
            assert_eq!(slices[0].endpoints()[0]["conditions"], expected, "{text}");
        }
    }

    /// What a plan does, given what an earlier plan left.
    #[test]
    fn changes_are_as_small_as_can_be() {
        let headless = json!({"clusterIP": "None", "ports": []});
        let (one, two) = ("one 10.0.0.1 80 ready", "two 10.0.0.2 80 ready");
        let table: [(&str, Doc, &[&str], Doc, &[&str], &str); 9] = [
            ("nothing", json!({}), &[one], json!({}), &[one], ""),
            ("no pods leave a place held", json!({}), &[], json!({}), &[], ""),
            ("the place is taken", json!({}), &[], json!({}), &[one], "update web-0: 1"),
            ("and held again", json!({}), &[one], json!({}), &[], "update web-0: 0"),
            ("another pod", json!({}), &[one], json!({}), &[one, two], "update web-0: 2"),
            ("ports of its own", json!({}), &[one], json!({}), &[one, "two 10.0.0.2 81 ready"], "create 1"),
            ("all on other ports", json!({}), &[one], json!({}), &["one 10.0.0.1 81 ready"], "update web-0: 1"),
            ("headless has no ports", headless.clone(), &[one], headless.clone(), &[one], ""),
            ("another family", json!({}), &[one], json!({"ipFamilies": ["IPv6"]}), &[one], "create 0, delete web-0"),
        ];
        for (case, spec_before, before, spec_after, after, expected) in table {
            let slices = stored(plan(&seen(spec_before, before, vec![])));
            let steps = plan(&seen(spec_after, after, slices)).into_iter().map(|step| match step {
                Step::Create(doc) => format!("create {}", doc["endpoints"].as_array().map_or(0, Vec::len)),
                Step::Update(name, doc) => format!("update {name}: {}", doc["endpoints"].as_array().map_or(0, Vec::len)),
                Step::Delete(name) => format!("delete {name}"),
            });
            assert_eq!(steps.collect::<Vec<_>>().join(", "), expected, "{case}");
        }
    }

    #[test]
    fn labels_follow_the_service_and_owners_count_by_uid() {
        let slices = stored(plan(&seen(json!({}), &["one 10.0.0.1 80 ready"], vec![])));
        let mut relabelled = seen(json!({}), &["one 10.0.0.1 80 ready"], slices.clone());
        relabelled.service.labels.insert("tier".into(), "back".into());
        let steps = plan(&relabelled);
        assert!(matches!(&steps[..], [Step::Update(_, doc)] if doc["metadata"]["labels"]["tier"] == "back"), "{steps:?}");

        let mut namesake = seen(json!({}), &["one 10.0.0.1 80 ready"], slices);
        namesake.service.uid = "another".into();
        let steps = plan(&namesake);
        assert!(matches!(&steps[..], [Step::Create(_), Step::Delete(name)] if name == "web-0"), "{steps:?}");
        namesake.service.deleting = true;
        assert_eq!(plan(&namesake), [Step::Delete("web-0".into())]);
    }

    #[test]
    fn a_pod_of_an_unknown_node_is_left_out() {
        let members = ["one 10.0.0.1 80 ready", "lost 10.0.0.2 80 ready nowhere"];
        let strict = seen(json!({}), &members, vec![]);
        assert_eq!(strict.homeless().map(|member| &*member.name), Some("lost"));
        assert_eq!(stored(plan(&strict))[0].endpoints().len(), 1);
        let lenient = seen(json!({"publishNotReadyAddresses": true}), &members, vec![]);
        assert!(lenient.homeless().is_none());
        assert_eq!(stored(plan(&lenient))[0].endpoints().len(), 2);
    }
}
