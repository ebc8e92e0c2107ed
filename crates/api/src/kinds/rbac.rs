//! rbac.authorization.k8s.io/v1 (kubernetes `pkg/apis/rbac`).

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, each, ensure, set_default, str_at};
use crate::rules::labels::check_selector;
use meta::{Doc, FieldErrors, names};
use serde_json::json;

const GROUP: &str = "rbac.authorization.k8s.io";
const API: &str = "rbac.authorization.k8s.io/v1";

const fn row(kind: &'static str, hooks: Hooks) -> Row {
    Row::new(API, kind).name_check(names::path_segment).create_on_update().hooks(hooks)
}

pub const ROLE_ROW: Row = row("Role", Hooks { validate: |doc, errors| check_rules(doc, true, errors), ..Hooks::NONE });

pub const CLUSTER_ROLE_ROW: Row = row("ClusterRole", Hooks { validate: validate_cluster_role, ..Hooks::NONE });

pub const ROLE_BINDING_ROW: Row = row(
    "RoleBinding",
    Hooks {
        default: default_binding,
        validate: |doc, errors| validate_binding(doc, &["Role", "ClusterRole"], errors),
        validate_update: role_ref_is_immutable,
        ..Hooks::NONE
    },
);

pub const CLUSTER_ROLE_BINDING_ROW: Row = row(
    "ClusterRoleBinding",
    Hooks {
        default: default_binding,
        validate: |doc, errors| validate_binding(doc, &["ClusterRole"], errors),
        validate_update: role_ref_is_immutable,
        ..Hooks::NONE
    },
);

fn check_rules(doc: &Doc, namespaced: bool, errors: &mut FieldErrors) {
    for rule in View::root(doc).get("rules").items() {
        let [verbs, groups, resources, names, urls] =
            ["verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"].map(|f| rule.get(f));
        verbs.require_because(errors, "verbs must contain at least one value");
        if !urls.is_empty() {
            if namespaced {
                urls.invalid(errors, "namespaced rules cannot apply to non-resource URLs");
            }
            if !(groups.is_empty() && resources.is_empty() && names.is_empty()) {
                urls.invalid(errors, "rules cannot apply to both regular resources and non-resource URLs");
            }
            continue;
        }
        groups.require_because(errors, "resource rules must supply at least one api group");
        resources.require_because(errors, "resource rules must supply at least one resource");
    }
}

fn validate_cluster_role(doc: &Doc, errors: &mut FieldErrors) {
    check_rules(doc, false, errors);
    let aggregation = View::root(doc).get("aggregationRule");
    if !aggregation.is_set() {
        return;
    }
    let selectors = aggregation.get("clusterRoleSelectors");
    selectors.require_because(errors, "at least one clusterRoleSelector required if aggregationRule is non-nil");
    selectors.items().for_each(|selector| check_selector(&selector, errors));
}

fn default_binding(doc: &mut Doc) {
    set_default(ensure(doc, "roleRef"), "apiGroup", GROUP);
    each(doc, "subjects", |subject| {
        if matches!(str_at(subject, "/kind"), "User" | "Group") {
            set_default(subject, "apiGroup", GROUP);
        }
    });
}

fn validate_binding(doc: &Doc, kinds: &[&str], errors: &mut FieldErrors) {
    let root = View::root(doc);
    let role = root.get("roleRef");
    role.get("apiGroup").one_of(errors, &[GROUP]);
    role.get("kind").one_of(errors, kinds);
    let name = role.get("name");
    if name.require(errors) {
        name.check(errors, names::path_segment);
    }
    root.get("subjects").items().for_each(|subject| check_subject(&subject, errors));
}

fn check_subject(subject: &View<'_>, errors: &mut FieldErrors) {
    let (kind, name, group, namespace) =
        (subject.get("kind"), subject.get("name"), subject.get("apiGroup"), subject.get("namespace"));
    name.require(errors);
    match kind.str() {
        "ServiceAccount" => {
            name.check_if_set(errors, names::dns_subdomain);
            if !group.is_empty() {
                group.one_of(errors, &[""]);
            }
            namespace.require(errors);
        }
        "User" | "Group" => group.one_of(errors, &[GROUP]),
        _ => kind.one_of(errors, &["ServiceAccount", "User", "Group"]),
    }
}

fn role_ref_is_immutable(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    if new["roleRef"] != old["roleRef"] {
        let role = View::root(new).get("roleRef");
        let [group, kind, name] = ["apiGroup", "kind", "name"].map(|field| role.get(field).str());
        // Upstream prints its internal structure.
        errors.invalid(&role.path, json!({ "APIGroup": group, "Kind": kind, "Name": name }), "cannot change roleRef");
    }
}
