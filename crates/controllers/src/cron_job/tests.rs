//! Cron jobs and their jobs as text, decisions as text.

use super::plan::{Seen, Step, plan};
use super::view::{ChildJob, CronJob, CronStatus};
use super::zone;
use jiff::tz::TimeZone;
use meta::{Doc, Object, Time};
use serde_json::json;
use std::sync::Arc;

fn object(doc: Doc) -> Arc<Object> {
    Object::from_doc(&doc, 7).expect("a valid object").shared()
}

fn today(clock: &str) -> String {
    format!("2026-01-01T{clock}Z")
}

/// `name` or `name End start`, where the end is `Complete` or `Failed` and the start a time of the day.
fn child(text: &str) -> ChildJob {
    let words: Vec<&str> = text.split(' ').collect();
    let mut doc = json!({ "metadata": { "name": words[0], "namespace": "ns", "uid": words[0] } });
    if let [_, end, start] = words[..] {
        doc["status"] = json!({ "conditions": [{ "type": end, "status": "True" }], "startTime": today(start) });
        if end == "Complete" {
            doc["status"]["completionTime"] = today(start).into();
        }
    }
    ChildJob::new(object(doc))
}

fn show(step: &Step) -> String {
    let status = |status: &CronStatus| {
        let names: Vec<&str> = status.active.iter().filter_map(|job| job["name"].as_str()).collect();
        let last = status.last_schedule.map(|time| format!(" last={}", &time.to_string()[11..16])).unwrap_or_default();
        let success = status.last_success.map(|time| format!(" success={}", &time.to_string()[11..16])).unwrap_or_default();
        format!("active=[{}]{last}{success}", names.join(" "))
    };
    match step {
        Step::Say(_, reason, _) => format!("say {reason}"),
        Step::Delete(job) => format!("delete {}", job.meta.name),
        Step::Status(new) => format!("status {}", status(new)),
        Step::Start(job, new) => {
            let scheduled = &job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"];
            format!("start for {} {}", scheduled.as_str().unwrap_or("?"), status(new))
        }
        Step::Again(wait) => format!("again {}", wait.as_millis()),
    }
}

/// An hourly cron job made at 09:30 that started its last job at 10:00, looked at at a time of the day.
fn check(spec: Doc, active: &[&str], jobs: &[&str], now: &str, expected: &[&str]) {
    let active: Vec<Doc> = active.iter().map(|name| json!({ "name": name, "uid": name })).collect();
    let mut doc = json!({ "metadata": { "name": "c", "namespace": "ns", "uid": "u", "creationTimestamp": today("09:30:00") },
        "spec": { "schedule": "0 * * * *", "concurrencyPolicy": "Allow", "jobTemplate": { "spec": {} } },
        "status": { "active": active, "lastScheduleTime": today("10:00:00") } });
    for (key, value) in spec.as_object().into_iter().flatten() {
        doc["spec"][key] = value.clone();
    }
    let jobs: Vec<ChildJob> = jobs.iter().map(|text| child(text)).collect();
    let gone = active.iter().filter_map(|job| job["uid"].as_str()).filter(|uid| !jobs.iter().any(|job| job.uid() == *uid));
    let missing = gone.map(str::to_owned).collect();
    let zone = match spec["timeZone"].as_str() {
        Some("Half/Past") => TimeZone::posix("<+0530>-5:30").map_err(|e| e.to_string()),
        name => zone::find(name.unwrap_or("")),
    };
    let seen = Seen { cron: CronJob::new(object(doc)), jobs, missing, zone };
    let shown: Vec<String> = plan(&seen, Time::parse(&today(now)).expect("a time")).iter().map(show).collect();
    assert_eq!(shown, expected, "{spec} at {now}");
}

#[test]
fn jobs_start_by_the_clock() {
    let hourly = || json!({});
    check(hourly(), &[], &[], "10:59:59", &["again 1100"]);
    check(hourly(), &[], &[], "11:00:00", &["again 3600100", "start for 2026-01-01T11:00:00Z active=[] last=11:00"]);
    check(hourly(), &[], &[], "13:10:00", &["again 3000100", "start for 2026-01-01T13:00:00Z active=[] last=13:00"]);
    check(json!({"suspend": true}), &[], &[], "11:00:00", &[]);
    check(json!({"schedule": "x"}), &[], &[], "11:00:00", &["say UnparseableSchedule"]);
    check(json!({"schedule": "0 0 31 2 *"}), &[], &[], "11:00:00", &["say InvalidSchedule"]);
    check(json!({"timeZone": "Nowhere/Atall"}), &[], &[], "11:00:00", &["say UnknownTimeZone"]);
    check(
        json!({"timeZone": "Half/Past"}),
        &[],
        &[],
        "10:30:00",
        &["again 3600100", "start for 2026-01-01T16:00:00+05:30 active=[] last=10:30"],
    );
    check(
        json!({"schedule": "* * * * *"}),
        &[],
        &[],
        "12:00:00",
        &["say TooManyMissedTimes", "again 60100", "start for 2026-01-01T12:00:00Z active=[] last=12:00"],
    );
}

#[test]
fn late_is_too_late() {
    check(
        json!({"startingDeadlineSeconds": 60}),
        &[],
        &[],
        "11:00:30",
        &["again 3570100", "start for 2026-01-01T11:00:00Z active=[] last=11:00"],
    );
    check(json!({"startingDeadlineSeconds": 60}), &[], &[], "11:02:00", &["again 3480100"]);
}

#[test]
fn jobs_meet_those_before_them() {
    let policy = |policy: &str| json!({ "concurrencyPolicy": policy });
    check(
        policy("Allow"),
        &["c-1"],
        &["c-1"],
        "11:00:00",
        &["again 3600100", "start for 2026-01-01T11:00:00Z active=[c-1] last=11:00"],
    );
    check(policy("Forbid"), &["c-1"], &["c-1"], "11:00:00", &["say JobAlreadyActive", "again 3600100"]);
    check(
        policy("Forbid"),
        &[],
        &["c-1 Complete 10:00:00"],
        "11:00:00",
        &[
            "again 3600100",
            "status active=[] last=10:00 success=10:00",
            "start for 2026-01-01T11:00:00Z active=[] last=11:00 success=10:00",
        ],
    );
    check(
        policy("Replace"),
        &["c-1"],
        &["c-1"],
        "11:00:00",
        &["delete c-1", "again 3600100", "status active=[] last=10:00", "start for 2026-01-01T11:00:00Z active=[] last=11:00"],
    );
    // Started for this time already, before a crash or by this very pass.
    let name = "c-29454420";
    check(policy("Allow"), &[name], &[name], "11:00:00", &["again 3600100"]);
}

#[test]
fn ends_are_seen_and_history_is_kept_short() {
    check(
        json!({}),
        &["a", "b"],
        &["a Complete 10:00:00", "b"],
        "10:30:00",
        &["say SawCompletedJob", "again 1800100", "status active=[b] last=10:00 success=10:00"],
    );
    check(
        json!({}),
        &["a"],
        &["a Failed 10:00:00"],
        "10:30:00",
        &["say SawCompletedJob", "again 1800100", "status active=[] last=10:00"],
    );
    check(json!({}), &["gone"], &[], "10:30:00", &["say MissingJob", "again 1800100", "status active=[] last=10:00"]);
    check(json!({}), &[], &["stranger"], "10:30:00", &["say UnexpectedJob", "again 1800100"]);
    let limits = json!({"successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 0});
    check(
        limits,
        &[],
        &["a Complete 08:00:00", "b Complete 07:00:00", "c Failed 09:00:00"],
        "10:30:00",
        &["delete b", "delete c", "again 1800100", "status active=[] last=10:00 success=08:00"],
    );
}
