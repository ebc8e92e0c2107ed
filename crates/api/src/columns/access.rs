//! rbac.authorization.k8s.io and certificates.k8s.io. Roles have upstream's default columns.

use super::cells::{NONE, has, labels, list, text};
use super::{age, name, of, string, string_or};
use crate::Column;
use meta::Doc;
use meta::time::human_duration;

pub fn columns(kind: &str, minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "RoleBinding" | "ClusterRoleBinding" => vec![
            name(),
            of("Role", "string", |doc, _| format!("{}/{}", text(doc, "/roleRef/kind"), text(doc, "/roleRef/name")).into()),
            age(),
            of("Users", "string", |doc, _| subjects(doc, "User").into()).wide(),
            of("Groups", "string", |doc, _| subjects(doc, "Group").into()).wide(),
            of("ServiceAccounts", "string", |doc, _| subjects(doc, "ServiceAccount").into()).wide(),
        ],
        "CertificateSigningRequest" => vec![
            name(),
            age(),
            string_or("SignerName", "/spec/signerName", NONE),
            string("Requestor", "/spec/username"),
            of("RequestedDuration", "string", |doc, _| requested_duration(doc).into()),
            of("Condition", "string", |doc, _| request_state(doc).into()),
        ],
        "ClusterTrustBundle" => vec![name(), string_or("SignerName", "/spec/signerName", NONE)],
        "PodCertificateRequest" => pod_certificate_columns(minor),
        _ => return None,
    };
    Some(columns)
}

fn pod_certificate_columns(minor: u32) -> Vec<Column> {
    let mut columns = vec![
        name(),
        string("PodName", "/spec/podName"),
        string("ServiceAccountName", "/spec/serviceAccountName"),
        string("NodeName", "/spec/nodeName"),
        string("SignerName", "/spec/signerName"),
        of("State", "string", |doc, _| pod_request_state(doc).into()),
    ];
    if minor >= 35 {
        let annotations = |doc: &Doc, _| labels(doc, "/spec/unverifiedUserAnnotations").into();
        columns.push(of("UnverifiedUserAnnotations", "string", annotations));
    }
    columns
}

fn subjects(binding: &Doc, kind: &str) -> String {
    let subject = |s: &Doc| match kind {
        "ServiceAccount" => format!("{}/{}", text(s, "/namespace"), text(s, "/name")),
        _ => text(s, "/name").to_owned(),
    };
    list(binding, "/subjects").iter().filter(|s| s["kind"] == kind).map(subject).collect::<Vec<_>>().join(", ")
}

fn requested_duration(request: &Doc) -> String {
    request.pointer("/spec/expirationSeconds").and_then(Doc::as_i64).map_or_else(|| NONE.into(), human_duration)
}

fn request_state(request: &Doc) -> String {
    let is = |kind: &str| list(request, "/status/conditions").iter().any(|c| c["type"] == kind);
    let mut state = match () {
        () if is("Denied") => "Denied",
        () if is("Approved") => "Approved",
        () => "Pending",
    }
    .to_owned();
    if is("Failed") {
        state += ",Failed";
    }
    if has(request, "/status/certificate") && !text(request, "/status/certificate").is_empty() {
        state += ",Issued";
    }
    state
}

fn pod_request_state(request: &Doc) -> &'static str {
    let mut states = list(request, "/status/conditions").iter().filter_map(|c| match c["type"].as_str() {
        Some("Issued") => Some("Issued"),
        Some("Denied") => Some("Denied"),
        Some("Failed") => Some("Failed"),
        _ => None,
    });
    states.next_back().unwrap_or("Pending")
}
