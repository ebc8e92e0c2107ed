//! Nodes and pods as text, decisions as text.

use super::nodes::Node;
use super::plan::{Seen, Step, plan};
use super::set::Set;
use super::template::{for_node, target_node};
use crate::controller_revisions::{HASH_LABEL, Past, Revision};
use crate::workloads::{Pod, pod_from_template};
use meta::{Doc, Object, Time};
use serde_json::json;
use std::sync::Arc;

const NOW: i64 = 1_000_000;

fn object(doc: Doc) -> Arc<Object> {
    Object::from_doc(&doc, 7).expect("a valid object").shared()
}

/// `name@node hash Phase flag...`: `ready=` for so many seconds, `going`, `unscheduled`.
fn pod(text: &str) -> Arc<Pod> {
    let words: Vec<&str> = text.split(' ').collect();
    let (name, node) = words[0].split_once('@').expect("a name and a node");
    let has = |flag: &str| words[3..].contains(&flag);
    let mut doc = json!({ "metadata": { "name": name, "namespace": "ns", "uid": name, "labels": { HASH_LABEL: words[1] },
        "creationTimestamp": "1970-01-01T00:00:00Z" }, "spec": {}, "status": { "phase": words[2] } });
    if has("unscheduled") {
        doc["spec"] = for_node(&set(json!({})), "new", node)["spec"].clone();
    } else {
        doc["spec"]["nodeName"] = node.into();
    }
    if has("going") {
        doc["metadata"]["deletionTimestamp"] = Time::from_unix(NOW).to_string().into();
    }
    if let Some(seconds) = words[3..].iter().find_map(|word| word.strip_prefix("ready=")?.parse::<i64>().ok()) {
        let since = Time::from_unix(NOW - seconds).to_string();
        doc["status"]["conditions"] = json!([{ "type": "Ready", "status": "True", "lastTransitionTime": since }]);
    }
    Pod::of(&object(doc)).into()
}

fn set(spec: Doc) -> Set {
    let mut doc = json!({ "metadata": { "name": "set", "namespace": "ns", "uid": "u", "generation": 1 },
        "spec": { "template": { "spec": {} }, "updateStrategy": { "type": "OnDelete" }, "revisionHistoryLimit": 10 } });
    for (key, value) in spec.as_object().into_iter().flatten() {
        doc["spec"][key] = value.clone();
    }
    Set::new(object(doc))
}

fn revision(hash: &str, number: i64) -> Revision {
    let labels = json!({ HASH_LABEL: hash });
    Revision::of(object(
        json!({ "metadata": { "name": format!("set-{hash}"), "labels": labels }, "revision": number, "data": {} }),
    ))
}

fn seen(spec: Doc, nodes: &[&str], pods: &[&str]) -> Seen {
    let node = |text: &&str| {
        let (name, taint) = text.split_once(' ').unwrap_or((text, ""));
        let taints = if taint.is_empty() { json!([]) } else { json!([{ "key": "k", "effect": taint }]) };
        Arc::new(Node::of(&object(json!({ "metadata": { "name": name }, "spec": { "taints": taints } }))))
    };
    let past = Past { revisions: vec![revision("older", 1), revision("old", 2), revision("new", 3)] };
    let (nodes, pods) = (nodes.iter().map(node).collect(), pods.iter().map(|text| pod(text)).collect());
    Seen { set: set(spec), nodes, pods, past, waits: [("slow".to_owned(), 7)].into(), settled: true }
}

fn show(step: &Step) -> Option<String> {
    let node = |template: &Doc| {
        let pod = pod_from_template(template, &object(json!({ "metadata": { "name": "set", "uid": "u" } })), super::KIND);
        target_node(&Pod::of(&object(pod))).expect("a node")
    };
    match step {
        Step::Create(templates) => Some(format!("create {}", templates.iter().map(node).collect::<Vec<_>>().join(" "))),
        Step::Delete(pods) => Some(format!("delete {}", pods.iter().map(|pod| pod.name()).collect::<Vec<_>>().join(" "))),
        Step::Forget(gone) => Some(format!("forget {}", gone.iter().map(|o| o.meta.name.as_str()).collect::<Vec<_>>().join(" "))),
        Step::Say(_, reason, _) => Some(format!("say {reason}")),
        Step::Again(seconds) => Some(format!("again {seconds}")),
        Step::Failed(node) => Some(format!("failed on {node}")),
        Step::Status(_) => None,
    }
}

fn check(spec: Doc, nodes: &[&str], pods: &[&str], expected: &[&str]) {
    let shown: Vec<String> = plan(&seen(spec.clone(), nodes, pods), Time::from_unix(NOW)).iter().filter_map(show).collect();
    assert_eq!(shown, expected, "{spec} {nodes:?} {pods:?}");
}

#[test]
fn every_node_has_its_pod() {
    let plain = || json!({});
    check(plain(), &["a", "b"], &[], &["create a b"]);
    check(plain(), &["a", "b"], &["x@a new Running", "y@b new Pending unscheduled"], &[]);
    check(plain(), &["a NoSchedule", "b NoExecute"], &[], &[]);
    check(plain(), &["a NoSchedule", "b NoExecute"], &["x@a new Running", "y@b new Running"], &["delete y"]);
    // One that is going holds its place.
    check(plain(), &["a"], &["x@a new Running going"], &[]);
    check(plain(), &["a"], &["x@a new Failed going"], &["create a"]);
    check(plain(), &["a"], &["x@a new Failed"], &["failed on a", "say FailedDaemonPod", "delete x"]);
    check(plain(), &["slow"], &["x@slow new Failed"], &["again 7"]);
    check(plain(), &["a"], &["x@a new Succeeded"], &["say SucceededDaemonPod", "delete x"]);
    // The oldest that is scheduled stays.
    check(plain(), &["a"], &["y@a new Running", "x@a new Running", "w@a new Pending unscheduled"], &["delete y w"]);
    check(plain(), &[], &["x@gone new Running", "y@gone new Pending unscheduled"], &["delete y"]);
}

fn rolling(unavailable: Doc, surge: Doc) -> Doc {
    json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": unavailable, "maxSurge": surge } } })
}

#[test]
fn updates_replace_a_few_at_a_time() {
    let nodes = ["a", "b", "c"];
    let old = ["x@a old Running ready=60", "y@b old Running ready=60", "z@c old Running ready=60"];
    check(json!({}), &nodes, &old, &[]);
    check(rolling(json!(1), json!(0)), &nodes, &old, &["delete x"]);
    check(rolling(json!("50%"), json!(0)), &nodes, &old, &["delete x y"]);
    // What is unavailable already counts, and is replaced for nothing.
    check(rolling(json!(1), json!(0)), &nodes, &["x@a old Running ready=60", "y@b new Running", "z@c old Running ready=60"], &[]);
    check(
        rolling(json!(1), json!(0)),
        &nodes,
        &["x@a old Running ready=60", "y@b old Running", "z@c old Running ready=60"],
        &["delete y"],
    );
    check(
        rolling(json!(2), json!(0)),
        &nodes,
        &["x@a old Running ready=60", "y@b new Running ready=60", "z@c old Running going"],
        &["delete x"],
    );
}

#[test]
fn updates_may_surge() {
    let surge = |count: i64| rolling(json!(0), json!(count));
    let nodes = ["a", "b"];
    let old = ["x@a old Running ready=60", "y@b old Running ready=60"];
    check(surge(1), &nodes, &old, &["create a"]);
    check(surge(2), &nodes, &old, &["create a b"]);
    check(surge(1), &nodes, &[old[0], old[1], "n@a new Pending"], &[]);
    check(surge(1), &nodes, &[old[0], old[1], "n@a new Running ready=5"], &["delete x"]);
    // An old one that is not ready is no loss.
    check(surge(1), &nodes, &["x@a old Running", old[1], "n@a new Pending"], &["delete x"]);
    check(surge(1), &nodes, &["x@a old Running", old[1]], &["create a b"]);
    check(surge(1), &nodes, &["x@a old Running ready=60 going", old[1]], &["create a"]);
}

#[test]
fn revisions_without_pods_are_forgotten() {
    for (limit, pod, gone) in [
        (2, "x@a new Running", &[][..]),
        (1, "x@a new Running", &["forget set-older"]),
        (1, "x@a older Running", &["forget set-old"]),
        (0, "x@a new Running", &["forget set-older set-old"]),
    ] {
        check(json!({ "revisionHistoryLimit": limit }), &["a"], &[pod], gone);
    }
}

#[test]
fn readiness_takes_its_time() {
    let mut spec = rolling(json!(1), json!(0));
    spec["minReadySeconds"] = 30.into();
    let pods = ["x@a new Running ready=10", "y@b old Running ready=60"];
    check(spec.clone(), &["a", "b"], &pods, &["again 20"]);
    check(spec, &["a", "b"], &["x@a new Running ready=30", "y@b old Running ready=60"], &["delete y"]);
}

#[test]
fn status_counts_nodes() {
    let nodes = ["a", "b", "c NoSchedule"];
    let pods = ["x@a new Running ready=60", "y@b old Running ready=60 going", "z@c new Running ready=60"];
    let steps = plan(&seen(json!({}), &nodes, &pods), Time::from_unix(NOW));
    let status = steps.into_iter().find_map(|step| match step {
        Step::Status(status) => Some(status),
        _ => None,
    });
    let expected = json!({ "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberMisscheduled": 1, "numberReady": 2,
        "updatedNumberScheduled": 1, "numberAvailable": 2, "observedGeneration": 1 });
    assert_eq!(status, Some(expected));
}

#[test]
fn pods_are_bound_to_their_node() {
    let affinity = json!({ "podAntiAffinity": {}, "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [],
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [{ "matchExpressions": [] }] } } });
    let template = for_node(&set(json!({ "template": { "spec": { "affinity": affinity } } })), "new", "a");
    let node = &template["spec"]["affinity"]["nodeAffinity"];
    let terms = json!([{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["a"] }] }]);
    assert_eq!(node["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"], terms);
    assert!(node["preferredDuringSchedulingIgnoredDuringExecution"].is_array());
    assert!(template["spec"]["affinity"]["podAntiAffinity"].is_object());
    assert_eq!(template["metadata"]["labels"][HASH_LABEL], "new");
    assert_eq!(template["spec"]["tolerations"].as_array().map(Vec::len), Some(6));
}
