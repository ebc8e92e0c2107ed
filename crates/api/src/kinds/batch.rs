//! batch/v1 Job and CronJob (kubernetes `pkg/apis/batch`, `pkg/registry/batch/job/strategy.go`).

use super::job_policies::{check_failure_policy, check_indexes, check_success_policy, check_time_zone};
use super::pod::{check_template, default_template};
use super::row::Row;
use crate::Hooks;
use crate::doc::{View, each, ensure, is_empty, is_true, set, set_default, str_at, with};
use crate::rules::labels::{check_selector, check_template_matches};
use meta::cron::Schedule;
use meta::{Doc, FieldErrors, names};
use serde_json::json;

const CRON_JOB_NAME_MAX: usize = 52;
const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

pub const JOB_ROW: Row = Row::new("batch/v1", "Job").generation().selectable(&["status.successful"]).hooks(Hooks {
    default: default_job,
    prepare_create: generate_selector,
    validate: validate_job,
    validate_update: validate_job_update,
    ..Hooks::NONE
});

pub const CRON_JOB_ROW: Row = Row::new("batch/v1", "CronJob").generation().hooks(Hooks {
    default: default_cron_job,
    validate: validate_cron_job,
    ..Hooks::NONE
});

fn default_job(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    default_template(ensure(spec, "template"));
    default_failure_policy(spec);
    if is_empty(&spec["completions"]) && is_empty(&spec["parallelism"]) {
        set(spec, "completions", 1);
    }
    set_default(spec, "parallelism", 1);
    let per_index = spec.get("backoffLimitPerIndex").is_some_and(|d| !d.is_null());
    set_default(spec, "backoffLimit", if per_index { i64::from(i32::MAX) } else { 6 });
    set_default(spec, "completionMode", "NonIndexed");
    set_default(spec, "suspend", false);
    set_default(spec, "manualSelector", false);
    let policy = spec.get("podFailurePolicy").is_some_and(|d| !d.is_null());
    set_default(spec, "podReplacementPolicy", if policy { "Failed" } else { "TerminatingOrFailed" });
    let labels = doc.pointer("/spec/template/metadata/labels").cloned();
    if let Some(labels) = labels.filter(|l| !is_empty(l) && is_empty(&doc["metadata"]["labels"])) {
        set(ensure(doc, "metadata"), "labels", labels);
    }
}

fn default_failure_policy(spec: &mut Doc) {
    with(spec, "podFailurePolicy", |policy| {
        each(policy, "rules", |rule| each(rule, "onPodConditions", |condition| set_default(condition, "status", "True")));
    });
}

/// Unless told otherwise a job selects its pods by its own UID, so that no two jobs share one.
fn generate_selector(doc: &mut Doc) {
    if is_true(doc, "/spec/manualSelector") {
        return;
    }
    let (name, uid) = (str_at(doc, "/metadata/name").to_owned(), str_at(doc, "/metadata/uid").to_owned());
    let spec = ensure(doc, "spec");
    let labels = ensure(ensure(ensure(spec, "template"), "metadata"), "labels");
    for (key, value) in [(CONTROLLER_UID, &uid), ("controller-uid", &uid), (JOB_NAME, &name), ("job-name", &name)] {
        set_default(labels, key, value.as_str());
    }
    if is_empty(&spec["selector"]) {
        set(spec, "selector", json!({ "matchLabels": { CONTROLLER_UID: uid } }));
    }
}

fn validate_job(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let (spec, name) = (root.get("spec"), root.at("metadata.name"));
    check_job_spec(&spec, true, errors);
    let completions = spec.get("completions").int().filter(|count| *count > 0 && spec.get("completionMode").str() == "Indexed");
    if let Some(completions) = completions.filter(|_| !name.is_empty()) {
        // The host name of the last pod, which is the longest.
        let host = format!("{}-{}", name.str(), completions - 1);
        for _ in names::dns_label(&host) {
            name.invalid(errors, format!("will not able to create pod with invalid DNS label: {host}"));
        }
    }
}

fn check_job_spec(spec: &View<'_>, selected: bool, errors: &mut FieldErrors) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        spec.get(field).non_negative(errors);
    }
    check_indexes(spec, errors);
    check_failure_policy(spec, errors);
    check_success_policy(spec, errors);
    let (selector, template) = (spec.get("selector"), spec.get("template"));
    if selected {
        if selector.is_set() {
            check_selector(&selector, errors);
        } else {
            selector.required(errors, "");
        }
        check_template_matches(&selector, &template, errors);
    }
    check_template(&template, errors);
    let restart = template.at("spec.restartPolicy");
    match restart.str() {
        "Never" => {}
        "OnFailure" if spec.get("podFailurePolicy").is_set() => {
            restart.invalid(errors, "only \"Never\" is supported when podFailurePolicy is specified");
        }
        "OnFailure" => {}
        _ => restart.required(errors, "valid values: \"OnFailure\", \"Never\""),
    }
}

fn validate_job_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let (new, old) = (View::root(new).get("spec"), View::root(old).get("spec"));
    // An indexed job may be resized when completions and parallelism stay equal.
    let elastic = old.get("completionMode").str() == "Indexed" && new.get("completions").int() == new.get("parallelism").int();
    if !elastic {
        new.get("completions").immutable(&old.get("completions"), errors);
    }
    for field in ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        new.get(field).immutable(&old.get(field), errors);
    }
    // Where a suspended job's pods go may still be decided.
    if !(old.get("suspend").is_true() || new.get("suspend").is_true()) {
        new.get("template").immutable(&old.get("template"), errors);
    }
}

fn default_cron_job(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    let job = ensure(ensure(spec, "jobTemplate"), "spec");
    default_template(ensure(job, "template"));
    default_failure_policy(job);
    for (field, value) in [
        ("concurrencyPolicy", json!("Allow")),
        ("suspend", json!(false)),
        ("successfulJobsHistoryLimit", json!(3)),
        ("failedJobsHistoryLimit", json!(1)),
    ] {
        set_default(spec, field, value);
    }
}

fn validate_cron_job(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let (spec, name) = (root.get("spec"), root.at("metadata.name"));
    if name.str().len() > CRON_JOB_NAME_MAX {
        name.invalid(errors, "must be no more than 52 characters");
    }
    let schedule = spec.get("schedule");
    if schedule.require(errors)
        && let Err(problem) = check_schedule(schedule.str())
    {
        schedule.invalid(errors, problem);
    }
    check_time_zone(&spec.get("timeZone"), errors);
    for field in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        spec.get(field).non_negative(errors);
    }
    let policy = spec.get("concurrencyPolicy");
    if policy.require(errors) {
        policy.one_of(errors, &["Allow", "Forbid", "Replace"]);
    }
    let job = spec.at("jobTemplate.spec");
    check_job_spec(&job, false, errors);
    let manual = job.get("manualSelector");
    if manual.is_true() {
        manual.forbidden(errors, "not supported in CronJobs");
    }
}

/// With the parser's words for what is wrong.
fn check_schedule(schedule: &str) -> Result<(), String> {
    if schedule.contains("TZ") {
        return Err("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".into());
    }
    Schedule::parse(schedule).map(drop)
}
