//! The groups with few kinds: leases, priorities, runtime classes, flow control, aggregation, migrations.

use super::cells::{NONE, condition, has, list, number, text};
use super::core::condition_status;
use super::{age, integer, name, of, string, string_or};
use crate::{Cell, Column};
use meta::Doc;

pub fn columns(kind: &str, minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "Lease" => vec![name(), string("Holder", "/spec/holderIdentity"), age()],
        "LeaseCandidate" => vec![
            name(),
            string("LeaseName", "/spec/leaseName"),
            string("BinaryVersion", "/spec/binaryVersion"),
            string("EmulationVersion", "/spec/emulationVersion"),
            age(),
        ],
        "PriorityClass" => vec![
            name(),
            integer("Value", "/value"),
            of("Global-Default", "boolean", |doc, _| (doc["globalDefault"] == true).into()),
            age(),
            string("PreemptionPolicy", "/preemptionPolicy"),
        ],
        "RuntimeClass" => vec![name(), string("Handler", "/handler"), age()],
        "FlowSchema" => vec![
            name(),
            string("PriorityLevel", "/spec/priorityLevelConfiguration/name"),
            Column::new("MatchingPrecedence", "string", Cell::Number("/spec/matchingPrecedence")),
            string_or("DistinguisherMethod", "/spec/distinguisherMethod/type", NONE),
            age(),
            of("MissingPL", "string", |doc, _| condition(doc, "Dangling").map_or("?", |c| text(c, "/status")).into()),
        ],
        "PriorityLevelConfiguration" => vec![
            name(),
            string("Type", "/spec/type"),
            of("NominalConcurrencyShares", "string", |doc, _| limited(doc, "/spec/limited", "/nominalConcurrencyShares")),
            of("Queues", "string", |doc, _| limited(doc, QUEUING, "/queues")),
            of("HandSize", "string", |doc, _| limited(doc, QUEUING, "/handSize")),
            of("QueueLengthLimit", "string", |doc, _| limited(doc, QUEUING, "/queueLengthLimit")),
            age(),
        ],
        "APIService" => vec![
            name(),
            of("Service", "string", |doc, _| service(doc).into()),
            of("Available", "string", |doc, _| available(doc).into()),
            age(),
        ],
        "StorageVersionMigration" => migration_columns(minor),
        "Workload" => vec![name(), age()],
        "PodGroup" => vec![
            name(),
            of("Policy", "string", |doc, _| if has(doc, "/spec/schedulingPolicy/gang") { "Gang" } else { "Basic" }.into()),
            of("Workload", "string", |doc, _| workload(doc).into()),
            of("Status", "string", |doc, _| pod_group_status(doc).into()),
            age(),
        ],
        _ => return None,
    };
    Some(columns)
}

const QUEUING: &str = "/spec/limited/limitResponse/queuing";

fn limited(level: &Doc, parent: &str, field: &str) -> Doc {
    if has(level, parent) { number(level, &format!("{parent}{field}")).into() } else { NONE.into() }
}

fn service(api: &Doc) -> String {
    match has(api, "/spec/service") {
        true => format!("{}/{}", text(api, "/spec/service/namespace"), text(api, "/spec/service/name")),
        false => "Local".into(),
    }
}

fn available(api: &Doc) -> String {
    let reason = condition(api, "Available").map_or("", |c| text(c, "/reason"));
    match (condition_status(api, "Available"), reason) {
        ("", _) => "Unknown".into(),
        ("True", _) => "True".into(),
        (status, "") => status.into(),
        (status, reason) => format!("{status} ({reason})"),
    }
}

fn migration_columns(minor: u32) -> Vec<Column> {
    let mut columns = vec![string("Name", "/metadata/name"), of("Resource", "string", |doc, _| migrated(doc).into())];
    if minor >= 35 {
        columns.push(of("Status", "string", |doc, _| migration_status(doc).into()));
    }
    columns
}

fn migrated(migration: &Doc) -> String {
    match text(migration, "/spec/resource/group") {
        "" => text(migration, "/spec/resource/resource").to_owned(),
        group => format!("{}.{group}", text(migration, "/spec/resource/resource")),
    }
}

fn migration_status(migration: &Doc) -> &str {
    let known = |c: &&Doc| c["status"] == "True" && matches!(c["type"].as_str(), Some("Running" | "Failed" | "Succeeded"));
    list(migration, "/status/conditions").iter().rfind(known).map_or("Unknown", |c| text(c, "/type"))
}

fn workload(group: &Doc) -> &str {
    // Renamed in 1.37.
    let names = [text(group, "/spec/workloadRef/workloadName"), text(group, "/spec/podGroupTemplateRef/workload/workloadName")];
    names.into_iter().find(|n| !n.is_empty()).unwrap_or(NONE)
}

fn pod_group_status(group: &Doc) -> &str {
    let scheduled = condition(group, "PodGroupScheduled").or_else(|| condition(group, "PodGroupInitiallyScheduled"));
    match (condition(group, "DisruptionTarget"), scheduled) {
        (Some(disruption), _) => text(disruption, "/reason"),
        (None, Some(scheduled)) if scheduled["status"] == "True" => "Scheduled",
        (None, Some(_)) => "Unschedulable",
        (None, None) => "Pending",
    }
}
