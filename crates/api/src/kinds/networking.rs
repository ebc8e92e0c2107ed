//! networking.k8s.io/v1 (kubernetes `pkg/apis/networking`).

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, each, ensure, is_empty, set, set_default, with};
use crate::rules::labels::check_selector;
use crate::rules::ports::check_port_or_name;
use meta::{Doc, FieldErrors, names};
use serde_json::json;
use std::net::IpAddr;

const API: &str = "networking.k8s.io/v1";

pub const INGRESS_ROW: Row = Row::new(API, "Ingress").generation().hooks(Hooks { validate: validate_ingress, ..Hooks::NONE });

pub const INGRESS_CLASS_ROW: Row = Row::new(API, "IngressClass").generation().hooks(Hooks {
    default: |doc| {
        with(doc, "spec", |spec| {
            with(spec, "parameters", |parameters| set_default(parameters, "scope", "Cluster"));
        });
    },
    validate_update: |new, old, errors| {
        View::root(new).at("spec.controller").immutable(&View::root(old).at("spec.controller"), errors);
    },
    ..Hooks::NONE
});

pub const NETWORK_POLICY_ROW: Row = Row::new(API, "NetworkPolicy").generation().hooks(Hooks {
    default: default_policy,
    validate: validate_policy,
    ..Hooks::NONE
});

pub const SERVICE_CIDR_ROW: Row = Row::new(API, "ServiceCIDR").hooks(Hooks {
    validate_update: |new, old, errors| {
        View::root(new).at("spec.cidrs").immutable(&View::root(old).at("spec.cidrs"), errors);
    },
    ..Hooks::NONE
});

/// Named after the address itself, in canonical form.
pub const IP_ADDRESS_ROW: Row = Row::new(API, "IPAddress").name_check(canonical_ip).hooks(Hooks {
    validate: |doc, errors| {
        let parent = View::root(doc).at("spec.parentRef");
        if parent.require(errors) {
            parent.get("resource").require(errors);
            parent.get("name").require(errors);
        }
    },
    validate_update: |new, old, errors| {
        View::root(new).at("spec.parentRef").immutable(&View::root(old).at("spec.parentRef"), errors);
    },
    ..Hooks::NONE
});

fn canonical_ip(name: &str) -> Vec<String> {
    match name.parse::<IpAddr>() {
        Err(_) => vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".into()],
        Ok(address) if address.to_string() != name => vec!["must be a canonical format IP address".into()],
        Ok(_) => Vec::new(),
    }
}

fn validate_ingress(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    let (rules, backend) = (spec.get("rules"), spec.get("defaultBackend"));
    if rules.is_empty() && !backend.is_set() {
        errors.invalid(&spec.path, Doc::Null, "either `defaultBackend` or `rules` must be specified");
    }
    if backend.is_set() {
        check_backend(&backend, errors);
    }
    for rule in rules.items() {
        let host = rule.get("host");
        if !host.is_empty() {
            let name = host.str().strip_prefix("*.").unwrap_or(host.str());
            names::dns_subdomain(name).into_iter().for_each(|problem| host.invalid(errors, problem));
        }
        let http = rule.get("http");
        if http.is_set() {
            check_paths(&http.get("paths"), errors);
        }
    }
    spec.get("ingressClassName").check_if_set(errors, names::dns_subdomain);
}

fn check_paths(paths: &View<'_>, errors: &mut FieldErrors) {
    paths.require(errors);
    for path in paths.items() {
        let (value, kind) = (path.get("path"), path.get("pathType"));
        match kind.str() {
            "" => kind.required(errors, "pathType must be specified"),
            "Exact" | "Prefix" if !value.str().starts_with('/') => {
                errors.invalid(&value.path, value.str(), "must be an absolute path");
            }
            "Exact" | "Prefix" => {}
            "ImplementationSpecific" if !value.is_empty() && !value.str().starts_with('/') => {
                value.invalid(errors, "must be an absolute path");
            }
            _ => kind.one_of(errors, &["Exact", "ImplementationSpecific", "Prefix"]),
        }
        check_backend(&path.get("backend"), errors);
    }
}

fn check_backend(backend: &View<'_>, errors: &mut FieldErrors) {
    let (service, resource) = (backend.get("service"), backend.get("resource"));
    match (service.is_set(), resource.is_set()) {
        (true, true) => errors.invalid(&backend.path, "", "cannot set both resource and service backends"),
        (false, false) => backend.required(errors, "resource or service backend is required"),
        (false, true) => {}
        (true, false) => {
            let (name, port) = (service.get("name"), service.get("port"));
            if name.require(errors) {
                name.check(errors, names::dns1035_label);
            }
            match (port.get("name").is_empty(), port.get("number").int().unwrap_or(0)) {
                (false, n) if n != 0 => errors.invalid(&port.path, "", "cannot set both port name & port number"),
                (true, 0) => errors.required(&service.path, "port name or number is required"),
                (true, _) => check_port_or_name(&port.get("number"), errors),
                (false, _) => check_port_or_name(&port.get("name"), errors),
            }
        }
    }
}

fn default_policy(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    for direction in ["ingress", "egress"] {
        each(spec, direction, |rule| each(rule, "ports", |port| set_default(port, "protocol", "TCP")));
    }
    if is_empty(&spec["policyTypes"]) {
        let types = if is_empty(&spec["egress"]) { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) };
        set(spec, "policyTypes", types);
    }
}

fn validate_policy(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    check_selector(&spec.get("podSelector"), errors);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.get(direction).items() {
            rule.get("ports").items().for_each(|port| check_policy_port(&port, errors));
            rule.get(peers).items().for_each(|peer| check_peer(&peer, errors));
        }
    }
    for kind in spec.get("policyTypes").items() {
        kind.one_of(errors, &["Egress", "Ingress"]);
    }
}

fn check_policy_port(port: &View<'_>, errors: &mut FieldErrors) {
    port.get("protocol").one_of_if_set(errors, &["SCTP", "TCP", "UDP"]);
    let (number, end) = (port.get("port"), port.get("endPort"));
    if number.is_set() {
        check_port_or_name(&number, errors);
    }
    if let Some(last) = end.int() {
        match number.int() {
            None if number.is_set() => end.invalid(errors, "may not be specified when `port` is non-numeric"),
            None => end.invalid(errors, "may not be specified when `port` is not specified"),
            Some(first) if last < first => end.invalid(errors, "must be greater than or equal to `port`"),
            Some(_) => check_port_or_name(&end, errors),
        }
    }
}

fn check_peer(peer: &View<'_>, errors: &mut FieldErrors) {
    let [pods, namespaces, block] = ["podSelector", "namespaceSelector", "ipBlock"].map(|field| peer.get(field));
    check_selector(&pods, errors);
    check_selector(&namespaces, errors);
    if block.is_set() {
        let cidr = block.get("cidr");
        if cidr.require(errors) && cidr.str().parse::<ipnet::IpNet>().is_err() {
            cidr.invalid(errors, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
        }
    }
    match (pods.is_set() || namespaces.is_set(), block.is_set()) {
        (false, false) => peer.required(errors, "must specify a peer"),
        (true, true) => peer.forbidden(errors, "may not specify both ipBlock and another peer"),
        _ => {}
    }
}
