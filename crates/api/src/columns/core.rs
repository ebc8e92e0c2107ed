//! The core group, except pods, nodes and volumes.

use super::cells::{
    NONE, UNKNOWN, condition, count, has, is_deleting, labels, list, number, or, scalar, since, some_of, text, texts,
};
use super::workloads::{container_images, container_names};
use super::{age, integer, name, of, string, string_or};
use crate::{Cell, Column};
use meta::{Doc, Time};
use std::collections::BTreeSet;

pub fn columns(kind: &str, minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "Service" => vec![
            name(),
            string("Type", "/spec/type"),
            string_or("Cluster-IP", "/spec/clusterIPs/0", NONE),
            of("External-IP", "string", |doc, _| external_ip(doc).into()),
            of("Port(s)", "string", |doc, _| service_ports(doc).into()),
            age(),
            of("Selector", "string", |doc, _| labels(doc, "/spec/selector").into()).wide(),
        ],
        "Endpoints" => vec![name(), of("Endpoints", "string", |doc, _| endpoints(doc).into()), age()],
        "Namespace" => vec![name(), string("Status", "/status/phase"), age()],
        "ConfigMap" => {
            vec![name(), of("Data", "string", |doc, _| (count(doc, "/data") + count(doc, "/binaryData")).into()), age()]
        }
        "Secret" => vec![name(), string("Type", "/type"), Column::new("Data", "string", Cell::Count("/data")), age()],
        "ServiceAccount" if minor <= 34 => {
            vec![name(), Column::new("Secrets", "string", Cell::Count("/secrets")), age()]
        }
        "ServiceAccount" => vec![name(), age()],
        "ReplicationController" => vec![
            name(),
            integer("Desired", "/spec/replicas"),
            integer("Current", "/status/replicas"),
            integer("Ready", "/status/readyReplicas"),
            age(),
            container_names(),
            container_images(),
            of("Selector", "string", |doc, _| labels(doc, "/spec/selector").into()).wide(),
        ],
        "ResourceQuota" => vec![
            name(),
            of("Request", "string", |doc, _| quota(doc, false).into()),
            of("Limit", "string", |doc, _| quota(doc, true).into()),
            age(),
        ],
        "ComponentStatus" => vec![
            name(),
            of("Status", "string", |doc, _| health(doc).into()),
            of("Message", "string", |doc, _| healthy(doc).map_or("", |c| text(c, "/message")).into()),
            of("Error", "string", |doc, _| healthy(doc).map_or("", |c| text(c, "/error")).into()),
        ],
        "Event" => event_columns(),
        _ => return None,
    };
    Some(columns)
}

/// Addresses of a load balancer, sorted, once each.
pub fn load_balancer(doc: &Doc) -> String {
    let addresses: BTreeSet<&str> =
        list(doc, "/status/loadBalancer/ingress").iter().map(|i| or(text(i, "/ip"), text(i, "/hostname"))).collect();
    addresses.into_iter().filter(|a| !a.is_empty()).collect::<Vec<_>>().join(",")
}

fn external_ip(service: &Doc) -> String {
    let external = texts(service, "/spec/externalIPs").join(",");
    match text(service, "/spec/type") {
        "ClusterIP" | "NodePort" => or(&external, NONE).to_owned(),
        "LoadBalancer" => {
            let balanced = load_balancer(service);
            let both: Vec<&str> = [&*balanced, &*external].into_iter().filter(|a| !a.is_empty()).collect();
            or(&both.join(","), "<pending>").to_owned()
        }
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        _ => UNKNOWN.into(),
    }
}

fn service_ports(service: &Doc) -> String {
    let port = |p: &Doc| match (number(p, "/port"), number(p, "/nodePort"), text(p, "/protocol")) {
        (port, 0, protocol) => format!("{port}/{protocol}"),
        (port, node_port, protocol) => format!("{port}:{node_port}/{protocol}"),
    };
    or(&list(service, "/spec/ports").iter().map(port).collect::<Vec<_>>().join(","), NONE).to_owned()
}

fn endpoints(doc: &Doc) -> String {
    let mut parts = Vec::new();
    let subsets = list(doc, "/subsets");
    for subset in subsets {
        let addresses = || list(subset, "/addresses").iter().map(|a| text(a, "/ip"));
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            parts.extend(addresses().map(str::to_owned));
        }
        for port in ports.iter().map(|p| number(p, "/port")) {
            parts.extend(addresses().map(|ip| if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }));
        }
    }
    some_of(parts, if subsets.is_empty() { NONE } else { "" })
}

fn quota(doc: &Doc, limits: bool) -> String {
    let hard = doc.pointer("/status/hard").and_then(Doc::as_object);
    let parts: Vec<String> = hard
        .into_iter()
        .flatten()
        .filter(|(resource, _)| resource.starts_with("limits.") == limits)
        .map(|(resource, hard)| {
            let used = doc.pointer("/status/used").and_then(|used| scalar(&used[resource], "")).unwrap_or_else(|| "0".into());
            format!("{resource}: {used}/{}", scalar(hard, "").unwrap_or_default())
        })
        .collect();
    parts.join(", ")
}

fn healthy(doc: &Doc) -> Option<&Doc> {
    list(doc, "/conditions").iter().find(|c| c["type"] == "Healthy")
}

fn health(doc: &Doc) -> &'static str {
    match healthy(doc).map(|c| c["status"] == "True") {
        Some(true) => "Healthy",
        Some(false) => "Unhealthy",
        None => "Unknown",
    }
}

fn event_columns() -> Vec<Column> {
    vec![
        of("Last Seen", "string", |doc, now| last_seen(doc, now).into()),
        string("Type", "/type"),
        string("Reason", "/reason"),
        of("Object", "string", |doc, _| event_object(doc).into()),
        of("Subobject", "string", |doc, _| text(involved(doc), "/fieldPath").into()).wide(),
        of("Source", "string", |doc, _| event_source(doc).into()).wide(),
        of("Message", "string", |doc, _| or(text(doc, "/message"), text(doc, "/note")).trim().into()),
        of("First Seen", "string", |doc, now| first_seen(doc, now).into()).wide(),
        of("Count", "string", |doc, _| event_count(doc).into()).wide(),
        name().wide(),
    ]
}

/// A field as core/v1 names it, or as events.k8s.io/v1 does.
fn either<'a>(event: &'a Doc, core: &str, events: &str) -> &'a Doc {
    let old = &event[core];
    if old.is_null() { &event[events] } else { old }
}

fn involved(event: &Doc) -> &Doc {
    either(event, "involvedObject", "regarding")
}

fn first_seen(event: &Doc, now: Time) -> String {
    let first = either(event, "firstTimestamp", "deprecatedFirstTimestamp");
    since(if first.is_null() { &event["eventTime"] } else { first }, now)
}

fn last_seen(event: &Doc, now: Time) -> String {
    if has(event, "/series") {
        return since(&event["series"]["lastObservedTime"], now);
    }
    let last = either(event, "lastTimestamp", "deprecatedLastTimestamp");
    if last.is_null() { first_seen(event, now) } else { since(last, now) }
}

fn event_count(event: &Doc) -> i64 {
    match either(event, "count", "deprecatedCount").as_i64().unwrap_or_default() {
        _ if has(event, "/series") => number(event, "/series/count"),
        // Events of the newer API that happened once carry no count.
        0 => 1,
        count => count,
    }
}

fn event_object(event: &Doc) -> String {
    let object = involved(event);
    let kind = text(object, "/kind").to_lowercase();
    match text(object, "/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn event_source(event: &Doc) -> String {
    let source = either(event, "source", "deprecatedSource");
    let controller = either(event, "reportingComponent", "reportingController").as_str().unwrap_or_default();
    let component = or(text(source, "/component"), controller);
    match or(text(source, "/host"), text(event, "/reportingInstance")) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}

/// The phase, unless the object is going away.
pub fn phase(doc: &Doc) -> &str {
    if is_deleting(doc) { "Terminating" } else { text(doc, "/status/phase") }
}

/// The status of a condition, or nothing.
pub fn condition_status<'a>(doc: &'a Doc, kind: &str) -> &'a str {
    condition(doc, kind).map_or("", |c| text(c, "/status"))
}
