//! What workloads share: a count, a selector and a template; and v1 ReplicationController.

use super::pod::{check_template, default_template};
use super::row::Row;
use crate::Hooks;
use crate::doc::{View, ensure, is_empty, set, set_default, with};
use crate::rules::labels::{check_labels, check_template_matches, string_map};
use meta::{Doc, FieldErrors};

pub const REPLICATION_CONTROLLER_ROW: Row = Row::new("v1", "ReplicationController")
    .generation()
    .selectable(&["status.replicas"])
    .scale("/spec/replicas", "/status/replicas", "/spec/selector")
    .hooks(Hooks { default, validate, ..Hooks::NONE });

fn default(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    set_default(spec, "replicas", 1);
    with(spec, "template", default_template);
    let labels = doc.pointer("/spec/template/metadata/labels").cloned().filter(|l| !is_empty(l));
    let Some(labels) = labels else { return };
    if is_empty(&doc["spec"]["selector"]) {
        set(ensure(doc, "spec"), "selector", labels.clone());
    }
    if is_empty(&doc["metadata"]["labels"]) {
        set(ensure(doc, "metadata"), "labels", labels);
    }
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    spec.get("minReadySeconds").non_negative(errors);
    let (selector, template) = (spec.get("selector"), spec.get("template"));
    if selector.require(errors) {
        check_labels(&selector, errors);
    }
    spec.get("replicas").non_negative(errors);
    if !template.is_set() {
        return template.required(errors, "");
    }
    let (wanted, labels) = (string_map(selector.doc), template.at("metadata.labels"));
    let have = string_map(labels.doc);
    if !wanted.iter().all(|(key, value)| have.get(key) == Some(value)) {
        errors.invalid(&labels.path, labels.doc.clone(), "`selector` does not match template `labels`");
    }
    check_template(&template, errors);
    check_always_restarts(&template, "ReplicationController", errors);
}

/// The selector matches the template, the template is valid and its pods restart for ever.
pub fn check_managed_template(spec: &View<'_>, what: &str, errors: &mut FieldErrors) {
    let template = spec.get("template");
    check_template_matches(&spec.get("selector"), &template, errors);
    check_template(&template, errors);
    check_always_restarts(&template, what, errors);
}

pub fn check_always_restarts(template: &View<'_>, what: &str, errors: &mut FieldErrors) {
    let restart = template.at("spec.restartPolicy");
    if ["OnFailure", "Never"].contains(&restart.str()) {
        restart.one_of(errors, &["Always"]);
    }
    let deadline = template.at("spec.activeDeadlineSeconds");
    if deadline.is_set() {
        deadline.forbidden(errors, format!("activeDeadlineSeconds in {what} is not Supported"));
    }
}

/// Refuses a changed selector.
pub fn selector_is_immutable(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    View::root(new).at("spec.selector").immutable(&View::root(old).at("spec.selector"), errors);
}
