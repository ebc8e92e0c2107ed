//! v1 Endpoints.

use super::pod::check_ip;
use super::row::Row;
use crate::Hooks;
use crate::doc::{View, each, set_default};
use crate::rules::ports::check_port;
use meta::{Doc, FieldErrors, names};

pub const ROW: Row = Row::new("v1", "Endpoints").create_on_update().hooks(Hooks { default, validate, ..Hooks::NONE });

fn default(doc: &mut Doc) {
    each(doc, "subsets", |subset| each(subset, "ports", |port| set_default(port, "protocol", "TCP")));
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    for subset in View::root(doc).get("subsets").items() {
        let (ready, not_ready, ports) = (subset.get("addresses"), subset.get("notReadyAddresses"), subset.get("ports"));
        if ready.is_empty() && not_ready.is_empty() {
            subset.required(errors, "must specify `addresses` or `notReadyAddresses`");
        }
        for address in ready.items().chain(not_ready.items()) {
            check_ip(&address.get("ip"), errors);
            address.get("hostname").check_if_set(errors, names::dns_label);
            address.get("nodeName").check_if_set(errors, names::dns_subdomain);
        }
        for port in ports.items() {
            check_endpoint_port(&port, ports.len() > 1, errors);
        }
    }
}

fn check_endpoint_port(port: &View<'_>, named: bool, errors: &mut FieldErrors) {
    let (name, protocol) = (port.get("name"), port.get("protocol"));
    if named {
        name.require(errors);
    }
    name.check_if_set(errors, names::dns_label);
    check_port(&port.get("port"), errors);
    if protocol.require(errors) {
        protocol.one_of(errors, &["SCTP", "TCP", "UDP"]);
    }
}
