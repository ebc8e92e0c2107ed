//! apps/v1 (kubernetes `pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation`).

use super::pod::default_template;
use super::row::Row;
use super::workload::{check_always_restarts, check_managed_template, selector_is_immutable};
use crate::Hooks;
use crate::doc::{View, each, ensure, remove, restore, same, set, set_default, set_default_number, str_at};
use crate::rules::labels::{check_labels, check_template_matches, check_workload_selector};
use crate::rules::ports::{check_at_most_all, check_int_or_percent, is_zero};
use meta::{Doc, FieldErrors, names};
use serde_json::json;

const HISTORY: i64 = 10;
const STATEFUL_SET_FORBIDDEN: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const STATEFUL_SET_MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub const DEPLOYMENT_ROW: Row =
    Row::new("apps/v1", "Deployment").generation().scale("/spec/replicas", "/status/replicas", "/spec/selector").hooks(Hooks {
        default: default_deployment,
        validate: validate_deployment,
        validate_update: selector_is_immutable,
        ..Hooks::NONE
    });

pub const REPLICA_SET_ROW: Row = Row::new("apps/v1", "ReplicaSet")
    .generation()
    .selectable(&["status.replicas"])
    .scale("/spec/replicas", "/status/replicas", "/spec/selector")
    .hooks(Hooks {
        default: default_replica_set,
        validate: validate_replica_set,
        validate_update: selector_is_immutable,
        ..Hooks::NONE
    });

pub const STATEFUL_SET_ROW: Row = Row::new("apps/v1", "StatefulSet")
    .generation()
    .name_check(names::dns_label)
    .scale("/spec/replicas", "/status/replicas", "/spec/selector")
    .hooks(Hooks {
        default: default_stateful_set,
        validate: validate_stateful_set,
        validate_update: validate_stateful_set_update,
        ..Hooks::NONE
    });

pub const DAEMON_SET_ROW: Row = Row::new("apps/v1", "DaemonSet").generation().hooks(Hooks {
    default: default_daemon_set,
    validate: validate_daemon_set,
    validate_update: selector_is_immutable,
    ..Hooks::NONE
});

pub const CONTROLLER_REVISION_ROW: Row = Row::new("apps/v1", "ControllerRevision").hooks(Hooks {
    validate: |doc, errors| {
        let root = View::root(doc);
        root.get("revision").non_negative(errors);
        root.get("data").require_because(errors, "data is mandatory");
    },
    validate_update: |new, old, errors| View::root(new).get("data").immutable(&View::root(old).get("data"), errors),
    ..Hooks::NONE
});

fn default_deployment(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    default_template(ensure(spec, "template"));
    set_default(spec, "replicas", 1);
    let strategy = ensure(spec, "strategy");
    set_default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        let rolling = ensure(strategy, "rollingUpdate");
        set_default(rolling, "maxUnavailable", "25%");
        set_default(rolling, "maxSurge", "25%");
    }
    set_default(spec, "revisionHistoryLimit", HISTORY);
    set_default(spec, "progressDeadlineSeconds", 600);
}

fn validate_deployment(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    spec.get("replicas").non_negative(errors);
    check_workload_selector(&spec.get("selector"), "deployment", errors);
    check_managed_template(&spec, "ReplicaSet", errors);
    check_deployment_strategy(&spec.get("strategy"), errors);
    let ready = spec.get("minReadySeconds");
    for field in ["minReadySeconds", "revisionHistoryLimit"] {
        spec.get(field).non_negative(errors);
    }
    let deadline = spec.get("progressDeadlineSeconds");
    deadline.non_negative(errors);
    if deadline.int().is_some_and(|seconds| seconds <= ready.int().unwrap_or(0)) {
        deadline.invalid(errors, "must be greater than minReadySeconds");
    }
}

fn check_deployment_strategy(strategy: &View<'_>, errors: &mut FieldErrors) {
    let rolling = strategy.get("rollingUpdate");
    match strategy.get("type").str() {
        "Recreate" if rolling.is_set() => {
            rolling.forbidden(errors, "may not be specified when strategy `type` is 'Recreate'");
        }
        "Recreate" => {}
        "RollingUpdate" if !rolling.is_set() => rolling.required(errors, "this should be defaulted and never be nil"),
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            check_int_or_percent(&unavailable, errors);
            check_int_or_percent(&surge, errors);
            if is_zero(unavailable.doc) && is_zero(surge.doc) {
                unavailable.invalid(errors, "may not be 0 when `maxSurge` is 0");
            }
            check_at_most_all(&unavailable, errors);
        }
        _ => errors.not_supported(&strategy.get("type").path, strategy.get("type").str(), &["Recreate", "RollingUpdate"]),
    }
}

fn default_replica_set(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    default_template(ensure(spec, "template"));
    set_default(spec, "replicas", 1);
    let labels = doc.pointer("/spec/template/metadata/labels").cloned();
    if let Some(labels) = labels.filter(|l| !crate::doc::is_empty(l) && crate::doc::is_empty(&doc["metadata"]["labels"])) {
        set(ensure(doc, "metadata"), "labels", labels);
    }
}

fn validate_replica_set(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    spec.get("replicas").non_negative(errors);
    spec.get("minReadySeconds").non_negative(errors);
    // Upstream says deployment here too.
    check_workload_selector(&spec.get("selector"), "deployment", errors);
    check_managed_template(&spec, "ReplicaSet", errors);
}

fn default_stateful_set(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    default_template(ensure(spec, "template"));
    set_default(spec, "podManagementPolicy", "OrderedReady");
    set_default(spec, "replicas", 1);
    set_default(spec, "revisionHistoryLimit", HISTORY);
    let strategy = ensure(spec, "updateStrategy");
    set_default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        set_default_number(ensure(strategy, "rollingUpdate"), "partition", 0);
    }
    let retention = ensure(spec, "persistentVolumeClaimRetentionPolicy");
    set_default(retention, "whenDeleted", "Retain");
    set_default(retention, "whenScaled", "Retain");
    each(spec, "volumeClaimTemplates", |claim| {
        set_default(claim, "apiVersion", "v1");
        set_default(claim, "kind", "PersistentVolumeClaim");
        super::storage::default_claim(claim);
    });
}

fn validate_stateful_set(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    let policy = spec.get("podManagementPolicy");
    if policy.require(errors) && !["OrderedReady", "Parallel"].contains(&policy.str()) {
        policy.invalid(errors, "must be 'OrderedReady' or 'Parallel'");
    }
    check_stateful_set_strategy(&spec.get("updateStrategy"), errors);
    for field in ["whenDeleted", "whenScaled"] {
        spec.get("persistentVolumeClaimRetentionPolicy").get(field).one_of_if_set(errors, &["Delete", "Retain"]);
    }
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        spec.get(field).non_negative(errors);
    }
    spec.at("ordinals.start").non_negative(errors);
    check_workload_selector(&spec.get("selector"), "statefulset", errors);
    check_template_matches(&spec.get("selector"), &spec.get("template"), errors);
    // No more of the template: its mounts may name volumes that only the claim templates will give a pod.
    check_labels(&View { path: spec.get("template").path.child("labels"), ..spec.at("template.metadata.labels") }, errors);
    check_always_restarts(&spec.get("template"), "StatefulSet", errors);
}

fn check_stateful_set_strategy(strategy: &View<'_>, errors: &mut FieldErrors) {
    let (kind, rolling) = (strategy.get("type"), strategy.get("rollingUpdate"));
    match kind.str() {
        "" => strategy.required(errors, ""),
        "OnDelete" if rolling.is_set() => {
            errors.invalid(&rolling.path, rolling.doc.clone(), "only allowed for updateStrategy 'RollingUpdate'");
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            rolling.get("partition").non_negative(errors);
            let unavailable = rolling.get("maxUnavailable");
            check_int_or_percent(&unavailable, errors);
            if unavailable.is_set() && is_zero(unavailable.doc) {
                unavailable.invalid(errors, "cannot be 0");
            }
            check_at_most_all(&unavailable, errors);
        }
        _ => {
            // Upstream prints its internal structure.
            let shown = json!({ "RollingUpdate": rolling.doc, "Type": kind.str() });
            errors.invalid(&strategy.path, shown, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
}

fn validate_stateful_set_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let (mut rest, before) = (new.get("spec").cloned().unwrap_or_default(), old.get("spec").cloned().unwrap_or_default());
    for field in STATEFUL_SET_MUTABLE {
        restore(&mut rest, &before, field);
    }
    // A claim template's status is the server's.
    let mut before = before;
    for spec in [&mut rest, &mut before] {
        each(spec, "volumeClaimTemplates", |claim| drop(remove(claim, "status")));
    }
    if !same(&rest, &before) {
        errors.forbidden(&meta::Path::new("spec"), STATEFUL_SET_FORBIDDEN);
    }
}

fn default_daemon_set(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    default_template(ensure(spec, "template"));
    let strategy = ensure(spec, "updateStrategy");
    set_default(strategy, "type", "RollingUpdate");
    if str_at(strategy, "/type") == "RollingUpdate" {
        let rolling = ensure(strategy, "rollingUpdate");
        set_default(rolling, "maxUnavailable", 1);
        set_default(rolling, "maxSurge", 0);
    }
    set_default(spec, "revisionHistoryLimit", HISTORY);
}

fn validate_daemon_set(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    let selector = spec.get("selector");
    if selector.is_set() {
        check_workload_selector(&selector, "daemonset", errors);
    }
    check_managed_template(&spec, "DaemonSet", errors);
    spec.get("minReadySeconds").non_negative(errors);
    check_daemon_set_strategy(&spec.get("updateStrategy"), errors);
    spec.get("revisionHistoryLimit").non_negative(errors);
}

fn check_daemon_set_strategy(strategy: &View<'_>, errors: &mut FieldErrors) {
    let (kind, rolling) = (strategy.get("type"), strategy.get("rollingUpdate"));
    match kind.str() {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.is_set() => rolling.required(errors, ""),
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            for value in [&unavailable, &surge] {
                check_int_or_percent(value, errors);
                check_at_most_all(value, errors);
            }
            match (is_zero(unavailable.doc), is_zero(surge.doc)) {
                (false, false) if surge.is_set() => {
                    surge.invalid(errors, "may not be set when maxUnavailable is non-zero");
                }
                (true, true) => unavailable.required(errors, "cannot be 0 when maxSurge is 0"),
                _ => {}
            }
        }
        _ => errors.not_supported(&kind.path, kind.str(), &["RollingUpdate", "OnDelete"]),
    }
}
