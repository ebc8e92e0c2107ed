//! What of a Service survives an update, and what may not change.

use super::{WITH_IP, has_node_ports, is_external, kind, needs_health_check};
use crate::doc::{IMMUTABLE, View, each, ensure, is_empty, list, remove, restore, same, set, str_at};
use meta::{Doc, FieldErrors};
use serde_json::json;
use std::collections::BTreeSet;

pub fn prepare_create(doc: &mut Doc) {
    normalize_cluster_ips(doc, None);
}

/// `clusterIP` and `clusterIPs[0]` say the same; a client that knows one of them only may change that one.
fn normalize_cluster_ips(new: &mut Doc, old: Option<&Doc>) {
    let spec = ensure(new, "spec");
    let (ip, ips) = (str_at(spec, "/clusterIP").to_owned(), spec.get("clusterIPs").cloned().unwrap_or_default());
    let Some(old) = old else {
        if !ip.is_empty() && is_empty(&ips) {
            set(spec, "clusterIPs", json!([ip]));
        }
        return;
    };
    let (old_ip, old_ips) = (str_at(old, "/spec/clusterIP"), &old["spec"]["clusterIPs"]);
    if ip != old_ip && same(&ips, old_ips) {
        if ip.is_empty() {
            remove(spec, "clusterIPs");
        } else {
            set(spec, "clusterIPs", json!([ip]));
        }
    } else if ip == old_ip && is_empty(&ips) && !is_empty(old_ips) && !ip.is_empty() {
        // Not mentioned: a client of the older API.
        set(spec, "clusterIPs", old_ips.clone());
    }
}

pub fn prepare_update(new: &mut Doc, old: &Doc) {
    normalize_cluster_ips(new, Some(old));
    drop_with_type(new, old);
    keep_allocated(new, old);
}

/// What was allocated stays when the client leaves it out.
fn keep_allocated(new: &mut Doc, old: &Doc) {
    let both = |test: fn(&Doc) -> bool| test(new) && test(old);
    let (ip, ports, check) = (both(|d| WITH_IP.contains(&kind(d))), both(has_node_ports), both(needs_health_check));
    let spec = ensure(new, "spec");
    if ip && is_empty(&spec["clusterIP"]) && is_empty(&spec["clusterIPs"]) {
        restore(spec, &old["spec"], "clusterIP");
        restore(spec, &old["spec"], "clusterIPs");
    }
    if ip {
        for field in ["ipFamilies", "ipFamilyPolicy"].into_iter().filter(|f| is_empty(&old["spec"][*f]).eq(&false)) {
            if is_empty(&spec[field]) {
                restore(spec, &old["spec"], field);
            }
        }
    }
    if ports {
        keep_node_ports(spec, list(&old["spec"]["ports"]));
    }
    if check && spec["healthCheckNodePort"].as_i64().unwrap_or(0) == 0 {
        restore(spec, &old["spec"], "healthCheckNodePort");
    }
}

fn keep_node_ports(spec: &mut Doc, old: &[Doc]) {
    let number = |port: &Doc| port.get("nodePort").and_then(Doc::as_i64).unwrap_or(0);
    let mut used: BTreeSet<i64> = list(&spec["ports"]).iter().map(number).collect();
    each(spec, "ports", |port| {
        if number(port) != 0 {
            return;
        }
        let same_port = |o: &&Doc| o["protocol"] == port["protocol"] && o["port"] == port["port"];
        let found = old.iter().find(same_port).map(number).filter(|n| *n != 0 && !used.contains(n));
        if let Some(node_port) = found {
            used.insert(node_port);
            set(port, "nodePort", node_port);
        }
    });
}

/// Fields that a change of type makes meaningless go, unless the client changed them too.
fn drop_with_type(new: &mut Doc, old: &Doc) {
    let unchanged = |new: &Doc, field: &str| same(&new["spec"][field], &old["spec"][field]);
    let lost = |test: fn(&Doc) -> bool, new: &Doc| test(old) && !test(new);
    if lost(|d| WITH_IP.contains(&kind(d)), new) && unchanged(new, "clusterIP") {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            remove(ensure(new, "spec"), field);
        }
    }
    if lost(has_node_ports, new) {
        let ports = |d: &Doc| list(&d["spec"]["ports"]).iter().map(|p| p.get("nodePort").cloned()).collect::<Vec<_>>();
        if ports(new) == ports(old) {
            each(ensure(new, "spec"), "ports", |port| drop(remove(port, "nodePort")));
        }
    }
    type Test = fn(&Doc) -> bool;
    let dependent: [(Test, &str); 4] = [
        (needs_health_check, "healthCheckNodePort"),
        (|d| kind(d) == "LoadBalancer", "allocateLoadBalancerNodePorts"),
        (|d| kind(d) == "LoadBalancer", "loadBalancerClass"),
        (is_external, "externalTrafficPolicy"),
    ];
    for (test, field) in dependent {
        if lost(test, new) && unchanged(new, field) {
            remove(ensure(new, "spec"), field);
        }
    }
}

pub fn validate_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    if kind(new) != "ExternalName" && kind(old) != "ExternalName" {
        let (new, old) = (View::root(new).get("spec"), View::root(old).get("spec"));
        keep_first(&new.get("clusterIPs"), &old.get("clusterIPs"), "primary clusterIP can not be unset", errors);
        keep_first(&new.get("ipFamilies"), &old.get("ipFamilies"), "primary ipFamily can not be unset", errors);
    }
    let (class, before) = (&new["spec"]["loadBalancerClass"], &old["spec"]["loadBalancerClass"]);
    if kind(new) == "LoadBalancer" && kind(old) == "LoadBalancer" && !same(class, before) {
        errors.invalid(&meta::Path::new("spec").child("loadBalancerClass"), class.clone(), "may not change once set");
    }
    if needs_health_check(new) && needs_health_check(old) {
        let port = View::root(new).at("spec.healthCheckNodePort");
        if port.int() != View::root(old).at("spec.healthCheckNodePort").int() {
            port.forbidden(errors, IMMUTABLE);
        }
    }
}

/// The first of a list stays once it is set.
fn keep_first(new: &View<'_>, old: &View<'_>, unset: &str, errors: &mut FieldErrors) {
    let Some(before) = old.items().next() else { return };
    match new.items().next() {
        None => errors.invalid(&new.path.index(0), new.doc.clone(), unset),
        Some(first) if first.str() != before.str() => {
            errors.invalid(&first.path, new.doc.clone(), "may not change once set");
        }
        Some(_) => {}
    }
}
