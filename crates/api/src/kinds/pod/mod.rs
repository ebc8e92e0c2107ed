//! v1 Pod and PodTemplate (kubernetes `pkg/registry/core/pod/strategy.go`, `pkg/apis/core/validation`).

mod containers;
mod defaults;
mod env;
mod probes;
mod qos;
mod scheduling;
mod security;
mod spec;
mod update;
mod volumes;

use super::row::Row;
use crate::doc::{View, ensure, is_empty, set, with};
use crate::{Hooks, Indexed};
use meta::{Doc, FieldErrors};
use serde_json::json;

pub use defaults::default_spec;
pub use qos::qos_class;
pub use scheduling::check_taints;
pub use spec::{check_ip, check_spec, check_template};

pub const ROW: Row = Row::new("v1", "Pod")
    .generation()
    .selectable(&[
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ])
    .indexed(&[Indexed::Field("spec.nodeName")])
    .hooks(Hooks {
        default: defaults::default_pod,
        prepare_create,
        prepare_update: |_, _| {},
        validate,
        validate_update: update::validate_update,
        validate_status: update::validate_status,
    });

pub const TEMPLATE_ROW: Row = Row::new("v1", "PodTemplate").generation().hooks(Hooks {
    default: |doc| with(doc, "template", default_template),
    validate: |doc, errors| check_template(&View::root(doc).get("template"), errors),
    ..Hooks::NONE
});

/// `template.spec` of a workload.
pub fn default_template(template: &mut Doc) {
    default_spec(ensure(template, "spec"));
}

/// A new pod is pending, in the class its resources put it in.
fn prepare_create(doc: &mut Doc) {
    let class = qos_class(doc);
    let mut status = json!({ "phase": "Pending", "qosClass": class });
    if !is_empty(doc.pointer("/spec/schedulingGates").unwrap_or(&Doc::Null)) {
        let condition = json!({ "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates" });
        set(&mut status, "conditions", json!([condition]));
    }
    set(doc, "status", status);
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let spec = root.get("spec");
    check_spec(&spec, spec::Place::Pod, errors);
    check_tokens(&spec, errors);
    let cost = root.get("metadata").get("annotations").key("controller.kubernetes.io/pod-deletion-cost");
    if cost.is_set() && cost.str().parse::<i32>().is_err() {
        cost.invalid(errors, "must be a 32bit integer");
    }
    let mirror = root.get("metadata").get("annotations").key("kubernetes.io/config.mirror");
    if mirror.is_set() && spec.get("nodeName").is_empty() {
        mirror.invalid(errors, "must set spec.nodeName if mirror pod annotation is set");
    }
}

/// A token is some account's.
fn check_tokens(spec: &View<'_>, errors: &mut FieldErrors) {
    if !spec.get("serviceAccountName").is_empty() {
        return;
    }
    for volume in spec.get("volumes").items() {
        let tokens = volume.at("projected.sources").items().map(|source| source.get("serviceAccountToken"));
        tokens
            .filter(View::is_set)
            .for_each(|token| token.forbidden(errors, "must not be specified when serviceAccountName is not set"));
    }
}

/// The body of the binding subresource.
pub fn validate_binding(doc: &Doc, errors: &mut FieldErrors) {
    let target = View::root(doc).get("target");
    target.get("kind").one_of_if_set(errors, &["Node", "<empty>"]);
    target.get("name").require(errors);
}
