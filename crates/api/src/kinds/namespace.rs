//! v1 Namespace.

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, ensure, list_at, set, set_default, str_at};
use meta::{Doc, FieldErrors, names};
use serde_json::json;

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The finalizer that the namespace controller removes.
pub const FINALIZER: &str = "kubernetes";

pub const ROW: Row = Row::new("v1", "Namespace").selectable(&["status.phase"]).name_check(names::dns_label).hooks(Hooks {
    default,
    prepare_create,
    prepare_update,
    validate,
    validate_update: |_, _, _| {},
    validate_status,
});

fn default(doc: &mut Doc) {
    let name = str_at(doc, "/metadata/name").to_owned();
    if !name.is_empty() {
        set(ensure(ensure(doc, "metadata"), "labels"), NAME_LABEL, name);
    }
    set_default(ensure(doc, "status"), "phase", "Active");
}

fn prepare_create(doc: &mut Doc) {
    let mut finalizers = list_at(doc, "/spec/finalizers").to_vec();
    if !finalizers.iter().any(|f| f == FINALIZER) {
        finalizers.push(FINALIZER.into());
    }
    set(ensure(doc, "spec"), "finalizers", finalizers);
    set(doc, "status", json!({ "phase": "Active" }));
    default(doc);
}

/// Finalizers of the spec change by the finalize subresource only.
fn prepare_update(new: &mut Doc, old: &Doc) {
    crate::doc::restore(ensure(new, "spec"), &old["spec"], "finalizers");
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let finalizers = View::root(doc).at("spec.finalizers");
    for finalizer in finalizers.items() {
        let name = finalizer.str();
        names::qualified_name(name).into_iter().for_each(|p| errors.invalid(&finalizers.path, name, p));
        if !name.contains('/') && name != FINALIZER {
            errors.invalid(&finalizers.path, name, "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

/// The phase follows the deletion timestamp.
fn validate_status(new: &Doc, _: &Doc, errors: &mut FieldErrors) {
    let root = View::root(new);
    let phase = root.at("status.phase");
    let path = meta::Path::new("status").child("Phase");
    if root.at("metadata.deletionTimestamp").is_set() {
        if phase.str() != "Terminating" {
            errors.invalid(&path, phase.str(), "may only be 'Terminating' if `deletionTimestamp` is not empty");
        }
    } else if phase.str() != "Active" {
        errors.invalid(&path, phase.str(), "may only be 'Active' if `deletionTimestamp` is empty");
    }
}
