//! Reads the bootstrap tables: one line per rule, per aggregation label and per binding.

use crate::rbac::{GROUP, PolicyRule, RoleRef, Subject};
use meta::Doc;
use serde_json::json;

const AGGREGATE_TO: &str = "rbac.authorization.k8s.io/aggregate-to-";
const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];

/// Role and ClusterRole documents of the minor.
pub fn roles(text: &str, minor: u32) -> Vec<Doc> {
    let mut roles: Vec<Doc> = Vec::new();
    let mut within = false;
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (entry, served) = versions(line, minor);
        if !line.starts_with(' ') {
            within = served;
            if served {
                roles.push(head(entry));
            }
        } else if let (true, true, Some(role)) = (within, served, roles.last_mut()) {
            add(role, entry.trim_start());
        }
    }
    roles
}

/// Cuts `since 1.35` and `until 1.36` off a line, and says whether they include the minor.
fn versions(line: &str, minor: u32) -> (&str, bool) {
    let bound = |text: &str| text.trim().strip_prefix("1.").and_then(|m| m.parse::<u32>().ok());
    let (line, until) = line.split_once(" until ").map_or((line, None), |(l, v)| (l, bound(v)));
    let (line, since) = line.split_once(" since ").map_or((line, None), |(l, v)| (l, bound(v)));
    (line, since.is_none_or(|s| minor >= s) && until.is_none_or(|u| minor <= u))
}

/// An object with the labels and annotations of everything bootstrapped.
fn object(kind: &str, name: &str) -> Doc {
    let mut doc = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind,
        "metadata": {
            "name": name,
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
            "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
        },
    });
    if let Some((namespace, name)) = name.split_once('/') {
        doc["metadata"]["namespace"] = namespace.into();
        doc["metadata"]["name"] = name.into();
    }
    doc
}

fn head(line: &str) -> Doc {
    let (kind, name) = line.split_once(' ').unwrap_or((line, ""));
    let mut role = object(kind, name);
    role["rules"] = json!([]);
    role
}

fn add(role: &mut Doc, entry: &str) {
    match entry.split_once(' ') {
        Some(("into", target)) => role["metadata"]["labels"][format!("{AGGREGATE_TO}{target}")] = "true".into(),
        Some(("from", source)) => {
            let selector = json!({ "matchLabels": { format!("{AGGREGATE_TO}{source}"): "true" } });
            role["aggregationRule"] = json!({ "clusterRoleSelectors": [selector] });
        }
        _ => {
            if let Some(rules) = role["rules"].as_array_mut() {
                rules.push(rule(entry).to_doc());
            }
        }
    }
}

/// `verbs url paths` or `verbs groups resources [named names]`; see the head of cluster_roles.txt.
fn rule(entry: &str) -> PolicyRule {
    let mut words = entry.split(' ');
    let mut list = || words.next().unwrap_or_default().split(',').map(str::to_owned).collect::<Vec<_>>();
    let verbs = match list() {
        verbs if verbs == ["read"] => READ.map(str::to_owned).into(),
        verbs if verbs == ["write"] => WRITE.map(str::to_owned).into(),
        verbs => verbs,
    };
    let groups = list();
    if groups == ["url"] {
        return PolicyRule { verbs, non_resource_urls: list(), ..PolicyRule::default() };
    }
    let api_groups = groups.into_iter().map(|g| if g == "core" { String::new() } else { g }).collect();
    let resources = list();
    let resource_names = if list() == ["named"] { list() } else { Vec::new() };
    PolicyRule { verbs, api_groups, resources, resource_names, non_resource_urls: Vec::new() }
}

/// RoleBinding and ClusterRoleBinding documents of the minor.
pub fn bindings(text: &str, minor: u32) -> Vec<Doc> {
    let lines = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|l| versions(l, minor)).filter(|(_, served)| *served).filter_map(|(line, _)| binding(line)).collect()
}

/// `Kind [namespace/]name to RoleKind role [for subject, subject]`.
fn binding(line: &str) -> Option<Doc> {
    let (what, rest) = line.split_once(" to ")?;
    let (kind, name) = what.split_once(' ')?;
    let (role, subjects) = rest.split_once(" for ").unwrap_or((rest, ""));
    let (role_kind, role_name) = role.split_once(' ')?;
    let role = RoleRef { api_group: GROUP.into(), kind: role_kind.into(), name: role_name.into() };
    let mut doc = object(kind, name);
    doc["roleRef"] = serde_json::to_value(role).ok()?;
    let subjects: Vec<Subject> = subjects.split(", ").filter_map(subject).collect();
    if !subjects.is_empty() {
        doc["subjects"] = serde_json::to_value(subjects).ok()?;
    }
    Some(doc)
}

fn subject(text: &str) -> Option<Subject> {
    let (kind, name) = text.split_once(' ')?;
    let of_group =
        |kind: &str| Subject { api_group: GROUP.into(), kind: kind.into(), name: name.into(), namespace: String::new() };
    match kind {
        "user" => Some(of_group("User")),
        "group" => Some(of_group("Group")),
        "account" => {
            let (namespace, name) = name.split_once('/')?;
            let (kind, name, namespace) = ("ServiceAccount".into(), name.into(), namespace.into());
            Some(Subject { api_group: String::new(), kind, name, namespace })
        }
        _ => None,
    }
}
