//! The decision about one CronJob: `syncCronJob` of kubernetes `pkg/controller/cronjob/cronjob_controllerv2.go`.

use super::KIND;
use super::due::Timetable;
use super::view::{ChildJob, CronJob, CronStatus};
use crate::workloads::controller_reference;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meta::cron::Schedule;
use meta::{Doc, Object, Time};
use reconcile::EventType;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// All that a decision may look at.
pub(super) struct Seen {
    pub cron: CronJob,
    pub jobs: Vec<ChildJob>,
    /// UIDs that `status.active` names and that are gone.
    pub missing: HashSet<String>,
    pub zone: Result<TimeZone, String>,
}

/// In the order they are taken.
#[derive(Debug)]
pub(super) enum Step {
    Say(EventType, &'static str, String),
    Delete(Arc<Object>),
    Status(CronStatus),
    /// Creates the job, and adds it to this status.
    Start(Doc, CronStatus),
    Again(Duration),
}

struct Pass<'a> {
    seen: &'a Seen,
    now: Timestamp,
    status: CronStatus,
    steps: Vec<Step>,
}

pub(super) fn plan(seen: &Seen, now: Time) -> Vec<Step> {
    let mut pass = Pass { seen, now: now.0, status: seen.cron.status.clone(), steps: Vec::new() };
    pass.clean_up();
    pass.look_at_jobs();
    let start = if seen.cron.object.meta.is_deleting() { None } else { pass.start() };
    if pass.status != seen.cron.status {
        pass.steps.push(Step::Status(pass.status.clone()));
    }
    if let Some((job, scheduled)) = start {
        let status = CronStatus { last_schedule: Some(Time(scheduled)), ..pass.status };
        pass.steps.push(Step::Start(job, status));
    }
    pass.steps
}

impl<'a> Pass<'a> {
    fn say(&mut self, level: EventType, reason: &'static str, message: String) {
        self.steps.push(Step::Say(level, reason, message));
    }

    /// The oldest of what is finished, beyond the limits.
    fn clean_up(&mut self) {
        for (end, field) in [("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")] {
            let Some(limit) = self.seen.cron.limit(field) else { continue };
            let mut jobs: Vec<&ChildJob> = self.seen.jobs.iter().filter(|job| job.end.as_deref() == Some(end)).collect();
            jobs.sort_by_key(|job| (job.started.is_none(), job.started, job.name()));
            let surplus = jobs.len().saturating_sub(limit);
            jobs.into_iter().take(surplus).for_each(|job| self.delete(job));
        }
    }

    fn delete(&mut self, job: &ChildJob) {
        if !job.object.meta.is_deleting() {
            self.steps.push(Step::Delete(job.object.clone()));
        }
        self.status.forget(job.uid());
    }

    fn look_at_jobs(&mut self) {
        for job in &self.seen.jobs {
            let known = self.status.has(job.uid());
            match &job.end {
                None if !known => {
                    let message = format!("Saw a job that the controller did not create or forgot: {}", job.name());
                    self.say(EventType::Warning, "UnexpectedJob", message);
                }
                Some(end) if known => {
                    self.status.forget(job.uid());
                    let message = format!("Saw completed job: {}, condition: {end}", job.name());
                    self.say(EventType::Normal, "SawCompletedJob", message);
                }
                _ => {}
            }
            if job.end.as_deref() == Some("Complete") {
                self.status.last_success = self.status.last_success.max(job.completed);
            }
        }
        for uid in &self.seen.missing {
            let name = self.status.active.iter().find(|job| job["uid"] == **uid).map(|job| job["name"].clone());
            self.status.forget(uid);
            let message = format!("Active job went missing: {}", name.as_ref().and_then(Doc::as_str).unwrap_or(""));
            self.say(EventType::Normal, "MissingJob", message);
        }
    }

    /// The job to start now, and the time it is for.
    fn start(&mut self) -> Option<(Doc, Timestamp)> {
        let seen: &'a Seen = self.seen;
        let cron = &seen.cron;
        let zone = match &seen.zone {
            Ok(zone) => zone,
            Err(problem) => {
                let message = format!("invalid timeZone: {}: {problem}", cron.spec("timeZone"));
                self.say(EventType::Warning, "UnknownTimeZone", message);
                return None;
            }
        };
        if cron.spec("suspend") == true {
            return None;
        }
        let schedule = match Schedule::parse(cron.schedule()) {
            Ok(schedule) => schedule,
            Err(problem) => {
                let message = format!("unparseable schedule: {:?} : {problem}", cron.schedule());
                self.say(EventType::Warning, "UnparseableSchedule", message);
                return None;
            }
        };
        let table = Timetable { schedule: &schedule, zone };
        let scheduled = self.due(&table)?;
        let start = self.may_start(scheduled).then(|| (job(cron, scheduled, zone), scheduled));
        // Counted from the time that this pass has dealt with.
        let since = if start.is_some() { scheduled } else { cron.since()?.0 };
        self.steps.extend(table.wait(since, self.now).map(Step::Again));
        start
    }

    fn due(&mut self, table: &Timetable<'_>) -> Option<Timestamp> {
        let cron = &self.seen.cron;
        let since = cron.since()?.0;
        let due = match table.due(since, cron.spec("startingDeadlineSeconds").as_i64(), self.now) {
            Ok(due) => due,
            Err(problem) => {
                let message = format!("invalid schedule: {} : {problem}", cron.schedule());
                self.say(EventType::Warning, "InvalidSchedule", message);
                return None;
            }
        };
        if due.at.is_none() {
            self.steps.extend(table.wait(since, self.now).map(Step::Again));
        } else if due.missed_many() {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.say(EventType::Warning, "TooManyMissedTimes", message.into());
        }
        due.at
    }

    fn may_start(&mut self, scheduled: Timestamp) -> bool {
        let cron = &self.seen.cron;
        let late = self.now.duration_since(scheduled).as_secs();
        if cron.spec("startingDeadlineSeconds").as_i64().is_some_and(|deadline| late > deadline) {
            let message = format!("Missed scheduled time to start a job: {}", scheduled.strftime("%a, %d %b %Y %H:%M:%S +0000"));
            self.say(EventType::Warning, "MissSchedule", message);
            return false;
        }
        let name = job_name(cron, scheduled);
        if self.status.active.iter().any(|job| job["name"] == *name) || cron.status.last_schedule == Some(Time(scheduled)) {
            return false;
        }
        match cron.spec("concurrencyPolicy").as_str() {
            Some("Forbid") if !self.status.active.is_empty() => {
                let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.say(EventType::Normal, "JobAlreadyActive", message.into());
                false
            }
            Some("Replace") => {
                self.replace();
                true
            }
            _ => true,
        }
    }

    fn replace(&mut self) {
        let seen: &'a Seen = self.seen;
        let running: Vec<&ChildJob> = seen.jobs.iter().filter(|job| self.status.has(job.uid())).collect();
        running.into_iter().for_each(|job| self.delete(job));
    }
}

/// The same for the same time, so that no time gets two.
fn job_name(cron: &CronJob, scheduled: Timestamp) -> String {
    format!("{}-{}", cron.object.meta.name, scheduled.as_second() / 60)
}

fn job(cron: &CronJob, scheduled: Timestamp, zone: &TimeZone) -> Doc {
    let template = cron.spec("jobTemplate");
    let mut metadata =
        json!({ "name": job_name(cron, scheduled), "ownerReferences": [controller_reference(&cron.object, KIND)] });
    for field in ["labels", "annotations"] {
        if !template["metadata"][field].is_null() {
            metadata[field] = template["metadata"][field].clone();
        }
    }
    let local = scheduled.to_zoned(zone.clone());
    let offset = if local.offset().is_zero() { "Z".to_owned() } else { local.strftime("%:z").to_string() };
    metadata["annotations"][SCHEDULED] = format!("{}{offset}", local.strftime("%Y-%m-%dT%H:%M:%S")).into();
    json!({ "metadata": metadata, "spec": template["spec"] })
}
