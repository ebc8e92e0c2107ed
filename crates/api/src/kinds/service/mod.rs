//! v1 Service, except what the allocator gives it (kubernetes `pkg/apis/core/validation`,
//! `pkg/registry/core/service/strategy.go`).

mod rules;
mod update;

use super::row::Row;
use crate::Hooks;
use crate::doc::{each, ensure, list, remove, set, set_default, str_at};
use meta::{Doc, names};
use serde_json::json;

const AFFINITY_SECONDS: i64 = 10_800;
const NONE: &str = "None";
const WITH_IP: [&str; 3] = ["ClusterIP", "NodePort", "LoadBalancer"];

pub const ROW: Row = Row::new("v1", "Service")
    .name_check(names::dns1035_label)
    .selectable(&["spec.clusterIP", "spec.type"])
    .create_on_update()
    .hooks(Hooks {
        default,
        prepare_create: update::prepare_create,
        prepare_update: update::prepare_update,
        validate: rules::validate,
        validate_update: update::validate_update,
        ..Hooks::NONE
    });

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
