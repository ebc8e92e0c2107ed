//! Shapes of upstream's filtering_test.go and scoring_test.go.

use super::InterPodAffinity;
use crate::framework::{Change, Plugin};
use crate::model::Pod;
use crate::testing::{incoming, place, pod, populate, scores, verdicts, zoned};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";
const FAR: &str = "node(s) didn't match pod affinity rules";
const NEAR: &str = "node(s) didn't match pod anti-affinity rules";
const UNWANTED: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// Pods with this `app`.
fn term(app: &str, key: &str) -> Doc {
    json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key})
}

fn required(kind: &str, terms: &[Doc]) -> Doc {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn preferred(kind: &str, weight: i64, term: Doc) -> Doc {
    let preferred = json!([{"weight": weight, "podAffinityTerm": term}]);
    json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}})
}

fn asks(app: &str, spec: Doc) -> Arc<Pod> {
    incoming(json!({"app": app}), spec)
}

#[test]
fn pods_go_near_others_and_away_from_others() {
    let nodes = "a:z1 b:z1 x:z2 y:";
    let with = |mut term: Doc, key: &str, value: Doc| {
        term[key] = value;
        term
    };
    let all = |a: &str, b: &str, x: &str, y: &str| format!("a={a} b={b} x={x} y={y}");
    for (app, spec, pods, expected) in [
        ("web", json!({}), "a=app:db", "skip".into()),
        ("web", required("podAffinity", &[term("db", ZONE)]), "a=app:db", all("ok", "ok", FAR, FAR)),
        ("web", required("podAffinity", &[term("db", HOST)]), "a=app:db", all("ok", FAR, FAR, FAR)),
        ("web", required("podAffinity", &[term("db", ZONE)]), "", all(FAR, FAR, FAR, FAR)),
        // The first of its kind is near itself, where there is a zone.
        ("web", required("podAffinity", &[term("web", ZONE)]), "", all("ok", "ok", "ok", FAR)),
        ("web", required("podAffinity", &[term("web", ZONE)]), "x=app:web", all(FAR, FAR, "ok", FAR)),
        // All terms must cover the same pods.
        ("web", required("podAffinity", &[term("db", ZONE), term("web", HOST)]), "a=app:db b=app:web", all(FAR, FAR, FAR, FAR)),
        ("web", required("podAffinity", &[term("db", ZONE), term("db", HOST)]), "a=app:db", all("ok", FAR, FAR, FAR)),
        ("web", required("podAntiAffinity", &[term("db", ZONE)]), "a=app:db", all(NEAR, NEAR, "ok", "ok")),
        ("web", required("podAntiAffinity", &[term("db", HOST)]), "a=app:db y=app:db", all(NEAR, "ok", "ok", NEAR)),
        (
            "web",
            required("podAntiAffinity", &[term("db", HOST), term("web", ZONE)]),
            "a=app:db x=app:web",
            all(NEAR, "ok", NEAR, "ok"),
        ),
        (
            "web",
            required("podAffinity", &[with(term("db", ZONE), "namespaces", json!(["other"]))]),
            "a=app:db",
            all(FAR, FAR, FAR, FAR),
        ),
        (
            "web",
            required("podAffinity", &[with(term("db", ZONE), "namespaceSelector", json!({}))]),
            "a=app:db",
            all("ok", "ok", FAR, FAR),
        ),
        ("web", required("podAntiAffinity", &[json!({"topologyKey": ZONE})]), "a=app:db", all("ok", "ok", "ok", "ok")),
    ] {
        let mut cluster = zoned(nodes);
        populate(&mut cluster, pods);
        assert_eq!(verdicts(&InterPodAffinity, &mut cluster, &asks(app, spec.clone())), expected, "{pods} {spec}");
    }
}

#[test]
fn pods_on_nodes_keep_others_away() {
    let mut cluster = zoned("a:z1 b:z1 x:z2");
    let spec = required("podAntiAffinity", &[term("web", ZONE)]);
    place(&mut cluster, "a", json!({"metadata": {"name": "guard"}, "spec": spec}));
    let kept = format!("a={UNWANTED} b={UNWANTED} x=ok");
    assert_eq!(verdicts(&InterPodAffinity, &mut cluster, &asks("web", json!({}))), kept);
    assert_eq!(verdicts(&InterPodAffinity, &mut cluster, &asks("db", json!({}))), "skip");
    // Two of them, and one goes: the other still stands guard.
    place(&mut cluster, "b", json!({"metadata": {"name": "second"}, "spec": spec}));
    cluster.take_off("guard");
    assert_eq!(verdicts(&InterPodAffinity, &mut cluster, &asks("web", json!({}))), kept);
    cluster.take_off("second");
    assert_eq!(verdicts(&InterPodAffinity, &mut cluster, &asks("web", json!({}))), "skip");
}

#[test]
fn namespaces_are_chosen_by_their_labels() {
    let mut cluster = zoned("a:z1 x:z2");
    place(&mut cluster, "a", json!({"metadata": {"name": "p", "namespace": "blue", "labels": {"app": "db"}}}));
    let labels = |text: &str| serde_json::from_str(text).expect("labels");
    let mut selected = term("db", ZONE);
    selected["namespaceSelector"] = json!({"matchLabels": {"team": "one"}});
    let pod = asks("web", required("podAntiAffinity", &[selected]));
    for (team, expected) in [("two", "a=ok x=ok".to_owned()), ("one", format!("a={NEAR} x=ok"))] {
        cluster.set_namespace("blue", Some(labels(&format!(r#"{{"team":"{team}"}}"#))));
        assert_eq!(verdicts(&InterPodAffinity, &mut cluster, &pod), expected, "{team}");
    }
}

#[test]
fn likes_and_dislikes_add_up() {
    let nodes = "a:z1 b:z1 x:z2";
    for (existing, spec, expected) in [
        (json!({}), json!({}), "skip"),
        (json!({}), preferred("podAffinity", 5, term("db", ZONE)), "a=100 b=100 x=0"),
        (json!({}), preferred("podAffinity", 5, term("db", HOST)), "a=100 b=0 x=0"),
        (json!({}), preferred("podAntiAffinity", 5, term("db", ZONE)), "a=0 b=0 x=100"),
        (preferred("podAffinity", 3, term("web", HOST)), json!({}), "a=100 b=0 x=0"),
        (preferred("podAntiAffinity", 3, term("web", ZONE)), json!({}), "a=0 b=0 x=100"),
        (required("podAffinity", &[term("web", ZONE)]), json!({}), "a=100 b=100 x=0"),
        (preferred("podAntiAffinity", 3, term("web", HOST)), preferred("podAffinity", 5, term("db", ZONE)), "a=40 b=100 x=0"),
        (preferred("podAffinity", 3, term("web", ZONE)), preferred("podAntiAffinity", 3, term("db", ZONE)), "a=0 b=0 x=0"),
    ] {
        let mut cluster = zoned(nodes);
        place(&mut cluster, "a", json!({"metadata": {"name": "p", "labels": {"app": "db"}}, "spec": existing}));
        let pod = asks("web", spec.clone());
        assert_eq!(scores(&InterPodAffinity, &mut cluster, &pod), expected, "{existing} {spec}");
    }
}

#[test]
fn who_is_wanted_or_leaves_wakes_the_pod() {
    let cluster = zoned("a:z1");
    let other = |app: &str| pod(json!({"metadata": {"name": "o", "labels": {"app": app}}}));
    let (db, web) = (other("db"), other("web"));
    let near = asks("web", required("podAffinity", &[term("db", ZONE)]));
    let away = asks("web", required("podAntiAffinity", &[term("db", ZONE)]));
    for (waiting, change, wakes) in [
        (&near, Change::PodAdded(&db), true),
        (&near, Change::PodAdded(&web), false),
        (&near, Change::PodRemoved { pod: &db, from: cluster.host(0) }, false),
        (&away, Change::PodRemoved { pod: &db, from: cluster.host(0) }, true),
        (&away, Change::PodRemoved { pod: &web, from: cluster.host(0) }, false),
        (&away, Change::PodAdded(&db), false),
        (&away, Change::PodUpdated { old: &db, new: &web }, true),
        (&near, Change::PodUpdated { old: &web, new: &db }, true),
    ] {
        assert_eq!(InterPodAffinity.wakes(&cluster, waiting, &change), wakes);
    }
    // Somebody who stood guard against the pod leaves.
    let guard = pod(json!({"metadata": {"name": "g"}, "spec": required("podAntiAffinity", &[term("web", ZONE)])}));
    assert!(InterPodAffinity.wakes(&cluster, &near, &Change::PodRemoved { pod: &guard, from: cluster.host(0) }));
}
