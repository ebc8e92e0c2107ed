//! Nodes.

use super::cells::{NONE, UNKNOWN, list, or, text};
use super::core::condition_status;
use super::{age, name, of, string, string_or};
use crate::Column;
use meta::Doc;
use std::collections::BTreeSet;

pub fn columns(kind: &str, minor: u32) -> Option<Vec<Column>> {
    let kernel = match minor {
        36.. => of("Kernel-Version", "string", |doc, _| kernel_with_architecture(doc).into()),
        _ => string_or("Kernel-Version", "/status/nodeInfo/kernelVersion", UNKNOWN),
    };
    (kind == "Node").then(|| {
        vec![
            name(),
            of("Status", "string", |doc, _| status(doc).into()),
            of("Roles", "string", |doc, _| roles(doc).into()),
            age(),
            string("Version", "/status/nodeInfo/kubeletVersion"),
            of("Internal-IP", "string", |doc, _| address(doc, "InternalIP").into()).wide(),
            of("External-IP", "string", |doc, _| address(doc, "ExternalIP").into()).wide(),
            string_or("OS-Image", "/status/nodeInfo/osImage", UNKNOWN).wide(),
            kernel.wide(),
            string_or("Container-Runtime", "/status/nodeInfo/containerRuntimeVersion", UNKNOWN).wide(),
        ]
    })
}

fn status(node: &Doc) -> String {
    let ready = match condition_status(node, "Ready") {
        "" => "Unknown",
        "True" => "Ready",
        _ => "NotReady",
    };
    if node["spec"]["unschedulable"] == true { format!("{ready},SchedulingDisabled") } else { ready.to_owned() }
}

fn roles(node: &Doc) -> String {
    let mut roles = BTreeSet::new();
    for (key, value) in node["metadata"]["labels"].as_object().into_iter().flatten() {
        match (key.strip_prefix("node-role.kubernetes.io/"), key.as_str()) {
            (Some(role), _) => roles.insert(role),
            (None, "kubernetes.io/role") => roles.insert(value.as_str().unwrap_or_default()),
            _ => false,
        };
    }
    roles.remove("");
    or(&roles.into_iter().collect::<Vec<_>>().join(","), NONE).to_owned()
}

fn address<'a>(node: &'a Doc, kind: &str) -> &'a str {
    let addresses = list(node, "/status/addresses");
    addresses.iter().find(|a| a["type"] == kind).map_or(NONE, |a| text(a, "/address"))
}

fn kernel_with_architecture(node: &Doc) -> String {
    let kernel = or(text(node, "/status/nodeInfo/kernelVersion"), UNKNOWN);
    match text(node, "/status/nodeInfo/architecture") {
        "" => kernel.to_owned(),
        architecture => format!("{kernel} ({architecture})"),
    }
}
