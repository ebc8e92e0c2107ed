//! v1 Service, except what the allocator gives it (kubernetes `pkg/apis/core/validation`,
//! `pkg/registry/core/service/strategy.go`).

use super::pod::check_ip;
use super::row::Row;
use crate::Hooks;
use crate::doc::{View, each, ensure, is_empty, list, remove, restore, same, set, set_default, str_at};
use crate::rules::labels::check_labels;
use crate::rules::ports::{check_port, check_port_or_name};
use meta::{Doc, FieldErrors, names};
use serde_json::json;
use std::collections::BTreeSet;

const AFFINITY_SECONDS: i64 = 10_800;
const AFFINITY_MAX: i64 = 86_400;
const NONE: &str = "None";
const WITH_IP: [&str; 3] = ["ClusterIP", "NodePort", "LoadBalancer"];

pub const ROW: Row = Row::new("v1", "Service")
    .name_check(names::dns1035_label)
    .selectable(&["spec.clusterIP", "spec.type"])
    .create_on_update()
    .hooks(Hooks { default, prepare_create, prepare_update, validate, validate_update, ..Hooks::NONE });

fn kind(doc: &Doc) -> &str {
    str_at(doc, "/spec/type")
}
fn has_node_ports(doc: &Doc) -> bool {
    kind(doc) == "NodePort" || (kind(doc) == "LoadBalancer" && doc["spec"]["allocateLoadBalancerNodePorts"] != json!(false))
}
/// Reachable from outside: node ports, a load balancer or external addresses.
fn is_external(doc: &Doc) -> bool {
    matches!(kind(doc), "NodePort" | "LoadBalancer")
        || (kind(doc) == "ClusterIP" && !list(doc["spec"].get("externalIPs").unwrap_or(&Doc::Null)).is_empty())
}
fn needs_health_check(doc: &Doc) -> bool {
    kind(doc) == "LoadBalancer" && str_at(doc, "/spec/externalTrafficPolicy") == "Local"
}
fn is_headless(doc: &Doc) -> bool {
    str_at(doc, "/spec/clusterIP") == NONE
}

fn default(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    set_default(spec, "sessionAffinity", "None");
    match str_at(spec, "/sessionAffinity") {
        "None" => drop(remove(spec, "sessionAffinityConfig")),
        "ClientIP" => {
            let client = ensure(ensure(spec, "sessionAffinityConfig"), "clientIP");
            set_default(client, "timeoutSeconds", AFFINITY_SECONDS);
        }
        _ => {}
    }
    set_default(spec, "type", "ClusterIP");
    each(spec, "ports", default_port);
    let kind = str_at(spec, "/type").to_owned();
    if WITH_IP.contains(&kind.as_str()) {
        set_default(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set_default(spec, "allocateLoadBalancerNodePorts", true);
    }
    if is_external(doc) {
        set_default(ensure(doc, "spec"), "externalTrafficPolicy", "Cluster");
    }
}

fn default_port(port: &mut Doc) {
    set_default(port, "protocol", "TCP");
    let unset = port.get("targetPort").is_none_or(|t| t.is_null() || *t == json!(0) || *t == json!(""));
    if let Some(number) = port.get("port").cloned().filter(|_| unset) {
        set(port, "targetPort", number);
    }
}

fn prepare_create(doc: &mut Doc) {
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

fn prepare_update(new: &mut Doc, old: &Doc) {
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

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    let ports = spec.get("ports");
    if ports.is_empty() && !is_headless(doc) && kind(doc) != "ExternalName" {
        ports.required(errors, "");
    }
    check_type(doc, &spec, errors);
    check_ports(&ports, errors);
    check_labels(&spec.get("selector"), errors);
    check_affinity(&spec, errors);
    check_cluster_ips(&spec, errors);
    spec.get("externalIPs").items().for_each(|ip| check_ip(&ip, errors));
    let service_type = spec.get("type");
    if service_type.require(errors) {
        service_type.one_of(errors, &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    }
    check_node_ports(kind(doc), &ports, errors);
    check_load_balancer(doc, &spec, errors);
    check_traffic(doc, &spec, errors);
}

fn check_type(doc: &Doc, spec: &View<'_>, errors: &mut FieldErrors) {
    match kind(doc) {
        kind @ ("LoadBalancer" | "NodePort") if is_headless(doc) => {
            let first = spec.get("clusterIPs").path.index(0);
            errors.invalid(&first, NONE, format!("may not be set to 'None' for {kind} services"));
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                let value = spec.get(field);
                if !value.is_empty() {
                    value.forbidden(errors, "may not be set for ExternalName services");
                }
            }
            let name = spec.get("externalName");
            let cname = name.str().strip_suffix('.').unwrap_or(name.str());
            if cname.is_empty() {
                name.required(errors, "");
            } else {
                names::dns_subdomain(cname).into_iter().for_each(|p| errors.invalid(&name.path, cname, p));
            }
        }
        _ => {}
    }
}

fn check_ports(ports: &View<'_>, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let name = port.get("name");
        if ports.len() > 1 {
            name.require(errors);
        }
        if !name.is_empty() {
            name.check(errors, names::dns_label);
            if !seen.insert(name.str()) {
                errors.duplicate(&name.path, name.str());
            }
        }
        let number = port.get("port");
        match number.int() {
            Some(_) => check_port(&number, errors),
            None => errors.invalid(&number.path, 0, crate::rules::ports::PORT_RANGE),
        }
        let protocol = port.get("protocol");
        if protocol.require(errors) {
            protocol.one_of(errors, &["SCTP", "TCP", "UDP"]);
        }
        if port.get("targetPort").is_set() {
            check_port_or_name(&port.get("targetPort"), errors);
        }
        port.get("appProtocol").check_if_set(errors, names::qualified_name);
    }
}

fn check_affinity(spec: &View<'_>, errors: &mut FieldErrors) {
    let (affinity, config) = (spec.get("sessionAffinity"), spec.get("sessionAffinityConfig"));
    if affinity.require(errors) {
        affinity.one_of(errors, &["ClientIP", "None"]);
    }
    let timeout = config.at("clientIP.timeoutSeconds");
    match affinity.str() {
        "ClientIP" if timeout.int().is_some_and(|s| s <= 0 || s > AFFINITY_MAX) => {
            timeout.invalid(errors, format!("must be greater than 0 and less than {AFFINITY_MAX}"));
        }
        "None" if config.is_set() => config.forbidden(errors, "must not be set when session affinity is None"),
        _ => {}
    }
}

fn check_cluster_ips(spec: &View<'_>, errors: &mut FieldErrors) {
    let (ip, ips) = (spec.get("clusterIP"), spec.get("clusterIPs"));
    let all: Vec<View<'_>> = ips.items().collect();
    match all.first() {
        Some(first) if ip.is_empty() && !first.str().is_empty() => ip.required(errors, ""),
        Some(first) if first.str() != ip.str() => {
            errors.invalid(&ips.path, ips.doc.clone(), "first value must match `clusterIP`");
        }
        _ => {}
    }
    if all.len() > 2 {
        ips.invalid(errors, "may only hold up to 2 values");
    }
    for (i, address) in all.iter().enumerate() {
        match address.str() {
            NONE if i == 0 && all.len() == 1 => {}
            NONE => errors.invalid(&ips.path, ips.doc.clone(), "'None' must be the first and only value"),
            _ => check_ip(address, errors),
        }
    }
    for family in spec.get("ipFamilies").items() {
        family.one_of(errors, &["IPv4", "IPv6"]);
    }
    spec.get("ipFamilyPolicy").one_of_if_set(errors, &["PreferDualStack", "RequireDualStack", "SingleStack"]);
}

fn check_node_ports(kind: &str, ports: &View<'_>, errors: &mut FieldErrors) {
    let (mut node_ports, mut pairs) = (BTreeSet::new(), BTreeSet::new());
    for port in ports.items() {
        let (node_port, protocol) = (port.get("nodePort"), port.get("protocol").str());
        if let Some(number) = node_port.int().filter(|n| *n != 0) {
            if kind == "ClusterIP" {
                node_port.forbidden(errors, "may not be used when `type` is 'ClusterIP'");
            }
            if !node_ports.insert((protocol, number)) {
                errors.duplicate(&node_port.path, number);
            }
        }
        let number = port.get("port").int().unwrap_or(0);
        if !pairs.insert((protocol, number)) {
            let key =
                json!({ "Name": "", "Protocol": protocol, "AppProtocol": null, "Port": number, "TargetPort": 0, "NodePort": 0 });
            errors.duplicate(&port.path, key);
        }
    }
}

fn check_load_balancer(doc: &Doc, spec: &View<'_>, errors: &mut FieldErrors) {
    let balanced = kind(doc) == "LoadBalancer";
    let ranges = spec.get("loadBalancerSourceRanges");
    // Upstream writes this field's name with a capital.
    let path = spec.path.child("LoadBalancerSourceRanges");
    if !ranges.is_empty() && !balanced {
        errors.forbidden(&path, "may only be used when `type` is 'LoadBalancer'");
    }
    for (i, range) in ranges.items().enumerate() {
        let text = range.str().trim();
        if text.parse::<ipnet::IpNet>().is_err() {
            errors.invalid(&path.index(i), text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
        }
    }
    for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        let value = spec.get(field);
        if value.is_set() && !balanced {
            value.forbidden(errors, "may only be used when `type` is 'LoadBalancer'");
        }
    }
    spec.get("loadBalancerClass").check_if_set(errors, names::qualified_name);
}

fn check_traffic(doc: &Doc, spec: &View<'_>, errors: &mut FieldErrors) {
    let external = spec.get("externalTrafficPolicy");
    match (is_external(doc), external.is_empty()) {
        (false, false) => external.invalid(errors, "may only be set for externally-accessible services"),
        (true, true) => external.required(errors, ""),
        (true, false) => external.one_of(errors, &["Cluster", "Local"]),
        (false, true) => {}
    }
    let check = spec.get("healthCheckNodePort");
    if check.int().unwrap_or(0) != 0 {
        if needs_health_check(doc) {
            check_port(&check, errors);
        } else {
            check.invalid(errors, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
        }
    }
    let internal = spec.get("internalTrafficPolicy");
    if WITH_IP.contains(&kind(doc)) {
        internal.require(errors);
    }
    internal.one_of_if_set(errors, &["Cluster", "Local"]);
    spec.get("trafficDistribution").one_of_if_set(errors, &["PreferClose", "PreferSameNode", "PreferSameZone"]);
}

fn validate_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
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
            port.forbidden(errors, crate::doc::IMMUTABLE);
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
