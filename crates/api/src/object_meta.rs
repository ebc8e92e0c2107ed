//! Rules for `metadata` of every kind (k8s.io/apimachinery `pkg/api/validation/objectmeta.go`).

use crate::ResourceDef;
use crate::doc::{IMMUTABLE, View, is_empty};
use crate::rules::labels::check_labels;
use meta::{Doc, FieldErrors, GroupVersion, names};
use std::collections::BTreeSet;

const ANNOTATIONS_MAX: usize = 256 * 1024;
const FIELD_MANAGER_MAX: usize = 128;
const SUBRESOURCE_MAX: usize = 256;
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// Expects that a name has been generated already.
pub fn validate(def: &ResourceDef, doc: &Doc, errors: &mut FieldErrors) {
    let meta = View::root(doc).get("metadata");
    let generate = meta.get("generateName");
    if !generate.is_empty() {
        // What is generated has a suffix, so a trailing dash is fine.
        let probe = masked(generate.str());
        (def.name_check)(&probe).into_iter().for_each(|problem| generate.invalid(errors, problem));
    }
    let name = meta.get("name");
    if name.require_because(errors, "name or generateName is required") {
        name.check(errors, def.name_check);
    }
    namespace(def, &meta, errors);
    common(&meta, errors);
    finalizers(&meta.get("finalizers"), errors);
    if is_kubernetes(&def.gvr.group) {
        standard_finalizers(&meta.get("finalizers"), errors);
    }
}

/// Kubernetes' own groups; custom resources and records may use finalizers of any name.
fn is_kubernetes(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

fn standard_finalizers(finalizers: &View<'_>, errors: &mut FieldErrors) {
    for finalizer in finalizers.items() {
        if !finalizer.str().contains('/') && !["kubernetes", ORPHAN, FOREGROUND].contains(&finalizer.str()) {
            finalizer.invalid(errors, "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

/// (new, old). [`validate`] is for updates too: this adds what only a change can do wrong.
pub fn validate_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let (new, old) = (View::root(new).get("metadata"), View::root(old).get("metadata"));
    if old.get("deletionTimestamp").is_set() {
        no_new_finalizers(&new.get("finalizers"), &old.get("finalizers"), errors);
    }
    let (generation, before) = (new.get("generation"), old.get("generation"));
    if generation.int().unwrap_or(0) < before.int().unwrap_or(0) {
        errors.invalid(&generation.path, generation.int().unwrap_or(0), "must not be decremented");
    }
    for field in ["name", "namespace", "uid"] {
        let (new, old) = (new.get(field), old.get(field));
        if new.str() != old.str() {
            errors.invalid(&new.path, new.str(), IMMUTABLE);
        }
    }
    for field in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        new.get(field).immutable(&old.get(field), errors);
    }
}

/// What a PUT without resourceVersion gets where the kind does not allow it.
pub fn require_resource_version(errors: &mut FieldErrors) {
    errors.invalid(&meta::Path::new("metadata").child("resourceVersion"), 0, "must be specified for an update");
}

/// Upstream hides a trailing dash from the name check of a prefix.
fn masked(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => prefix.to_owned(),
    }
}

fn namespace(def: &ResourceDef, meta: &View<'_>, errors: &mut FieldErrors) {
    let namespace = meta.get("namespace");
    if !def.namespaced {
        if !namespace.is_empty() {
            namespace.forbidden(errors, "not allowed on this type");
        }
    } else if namespace.require(errors) {
        namespace.check(errors, names::dns_label);
    }
}

fn common(meta: &View<'_>, errors: &mut FieldErrors) {
    meta.get("generation").non_negative(errors);
    check_labels(&meta.get("labels"), errors);
    annotations(&meta.get("annotations"), errors);
    owners(&meta.get("ownerReferences"), errors);
    managed_fields(&meta.get("managedFields"), errors);
}

fn annotations(annotations: &View<'_>, errors: &mut FieldErrors) {
    let mut size = 0;
    for (key, value) in annotations.entries() {
        size += key.len() + value.str().len();
        for problem in names::qualified_name(&key.to_lowercase()) {
            errors.invalid(&annotations.path, key, problem);
        }
    }
    if size > ANNOTATIONS_MAX {
        errors.too_long(&annotations.path, ANNOTATIONS_MAX);
    }
}

fn owners(owners: &View<'_>, errors: &mut FieldErrors) {
    let mut controller: Option<String> = None;
    for owner in owners.items() {
        owner_reference(&owner, errors);
        if !owner.get("controller").is_true() {
            continue;
        }
        let name = format!("{}/{}", owner.get("kind").str(), owner.get("name").str());
        match &controller {
            None => controller = Some(name),
            Some(first) => owners.invalid(
                errors,
                format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                ),
            ),
        }
    }
}

fn owner_reference(owner: &View<'_>, errors: &mut FieldErrors) {
    let api_version = owner.get("apiVersion");
    if api_version.require_because(errors, "must not be empty") && GroupVersion::parse(api_version.str()).is_none() {
        api_version.invalid(errors, "must be <group>/<version> or <version>");
    }
    for field in ["kind", "name", "uid"] {
        owner.get(field).require_because(errors, "must not be empty");
    }
    if api_version.str() == "v1" && owner.get("kind").str() == "Event" {
        owner.invalid(errors, "/v1, Kind=Event is disallowed from being an owner");
    }
}

fn finalizers(finalizers: &View<'_>, errors: &mut FieldErrors) {
    let all: Vec<&str> = finalizers.items().map(|f| f.str()).collect();
    for name in &all {
        for problem in names::qualified_name(name) {
            errors.invalid(&finalizers.path, *name, problem);
        }
    }
    if all.contains(&ORPHAN) && all.contains(&FOREGROUND) {
        finalizers.invalid(errors, format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set"));
    }
}

fn no_new_finalizers(new: &View<'_>, old: &View<'_>, errors: &mut FieldErrors) {
    let names = |view: &View<'_>| -> BTreeSet<String> { view.items().map(|f| f.str().to_owned()).collect() };
    let extra: Vec<String> = names(new).difference(&names(old)).map(|f| format!("{f:?}")).collect();
    if !extra.is_empty() {
        let found = format!("[]string{{{}}}", extra.join(", "));
        new.forbidden(
            errors,
            format!("no new finalizers can be added if the object is being deleted, found new finalizers {found}"),
        );
    }
}

fn managed_fields(entries: &View<'_>, errors: &mut FieldErrors) {
    for entry in entries.items() {
        let operation = entry.get("operation");
        if operation.require_because(errors, "must not be empty") {
            operation.one_of(errors, &["Apply", "Update"]);
        }
        let fields_type = entry.get("fieldsType");
        if !is_empty(fields_type.doc) && fields_type.str() != "FieldsV1" {
            fields_type.invalid(errors, "must be `FieldsV1`");
        }
        for (field, max) in [("manager", FIELD_MANAGER_MAX), ("subresource", SUBRESOURCE_MAX)] {
            let value = entry.get(field);
            if value.str().len() > max {
                errors.too_long(&value.path, max);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn def() -> ResourceDef {
        ResourceDef::record("test.example/v1", "Thing", "things")
    }

    fn texts(found: FieldErrors) -> Vec<String> {
        found.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_rule_has_upstreams_text() {
        let long = "x".repeat(ANNOTATIONS_MAX);
        for (field, value, expected) in [
            ("labels", json!({"a": "b"}), None),
            ("name", json!(""), Some("metadata.name: Required value: name or generateName is required")),
            ("namespace", json!(""), Some("metadata.namespace: Required value")),
            ("generateName", json!("web-"), None),
            ("generation", json!(-1), Some("metadata.generation: Invalid value: -1: must be greater than or equal to 0")),
            ("annotations", json!({ "a": long }), Some("metadata.annotations: Too long: may not be more than 262144 bytes")),
            (
                "ownerReferences",
                json!([{"apiVersion": "v1", "kind": "Pod", "name": "a"}]),
                Some("metadata.ownerReferences[0].uid: Required value: must not be empty"),
            ),
            (
                "ownerReferences",
                json!([{"apiVersion": "a/b/c", "kind": "Pod", "name": "a", "uid": "1"}]),
                Some("metadata.ownerReferences[0].apiVersion: Invalid value: \"a/b/c\": must be <group>/<version> or <version>"),
            ),
            ("finalizers", json!(["example.com/a"]), None),
            (
                "finalizers",
                json!(["orphan", "foregroundDeletion"]),
                Some(
                    "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set",
                ),
            ),
        ] {
            let mut doc = json!({"metadata": {"name": "a", "namespace": "b"}});
            doc["metadata"][field] = value;
            let mut errors = FieldErrors::default();
            validate(&def(), &doc, &mut errors);
            assert_eq!(texts(errors), expected.into_iter().collect::<Vec<_>>(), "{field}");
        }
    }

    #[test]
    fn only_kubernetes_kinds_ask_for_qualified_finalizers() {
        let doc = json!({"metadata": {"name": "a", "namespace": "b", "finalizers": ["mine"]}});
        let text = "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified";
        for (api_version, expected) in [("apps/v1", vec![text]), ("test.example/v1", vec![])] {
            let mut errors = FieldErrors::default();
            validate(&ResourceDef::record(api_version, "Thing", "things"), &doc, &mut errors);
            assert_eq!(texts(errors), expected, "{api_version}");
        }
    }

    #[test]
    fn only_one_owner_controls() {
        let owner = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": name, "controller": true});
        let doc = json!({"metadata": {"name": "a", "namespace": "b", "ownerReferences": [owner("x"), owner("y")]}});
        let mut errors = FieldErrors::default();
        validate(&def(), &doc, &mut errors);
        let text = texts(errors).remove(0);
        assert!(
            text.ends_with(
                "Only one reference can have Controller set to true. Found \"true\" in references for Pod/x and Pod/y"
            )
        );
    }

    #[test]
    fn identity_never_changes() {
        let old = json!({"metadata": {"name": "a", "namespace": "b", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 2, "deletionTimestamp": "2026-01-02T00:00:00Z", "finalizers": ["a/b"]}});
        for (field, value, expected) in [
            ("name", json!("c"), "metadata.name: Invalid value: \"c\": field is immutable"),
            ("namespace", json!("c"), "metadata.namespace: Invalid value: \"c\": field is immutable"),
            ("uid", json!("v"), "metadata.uid: Invalid value: \"v\": field is immutable"),
            ("creationTimestamp", json!(null), "metadata.creationTimestamp: Invalid value: null: field is immutable"),
            ("generation", json!(1), "metadata.generation: Invalid value: 1: must not be decremented"),
            (
                "finalizers",
                json!(["a/b", "a/c"]),
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"a/c\"}",
            ),
        ] {
            let mut new = old.clone();
            new["metadata"][field] = value;
            let mut errors = FieldErrors::default();
            validate_update(&new, &old, &mut errors);
            assert_eq!(texts(errors), [expected], "{field}");
        }
    }
}
