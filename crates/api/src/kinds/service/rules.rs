//! What a Service may say (`ValidateService`).

use super::{NONE, WITH_IP, is_external, is_headless, kind, needs_health_check};
use crate::doc::View;
use crate::kinds::pod::check_ip;
use crate::rules::labels::check_labels;
use crate::rules::ports::{check_port, check_port_or_name};
use meta::{Doc, FieldErrors, names};
use serde_json::json;
use std::collections::BTreeSet;

const AFFINITY_MAX: i64 = 86_400;

pub fn validate(doc: &Doc, errors: &mut FieldErrors) {
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
