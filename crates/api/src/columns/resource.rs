//! resource.k8s.io: dynamic resource allocation.

use super::cells::{count, has, is_deleting, list, number, since};
use super::{age, name, of, string};
use crate::{Cell, Column};
use meta::{Doc, Time};

pub fn columns(kind: &str, _minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "DeviceClass" | "ResourceClaimTemplate" => vec![name(), age()],
        "ResourceClaim" => vec![name(), of("State", "string", |doc, _| claim_state(doc).into()), age()],
        "ResourceSlice" => vec![
            name(),
            string("Node", "/spec/nodeName"),
            string("Driver", "/spec/driver"),
            string("Pool", "/spec/pool/name"),
            age(),
        ],
        "DeviceTaintRule" => vec![
            name(),
            string("Key", "/spec/taint/key"),
            string("Value", "/spec/taint/value"),
            string("Effect", "/spec/taint/effect"),
            of("TimeAdded", "string", |doc, now| time_added(doc, now).into()),
            age(),
        ],
        "ResourcePoolStatusRequest" => vec![
            name(),
            string("Driver", "/spec/driver"),
            of("Total", "string", |doc, _| devices(doc, "totalDevices").into()),
            of("Available", "string", |doc, _| devices(doc, "availableDevices").into()),
            of("Allocated", "string", |doc, _| devices(doc, "allocatedDevices").into()),
            of("Unavailable", "string", |doc, _| devices(doc, "unavailableDevices").into()),
            of("Errors", "string", |doc, _| errors(doc).into()),
            Column::new("Pools", "integer", Cell::Number("/status/poolCount")),
            of("Status", "string", |doc, _| request_status(doc).into()),
            of("Completed", "string", |doc, now| completed(doc, now).into()),
        ],
        _ => return None,
    };
    Some(columns)
}

fn claim_state(claim: &Doc) -> String {
    let allocated = has(claim, "/status/allocation");
    let states = [
        (is_deleting(claim), "deleted"),
        (!allocated && !is_deleting(claim), "pending"),
        (allocated, "allocated"),
        (allocated && count(claim, "/status/reservedFor") > 0, "reserved"),
    ];
    states.into_iter().filter(|(holds, _)| *holds).map(|(_, state)| state).collect::<Vec<_>>().join(",")
}

fn time_added(rule: &Doc, now: Time) -> String {
    let added = &rule["spec"]["taint"]["timeAdded"];
    if added.is_null() { String::new() } else { since(added, now) }
}

/// `Complete` or `Failed`, whichever is true first.
fn outcome(request: &Doc) -> Option<&Doc> {
    let done = |c: &&Doc| matches!(c["type"].as_str(), Some("Complete" | "Failed")) && c["status"] == "True";
    list(request, "/status/conditions").iter().find(done)
}

fn has_numbers(request: &Doc) -> bool {
    has(request, "/status") && outcome(request).is_none_or(|c| c["type"] != "Failed")
}

fn devices(request: &Doc, field: &str) -> String {
    let sum: i64 = list(request, "/status/pools").iter().filter_map(|p| p[field].as_i64()).sum();
    if has_numbers(request) { sum.to_string() } else { "-".into() }
}

fn errors(request: &Doc) -> String {
    let errors = list(request, "/status/pools").iter().filter(|p| has(p, "/validationError")).count();
    if has_numbers(request) { errors.to_string() } else { "-".into() }
}

fn request_status(request: &Doc) -> String {
    let (listed, all) = (count(request, "/status/pools"), number(request, "/status/poolCount"));
    match outcome(request).and_then(|c| c["type"].as_str()) {
        None => "Pending".into(),
        Some("Complete") if all > listed as i64 => format!("Complete ({listed}/{all} pools)"),
        Some(state) => state.into(),
    }
}

fn completed(request: &Doc, now: Time) -> String {
    match outcome(request) {
        Some(condition) if condition["type"] == "Complete" => since(&condition["lastTransitionTime"], now),
        _ => "<none>".into(),
    }
}
