//! apps and batch.

use super::cells::{
    NONE, UNSET, condition_is_true, containers, flag, has, is_deleting, labels, list, number, selector, selector_or_none, since,
};
use super::{age, integer, name, of, string, string_or};
use crate::{Cell, Column};
use meta::time::human_duration;
use meta::{Doc, Time};

pub fn columns(kind: &str, _minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "Deployment" => vec![
            name(),
            of("Ready", "string", |doc, _| ready(doc).into()),
            Column::new("Up-to-date", "string", Cell::Number("/status/updatedReplicas")),
            Column::new("Available", "string", Cell::Number("/status/availableReplicas")),
            age(),
            container_names(),
            container_images(),
            of("Selector", "string", |doc, _| selector(doc, "/spec/selector").unwrap_or_else(|_| "<invalid>".into()).into())
                .wide(),
        ],
        "ReplicaSet" => vec![
            name(),
            integer("Desired", "/spec/replicas"),
            integer("Current", "/status/replicas"),
            integer("Ready", "/status/readyReplicas"),
            age(),
            container_names(),
            container_images(),
            label_selector(),
        ],
        "StatefulSet" => {
            vec![name(), of("Ready", "string", |doc, _| ready(doc).into()), age(), container_names(), container_images()]
        }
        "DaemonSet" => vec![
            name(),
            integer("Desired", "/status/desiredNumberScheduled"),
            integer("Current", "/status/currentNumberScheduled"),
            integer("Ready", "/status/numberReady"),
            integer("Up-to-date", "/status/updatedNumberScheduled"),
            integer("Available", "/status/numberAvailable"),
            of("Node Selector", "string", |doc, _| labels(doc, "/spec/template/spec/nodeSelector").into()),
            age(),
            container_names(),
            container_images(),
            label_selector(),
        ],
        "ControllerRevision" => vec![
            name(),
            of("Controller", "string", |doc, _| controller(doc).into()),
            Column::new("Revision", "string", Cell::Number("/revision")),
            age(),
        ],
        "Job" => vec![
            name(),
            of("Status", "string", |doc, _| job_status(doc).into()),
            of("Completions", "string", |doc, _| completions(doc).into()),
            of("Duration", "string", |doc, now| job_duration(doc, now).into()),
            age(),
            container_names(),
            container_images(),
            label_selector(),
        ],
        "CronJob" => vec![
            name(),
            string("Schedule", "/spec/schedule"),
            string_or("Timezone", "/spec/timeZone", NONE),
            of("Suspend", "boolean", |doc, _| suspended(doc).into()),
            Column::new("Active", "integer", Cell::Count("/status/active")),
            of("Last Schedule", "string", |doc, now| last_schedule(doc, now).into()),
            age(),
            of("Containers", "string", |doc, _| containers(doc, CRON_CONTAINERS, "name").into()).wide(),
            of("Images", "string", |doc, _| containers(doc, CRON_CONTAINERS, "image").into()).wide(),
            of("Selector", "string", |doc, _| selector_or_none(doc, "/spec/jobTemplate/spec/selector").into()).wide(),
        ],
        _ => return None,
    };
    Some(columns)
}

const CONTAINERS: &str = "/spec/template/spec/containers";
const CRON_CONTAINERS: &str = "/spec/jobTemplate/spec/template/spec/containers";

pub fn container_names() -> Column {
    of("Containers", "string", |doc, _| containers(doc, CONTAINERS, "name").into()).wide()
}

pub fn container_images() -> Column {
    of("Images", "string", |doc, _| containers(doc, CONTAINERS, "image").into()).wide()
}

fn label_selector() -> Column {
    of("Selector", "string", |doc, _| selector_or_none(doc, "/spec/selector").into()).wide()
}

fn ready(doc: &Doc) -> String {
    format!("{}/{}", number(doc, "/status/readyReplicas"), number(doc, "/spec/replicas"))
}

fn controller(doc: &Doc) -> String {
    let Some(owner) = list(doc, "/metadata/ownerReferences").iter().find(|o| o["controller"] == true) else {
        return NONE.into();
    };
    let text = |key: &str| owner[key].as_str().unwrap_or_default();
    let kind = match text("apiVersion").split_once('/') {
        Some((group, _)) => format!("{}.{group}", text("kind")),
        None => text("kind").to_owned(),
    };
    format!("{}/{}", kind.to_lowercase(), text("name"))
}

fn job_status(job: &Doc) -> &'static str {
    match () {
        () if condition_is_true(job, "Complete") => "Complete",
        () if condition_is_true(job, "Failed") => "Failed",
        () if is_deleting(job) => "Terminating",
        () if condition_is_true(job, "Suspended") => "Suspended",
        () if condition_is_true(job, "FailureTarget") => "FailureTarget",
        () if condition_is_true(job, "SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(job: &Doc) -> String {
    let succeeded = number(job, "/status/succeeded");
    match (has(job, "/spec/completions"), number(job, "/spec/parallelism")) {
        (true, _) => format!("{succeeded}/{}", number(job, "/spec/completions")),
        (false, parallelism @ 2..) => format!("{succeeded}/1 of {parallelism}"),
        (false, _) => format!("{succeeded}/1"),
    }
}

fn job_duration(job: &Doc, now: Time) -> String {
    let time = |pointer: &str| job.pointer(pointer).and_then(Doc::as_str).and_then(Time::parse);
    match (time("/status/startTime"), time("/status/completionTime")) {
        (None, _) => String::new(),
        (Some(start), end) => human_duration(end.unwrap_or(now).seconds_since(start)),
    }
}

fn suspended(job: &Doc) -> &'static str {
    match flag(job, "/spec/suspend") {
        None => UNSET,
        Some(true) => "True",
        Some(false) => "False",
    }
}

fn last_schedule(job: &Doc, now: Time) -> String {
    if has(job, "/status/lastScheduleTime") { since(&job["status"]["lastScheduleTime"], now) } else { NONE.into() }
}
