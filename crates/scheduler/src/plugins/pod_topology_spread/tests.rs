//! Shapes of upstream's filtering_test.go and scoring_test.go.

use super::PodTopologySpread;
use crate::cluster::GroupKind;
use crate::framework::{Change, Plugin};
use crate::model::Pod;
use crate::testing::{incoming, place, pod, populate, scores, verdicts, zoned};
use meta::{Doc, Object};
use serde_json::json;
use std::sync::Arc;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";
const SKEWED: &str = "node(s) didn't match pod topology spread constraints";

/// Over `app=web`.
fn constraint(key: &str, max_skew: i64, when: &str) -> Doc {
    let selector = json!({"matchLabels": {"app": "web"}});
    json!({"maxSkew": max_skew, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector})
}

fn must(key: &str, max_skew: i64) -> Doc {
    constraint(key, max_skew, "DoNotSchedule")
}

fn should(key: &str, max_skew: i64) -> Doc {
    constraint(key, max_skew, "ScheduleAnyway")
}

fn web(constraints: Doc) -> Arc<Pod> {
    incoming(json!({"app": "web"}), json!({"topologySpreadConstraints": constraints}))
}

#[test]
fn uneven_domains_are_refused() {
    let (two_zones, one_without) = ("a:z1 b:z1 x:z2 y:z2", "a:z1 b:z1 x:z2 y:");
    for (nodes, pods, constraints, refused) in [
        (two_zones, "", json!([must(ZONE, 1)]), ""),
        (two_zones, "a=app:web a=app:web b=app:web x=app:web y=app:web", json!([must(ZONE, 1)]), "ab"),
        (two_zones, "a=app:web a=app:web b=app:web x=app:web y=app:web", json!([must(ZONE, 2)]), ""),
        (two_zones, "a=app:db a=app:db b=app:db", json!([must(ZONE, 1)]), ""),
        (two_zones, "a=app:web", json!([must(ZONE, 1)]), "ab"),
        (two_zones, "a=app:web a=app:web b=app:web y=app:web y=app:web y=app:web", json!([must(HOST, 1)]), "aby"),
        (two_zones, "a=app:web b=app:web x=app:web y=app:web", json!([must(HOST, 1)]), ""),
        (two_zones, "a=app:web a=app:web b=app:web y=app:web", json!([must(ZONE, 1), must(HOST, 1)]), "aby"),
        (two_zones, "a=app:web x=app:web", json!([must(ZONE, 1), must(HOST, 1)]), "ax"),
        (one_without, "a=app:web a=app:web", json!([must(ZONE, 1)]), "ab!y"),
        (one_without, "y=app:web y=app:web", json!([must(ZONE, 1), must(HOST, 1)]), "!y"),
        (two_zones, "a=app:web", json!([should(ZONE, 1)]), "skip"),
    ] {
        let mut cluster = zoned(nodes);
        populate(&mut cluster, pods);
        let expected = match refused {
            "skip" => refused.to_owned(),
            _ => expected(nodes, refused),
        };
        assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(constraints.clone())), expected, "{pods} {constraints}");
    }
}

/// `refused`: names of nodes; behind `!`, of those that lack a label.
fn expected(nodes: &str, refused: &str) -> String {
    let (skewed, unlabelled) = refused.split_once('!').unwrap_or((refused, ""));
    let verdict = |node: &str| {
        let name = node.split(':').next().expect("a name");
        let why = match (skewed.contains(name), unlabelled.contains(name)) {
            (true, _) => SKEWED.to_owned(),
            (_, true) => format!("{SKEWED} (missing required label)"),
            _ => "ok".into(),
        };
        format!("{name}={why}")
    };
    nodes.split_whitespace().map(verdict).collect::<Vec<_>>().join(" ")
}

#[test]
fn constraints_say_what_counts() {
    let nodes = "a:z1 x:z2";
    let with = |more: Doc| {
        let mut constraint = must(ZONE, 1);
        more.as_object().into_iter().flatten().for_each(|(key, value)| constraint[key] = value.clone());
        json!({"topologySpreadConstraints": [constraint]})
    };
    let in_z1 = |mut spec: Doc| {
        spec["nodeSelector"] = json!({ZONE: "z1"});
        spec
    };
    for (labels, spec, pods, refused) in [
        (json!({"app": "web"}), with(json!({"minDomains": 3})), "a=app:web x=app:web", "ax"),
        (json!({"app": "web"}), with(json!({"minDomains": 2})), "a=app:web x=app:web", ""),
        (json!({"app": "other"}), with(json!({})), "a=app:web", ""),
        (json!({"app": "other"}), with(json!({})), "a=app:web a=app:web", "a"),
        (json!({"app": "web"}), in_z1(with(json!({}))), "a=app:web a=app:web", ""),
        (json!({"app": "web"}), in_z1(with(json!({"nodeAffinityPolicy": "Ignore"}))), "a=app:web a=app:web", "a"),
        (json!({"app": "web", "v": "2"}), with(json!({"matchLabelKeys": ["v"]})), "a=app:web a=app:web", ""),
    ] {
        let mut cluster = zoned(nodes);
        populate(&mut cluster, pods);
        let pod = incoming(labels, spec.clone());
        assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &pod), expected(nodes, refused), "{spec} {pods}");
    }
}

#[test]
fn pods_elsewhere_and_on_their_way_out_do_not_count() {
    let nodes = "a:z1 x:z2";
    let mut cluster = zoned(nodes);
    place(&mut cluster, "a", json!({"metadata": {"name": "p", "namespace": "elsewhere", "labels": {"app": "web"}}}));
    let leaving = json!({"name": "q", "labels": {"app": "web"}, "deletionTimestamp": "2026-01-01T00:00:00Z"});
    place(&mut cluster, "a", json!({ "metadata": leaving }));
    assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(json!([must(ZONE, 1)]))), expected(nodes, ""));
    // What is counted stays right as pods come and go.
    populate(&mut cluster, "a=app:web");
    assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(json!([must(ZONE, 1)]))), expected(nodes, "a"));
    cluster.take_off("p0");
    assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(json!([must(ZONE, 1)]))), expected(nodes, ""));
}

#[test]
fn a_node_that_moves_takes_its_pods_along() {
    let nodes = "a:z1 x:z2";
    let mut cluster = zoned(nodes);
    populate(&mut cluster, "a=app:web x=app:web x=app:web");
    assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(json!([must(ZONE, 1)]))), expected(nodes, "x"));
    crate::testing::add_node(&mut cluster, "b", json!({"metadata": {"labels": {ZONE: "z3"}}}));
    assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(json!([must(ZONE, 1)]))), expected("a:z1 b:z3 x:z2", "ax"));
    crate::testing::add_node(&mut cluster, "x", json!({"metadata": {"labels": {ZONE: "z3"}}}));
    assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(json!([must(ZONE, 1)]))), expected("a:z1 b:z3 x:z3", "bx"));
    cluster.set_node("a", None);
    assert_eq!(verdicts(&PodTopologySpread, &mut cluster, &web(json!([must(ZONE, 1)]))), expected("b:z3 x:z3", ""));
}

#[test]
fn even_domains_score_higher() {
    for (nodes, pods, constraints, expected) in [
        ("a: b:", "", json!([should(HOST, 1)]), "a=100 b=100"),
        ("a: b:", "a=app:web a=app:web", json!([should(HOST, 1)]), "a=0 b=100"),
        (
            "a: b: c: d:",
            "a=app:web a=app:web b=app:web d=app:web d=app:web d=app:web",
            json!([should(HOST, 1)]),
            "a=20 b=60 c=100 d=0",
        ),
        ("a:z1 b:z1 x:z2 y:z2", "a=app:web b=app:web x=app:web", json!([should(ZONE, 1)]), "a=33 b=33 x=100 y=100"),
        ("a:z1 b:z1 x:z2 y:", "a=app:web y=app:web", json!([should(ZONE, 1)]), "a=0 b=0 x=100 y=0"),
        ("a:z1 b:z1", "a=app:web", json!([must(ZONE, 1)]), "skip"),
    ] {
        let mut cluster = zoned(nodes);
        populate(&mut cluster, pods);
        assert_eq!(scores(&PodTopologySpread, &mut cluster, &web(constraints.clone())), expected, "{pods} {constraints}");
    }
}

#[test]
fn replicas_that_ask_for_nothing_are_spread_too() {
    let mut cluster = zoned("a:z1 b:z1 x:z2");
    let object = |doc: Doc| Object::from_doc(&doc, 1).expect("a valid object");
    let service = json!({"metadata": {"namespace": "default", "name": "s"}, "spec": {"selector": {"app": "web"}}});
    cluster.groups.set(GroupKind::Service, &object(service.clone()), true);
    populate(&mut cluster, "a=app:web a=app:web");
    assert_eq!(scores(&PodTopologySpread, &mut cluster, &incoming(json!({"app": "db"}), json!({}))), "skip");
    assert_eq!(scores(&PodTopologySpread, &mut cluster, &web(json!([]))), "a=50 b=75 x=100");
    cluster.groups.set(GroupKind::Service, &object(service), false);
    let set = json!({"metadata": {"namespace": "default", "name": "r"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}});
    cluster.groups.set(GroupKind::ReplicaSet, &object(set), true);
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "r", "controller": true});
    let owned = pod(json!({"metadata": {"name": "i", "labels": {"app": "web"}, "ownerReferences": [owner]}}));
    assert_eq!(scores(&PodTopologySpread, &mut cluster, &owned), "a=50 b=75 x=100");
}

#[test]
fn pods_that_count_wake_the_pod() {
    let cluster = zoned("a:");
    let waiting = web(json!([must(ZONE, 1)]));
    for (labels, wakes) in [(json!({"app": "web"}), true), (json!({"app": "db"}), false)] {
        let other = pod(json!({"metadata": {"name": "o", "labels": labels}}));
        assert_eq!(
            PodTopologySpread.wakes(&cluster, &waiting, &Change::PodRemoved { pod: &other, from: cluster.host(0) }),
            wakes
        );
        assert_eq!(PodTopologySpread.wakes(&cluster, &waiting, &Change::PodAdded(&other)), wakes);
    }
}
