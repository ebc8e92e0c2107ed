//! discovery.k8s.io/v1 EndpointSlice (kubernetes `pkg/apis/discovery`).

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, each, set_default};
use crate::rules::ports::check_port;
use meta::field::ErrorKind;
use meta::{Doc, FieldErrors, names};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;

pub const ROW: Row = Row::new("discovery.k8s.io/v1", "EndpointSlice").generation().hooks(Hooks {
    default,
    validate,
    validate_update: |new, old, errors| {
        View::root(new).get("addressType").immutable(&View::root(old).get("addressType"), errors);
    },
    ..Hooks::NONE
});

fn default(doc: &mut Doc) {
    each(doc, "ports", |port| {
        set_default(port, "name", "");
        set_default(port, "protocol", "TCP");
    });
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let kind = root.get("addressType");
    if kind.require(errors) {
        kind.one_of(errors, &["FQDN", "IPv4", "IPv6"]);
    }
    let endpoints = root.get("endpoints");
    at_most(&endpoints, ENDPOINTS_MAX, errors);
    for endpoint in endpoints.items() {
        check_endpoint(&endpoint, kind.str(), errors);
    }
    let ports = root.get("ports");
    at_most(&ports, PORTS_MAX, errors);
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let name = port.get("name");
        name.check_if_set(errors, names::dns_label);
        if !seen.insert(name.str()) {
            errors.duplicate(&name.path, name.str());
        }
        if port.get("port").is_set() {
            check_port(&port.get("port"), errors);
        }
        port.get("protocol").one_of(errors, &["SCTP", "TCP", "UDP"]);
        port.get("appProtocol").check_if_set(errors, names::qualified_name);
    }
}

fn at_most(list: &View<'_>, max: usize, errors: &mut FieldErrors) {
    if list.len() > max {
        errors.push(ErrorKind::TooMany, &list.path, json!(list.len()), format!("must have at most {max} items"));
    }
}

fn check_endpoint(endpoint: &View<'_>, kind: &str, errors: &mut FieldErrors) {
    let addresses = endpoint.get("addresses");
    if addresses.is_empty() {
        addresses.required(errors, "must contain at least 1 address");
    }
    at_most(&addresses, ADDRESSES_MAX, errors);
    for address in addresses.items() {
        match kind {
            "IPv4" if address.str().parse::<Ipv4Addr>().is_err() => address.invalid(errors, "must be an IPv4 address"),
            "IPv6" if address.str().parse::<Ipv6Addr>().is_err() => address.invalid(errors, "must be an IPv6 address"),
            "FQDN" => address.check(errors, names::dns_subdomain),
            _ => {}
        }
    }
    endpoint.get("nodeName").check_if_set(errors, names::dns_subdomain);
    endpoint.get("hostname").check_if_set(errors, names::dns_label);
}
