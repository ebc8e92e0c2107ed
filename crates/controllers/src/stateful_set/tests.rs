//! Pods as text, decisions as text.

use super::identity;
use super::plan::{Seen, Step, plan};
use super::set::Set;
use crate::controller_revisions::{HASH_LABEL, Past, Revision};
use crate::workloads::Pod;
use meta::{Doc, Object, Time};
use serde_json::json;
use std::sync::Arc;

const NOW: i64 = 1_000_000;

fn object(doc: Doc) -> Arc<Object> {
    Object::from_doc(&doc, 7).expect("a valid object").shared()
}

/// `ordinal revision state flag...`: state `ok` (ready for a minute), `ready=` for so many seconds, or a phase; `going`,
/// `bare` (without its labels).
fn pod(text: &str) -> Arc<Pod> {
    let words: Vec<&str> = text.split(' ').collect();
    let name = format!("db-{}", words[0]);
    let mut labels = json!({ HASH_LABEL: words[1] });
    if !words.contains(&"bare") {
        labels[identity::POD_NAME] = name.as_str().into();
    }
    let mut metadata = json!({ "name": name, "namespace": "ns", "uid": name, "labels": labels });
    if words.contains(&"going") {
        metadata["deletionTimestamp"] = Time::from_unix(NOW).to_string().into();
    }
    let ready = if words[2] == "ok" { Some(60) } else { words[2].strip_prefix("ready=").and_then(|s| s.parse().ok()) };
    let status = match ready {
        None => json!({ "phase": words[2] }),
        Some(seconds) => {
            let since = Time::from_unix(NOW - seconds).to_string();
            json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": since }] })
        }
    };
    Pod::of(&object(json!({ "metadata": metadata, "spec": {}, "status": status }))).into()
}

fn set(spec: Doc) -> Set {
    let mut doc = json!({ "metadata": { "name": "db", "namespace": "ns", "uid": "u", "generation": 1 },
        "spec": { "replicas": 3, "serviceName": "svc", "selector": { "matchLabels": { "app": "db" } }, "revisionHistoryLimit": 10,
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } } },
        "status": { "currentRevision": "old" } });
    for (key, value) in spec.as_object().into_iter().flatten() {
        doc["spec"][key] = value.clone();
    }
    Set::new(object(doc))
}

fn revision(name: &str, number: i64) -> Revision {
    let data =
        json!({ "spec": { "template": { "$patch": "replace", "metadata": { "labels": { "app": "db", "from": name } } } } });
    Revision::of(object(json!({ "metadata": { "name": name }, "revision": number, "data": data })))
}

fn seen(spec: Doc, pods: &[&str]) -> Seen {
    let past = Past { revisions: vec![revision("older", 1), revision("old", 2), revision("new", 3)] };
    Seen {
        set: set(spec),
        pods: pods.iter().map(|text| pod(text)).collect(),
        past,
        claims: ["data-db-0".to_owned()].into(),
        settled: true,
    }
}

fn show(step: &Step) -> Option<String> {
    let text = |doc: &Doc, pointer: &str| doc.pointer(pointer).and_then(Doc::as_str).unwrap_or("?").to_owned();
    let names = |claims: &[Doc]| claims.iter().map(|claim| format!(" {}", text(claim, "/metadata/name"))).collect::<String>();
    match step {
        Step::Create(pods) => {
            let new = |new: &identity::NewPod| {
                let made = format!(" {}:{}", text(&new.pod, "/metadata/name"), text(&new.pod, "/metadata/labels/from"));
                made + &names(&new.claims)
            };
            Some(format!("create{}", pods.iter().map(new).collect::<String>()))
        }
        Step::Claim(pod, claims) => Some(format!("claim for {pod}{}", names(claims))),
        Step::Identify(pod, _) => Some(format!("identify {}", pod.name())),
        Step::Delete(pod) => Some(format!("delete {}", pod.name())),
        Step::Forget(gone) => Some(format!("forget {}", gone.iter().map(|o| o.meta.name.as_str()).collect::<Vec<_>>().join(" "))),
        Step::Again(seconds) => Some(format!("again {seconds}")),
        Step::Status(_) => None,
    }
}

fn check(spec: Doc, pods: &[&str], expected: &[&str]) {
    let shown: Vec<String> = plan(&seen(spec.clone(), pods), Time::from_unix(NOW)).iter().filter_map(show).collect();
    assert_eq!(shown, expected, "{spec} {pods:?}");
}

#[test]
fn ordered_sets_grow_one_by_one() {
    let plain = || json!({});
    check(plain(), &[], &["create db-0:new"]);
    check(plain(), &["0 new Pending"], &[]);
    check(plain(), &["0 new Running"], &[]);
    check(plain(), &["0 new ok"], &["create db-1:new"]);
    check(plain(), &["0 new ok", "2 new ok"], &["create db-1:new"]);
    check(plain(), &["0 new ok", "1 new ok going"], &[]);
    check(plain(), &["0 new Failed", "1 new ok"], &["delete db-0"]);
    check(plain(), &["0 new Succeeded going"], &[]);
    check(plain(), &["0 new ok bare", "1 new ok", "2 new ok"], &["identify db-0"]);
    check(json!({"minReadySeconds": 30}), &["0 new ready=10"], &["again 20"]);
    check(json!({"ordinals": {"start": 5}, "replicas": 1}), &[], &["create db-5:new"]);
}

#[test]
fn ordered_sets_shrink_one_by_one() {
    let one = || json!({"replicas": 1});
    check(one(), &["0 new ok", "1 new ok", "2 new ok"], &["delete db-2"]);
    check(one(), &["0 new ok", "1 new ok", "2 new ok going"], &[]);
    // An unwell one is in the way of the others, but not of itself.
    check(one(), &["0 new ok", "1 new Running", "2 new ok"], &["delete db-2"]);
    check(one(), &["0 new ok", "1 new Running", "2 new Running"], &[]);
    check(one(), &["0 new ok", "1 new Running"], &["delete db-1"]);
    check(one(), &["0 new Running", "1 new ok"], &[]);
    check(json!({"replicas": 1, "ordinals": {"start": 2}}), &["0 new ok", "1 new ok", "2 new ok"], &["delete db-1"]);
}

#[test]
fn parallel_sets_do_all_at_once() {
    let parallel = |replicas: usize| json!({"podManagementPolicy": "Parallel", "replicas": replicas});
    check(parallel(3), &[], &["create db-0:new db-1:new db-2:new"]);
    check(parallel(3), &["1 new Pending"], &["create db-0:new db-2:new"]);
    check(parallel(1), &["0 new Running", "1 new Running", "2 new ok"], &["delete db-2", "delete db-1"]);
    check(parallel(2), &["0 new Failed"], &["delete db-0", "create db-1:new"]);
}

#[test]
fn updates_go_from_the_top_down() {
    let old = ["0 old ok", "1 old ok", "2 old ok"];
    let partition = |count: usize| json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": count}}});
    check(json!({}), &old, &["delete db-2"]);
    check(json!({}), &["0 old ok", "1 old ok", "2 old ok going"], &[]);
    check(json!({}), &["0 old ok", "1 old ok"], &["create db-2:new"]);
    check(json!({}), &["0 old ok", "1 old ok", "2 new Running"], &[]);
    check(json!({}), &["0 old ok", "1 old ok", "2 new ok"], &["delete db-1"]);
    check(partition(2), &["0 old ok", "1 old ok", "2 new ok"], &[]);
    check(partition(2), &["0 old ok", "2 new ok"], &["create db-1:old"]);
    check(partition(9), &old, &[]);
    check(json!({"updateStrategy": {"type": "OnDelete"}}), &old, &[]);
    check(json!({"updateStrategy": {"type": "OnDelete"}}), &["1 old ok", "2 old ok"], &["create db-0:new"]);
    let two = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 2}}});
    check(two, &old, &["delete db-2", "delete db-1"]);
}

#[test]
fn claims_come_before_pods() {
    let claims = || json!({"volumeClaimTemplates": [{"metadata": {"name": "data", "labels": {"mine": "x"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}], "replicas": 2});
    check(claims(), &["0 new ok"], &["create db-1:new data-db-1"]);
    check(claims(), &["0 new ok", "1 new Pending"], &["claim for db-1 data-db-1"]);
    check(claims(), &[], &["create db-0:new"]);
    let claim = &identity::claims(&set(claims()), 1)[0];
    assert_eq!(claim["metadata"], json!({"name": "data-db-1", "namespace": "ns", "labels": {"app": "db", "mine": "x"}}));
    let pod = identity::pod(&set(claims()), &revision("new", 3), 1);
    assert_eq!(pod["spec"]["volumes"], json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}]));
    assert_eq!((&pod["spec"]["hostname"], &pod["spec"]["subdomain"]), (&json!("db-1"), &json!("svc")));
    let labels = json!({"app": "db", "from": "new", HASH_LABEL: "new", identity::POD_NAME: "db-1", identity::POD_INDEX: "1"});
    assert_eq!(pod["metadata"]["labels"], labels);
    assert!(pod["metadata"].get("generateName").is_none());
}

#[test]
fn status_follows_the_update() {
    let status = |pods: &[&str]| {
        let steps = plan(
            &seen(json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}), pods),
            Time::from_unix(NOW),
        );
        steps.into_iter().find_map(|step| match step {
            Step::Status(status) => Some(status),
            _ => None,
        })
    };
    let common = |mut fields: Doc| {
        for (key, value) in [
            ("updateRevision", json!("new")),
            ("collisionCount", json!(0)),
            ("observedGeneration", json!(1)),
            ("replicas", json!(3)),
        ] {
            fields[key] = value;
        }
        Some(fields)
    };
    assert_eq!(
        status(&["0 old ok", "1 old ok", "2 new ok"]),
        common(
            json!({"currentRevision": "old", "currentReplicas": 2, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3})
        )
    );
    assert_eq!(
        status(&["0 new ok", "1 new ok", "2 new ok"]),
        common(
            json!({"currentRevision": "new", "currentReplicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3})
        )
    );
}

#[test]
fn names_tell_members() {
    for (name, ordinal) in [
        ("db-0", Some(0)),
        ("db-12", Some(12)),
        ("db-", None),
        ("db-x", None),
        ("other-1", None),
        ("db-1-2", None),
        ("db-99999999999", None),
    ] {
        assert_eq!(set(json!({})).ordinal(name), ordinal, "{name}");
    }
}
