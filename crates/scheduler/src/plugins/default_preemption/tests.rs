//! Shapes of upstream's default_preemption_test.go.

use super::{Preemption, preempt};
use crate::cluster::Cluster;
use crate::framework::feasible;
use crate::model::Pod;
use crate::plugins::SCHEDULER_PLUGINS;
use crate::testing::{add_node, asking, place, pod, zoned};
use meta::{Doc, Object};
use serde_json::json;
use std::sync::Arc;

/// As the scheduling loop does: `node: victims`, or the message.
fn outcome(cluster: &mut Cluster, pod: &Pod) -> String {
    SCHEDULER_PLUGINS.iter().for_each(|plugin| plugin.prepare(cluster, pod));
    cluster.begin_cycle();
    let mut outcome = feasible(SCHEDULER_PLUGINS, cluster, pod, 0);
    assert!(outcome.feasible.is_empty(), "it must not fit");
    match preempt(cluster, pod, &outcome.diagnosis, outcome.filters.as_mut(), |_| 0) {
        Preemption::Nominate { node, victims } => {
            let names: Vec<&str> = victims.iter().map(|victim| victim.name()).collect();
            format!("{node}: {}", names.join(" "))
        }
        other => other.message(),
    }
}

/// Pods as `node/name/priority/processors`.
fn fill(cluster: &mut Cluster, pods: &str) {
    for text in pods.split_whitespace() {
        let parts: Vec<&str> = text.split('/').collect();
        let [node, name, priority, cpu] = parts[..] else { panic!("{text}") };
        let spec = json!({"priority": priority.parse::<i32>().expect("a number"), "containers": asking(cpu, "0")});
        place(cluster, node, json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": spec}));
    }
}

fn important(more: Doc) -> Arc<Pod> {
    let mut spec = json!({"priority": 100, "containers": asking("3", "0")});
    more.as_object().into_iter().flatten().for_each(|(key, value)| spec[key] = value.clone());
    pod(json!({"metadata": {"name": "important"}, "spec": spec}))
}

#[test]
fn the_least_important_pods_make_room() {
    let hopeless = |why: &str| format!("preemption: 0/2 nodes are available: {why}.");
    for (pods, more, expected) in [
        ("a/p/0/4 b/q/0/4", json!({}), "a: p".into()),
        ("a/p/50/4 b/q/0/4", json!({}), "b: q".into()),
        ("a/p/0/2 a/q/0/2 b/r/0/4", json!({}), "b: r".into()),
        ("a/p/0/1 a/q/5/1 a/r/9/2 b/s/200/4", json!({}), "a: r p".to_owned()),
        ("a/p/0/3 a/q/9/1 b/s/200/4", json!({}), "a: p".into()),
        ("a/p/200/4 b/q/200/4", json!({}), hopeless("2 No preemption victims found for incoming pod")),
        (
            "a/p/0/1 a/q/100/3 b/r/100/4",
            json!({}),
            hopeless("1 Insufficient cpu, 1 No preemption victims found for incoming pod"),
        ),
        (
            "a/p/0/4 b/q/0/4",
            json!({"preemptionPolicy": "Never"}),
            "preemption: not eligible due to preemptionPolicy=Never.".into(),
        ),
        ("a/p/0/4 b/q/0/4", json!({"containers": asking("5", "0")}), hopeless("2 Preemption is not helpful for scheduling")),
        ("a/p/0/4 b/q/0/4", json!({"nodeSelector": {"kubernetes.io/hostname": "b"}}), "b: q".into()),
        ("a/p/0/4 b/q/0/4", json!({"nodeSelector": {"disk": "ssd"}}), hopeless("2 Preemption is not helpful for scheduling")),
    ] {
        let mut cluster = zoned("a: b:");
        fill(&mut cluster, pods);
        assert_eq!(outcome(&mut cluster, &important(more.clone())), expected, "{pods} {more}");
    }
}

#[test]
fn budgets_are_kept_where_they_can_be() {
    let budget = |allowed: i64| {
        let spec = json!({"selector": {"matchLabels": {"app": "p"}}});
        let doc =
            json!({"metadata": {"namespace": "default", "name": "b"}, "spec": spec, "status": {"disruptionsAllowed": allowed}});
        Object::from_doc(&doc, 1).expect("a valid object")
    };
    for (allowed, expected) in [(0, "b: q"), (1, "a: p")] {
        let mut cluster = zoned("a: b:");
        fill(&mut cluster, "a/p/0/4 b/q/5/4");
        cluster.budgets.set(&budget(allowed), true);
        assert_eq!(outcome(&mut cluster, &important(json!({}))), expected, "{allowed}");
    }
}

#[test]
fn whoever_is_in_the_way_makes_room() {
    let mut cluster = zoned("a:z1 b:z2");
    let ports = json!({"priority": 100, "containers": [{"ports": [{"hostPort": 80}]}]});
    for node in ["a", "b"] {
        let spec = json!({"priority": if node == "a" { 0 } else { 200 }, "containers": [{"ports": [{"hostPort": 80}]}]});
        place(&mut cluster, node, json!({"metadata": {"name": node, "labels": {"app": "web"}}, "spec": spec}));
    }
    assert_eq!(outcome(&mut cluster, &pod(json!({"metadata": {"name": "important"}, "spec": ports}))), "a: a");
    let selector = json!({"matchLabels": {"app": "web"}});
    let terms = json!([{"labelSelector": selector, "topologyKey": "topology.kubernetes.io/zone"}]);
    let affinity = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}});
    let away = json!({"priority": 100, "affinity": affinity, "containers": [{}]});
    assert_eq!(outcome(&mut cluster, &pod(json!({"metadata": {"name": "important"}, "spec": away}))), "a: a");
    let skew = json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}}]);
    add_node(
        &mut cluster,
        "c",
        json!({"metadata": {"labels": {"topology.kubernetes.io/zone": "z3"}}, "spec": {"unschedulable": true}}),
    );
    let spread = json!({"priority": 100, "topologySpreadConstraints": skew, "containers": [{}]});
    let labelled = pod(json!({"metadata": {"name": "important", "labels": {"app": "web"}}, "spec": spread}));
    assert_eq!(outcome(&mut cluster, &labelled), "a: a");
}

#[test]
fn one_preemption_at_a_time() {
    let mut cluster = zoned("a: b:");
    fill(&mut cluster, "a/p/0/4 b/q/0/4");
    let pod = important(json!({}));
    assert_eq!(outcome(&mut cluster, &pod), "a: p");
    cluster.nominate(&pod, "a");
    cluster.doom("p", true);
    assert_eq!(outcome(&mut cluster, &pod), "preemption: not eligible due to a terminating pod on the nominated node.");
    // Another one that is as important leaves that room alone, and one that is more important does not.
    let another = |priority: i32| {
        let spec = json!({"priority": priority, "containers": asking("3", "0")});
        crate::testing::pod(json!({"metadata": {"name": "another"}, "spec": spec}))
    };
    assert_eq!(outcome(&mut cluster, &another(100)), "b: q");
    cluster.take_off("p");
    let fits = |cluster: &mut Cluster, pod: &Pod| {
        SCHEDULER_PLUGINS.iter().for_each(|plugin| plugin.prepare(cluster, pod));
        cluster.begin_cycle();
        feasible(SCHEDULER_PLUGINS, cluster, pod, 0).feasible.len()
    };
    assert_eq!((fits(&mut cluster, &another(100)), fits(&mut cluster, &another(101))), (0, 1));
    assert_eq!(fits(&mut cluster, &pod), 1);
}
