//! Starts jobs by the clock. Promise: at most one job for each time of a schedule.

mod due;
mod plan;
#[cfg(test)]
mod tests;
mod view;
mod zone;

use crate::context::Cx;
use crate::job;
use crate::workloads::{Events, Kind, StatusWriter};
use client::{Client, DeleteOptions, Preconditions, Propagation, Resource};
use due::Timetable;
use meta::cron::Schedule;
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Status};
use plan::{Seen, Step, plan};
use reconcile::{Controller, Error, Informer, Next, ObjectChange, ObjectKey};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use view::{ChildJob, CronJob, CronStatus};

pub(crate) const NAME: &str = "cronjob-controller";
const KIND: Kind = Kind { resource: Resource::new("batch", "v1", "cronjobs"), api_version: "batch/v1", kind: "CronJob" };
const JOBS: Resource = job::KIND.resource;
/// Jobs by the UID of what controls them.
const BY_CONTROLLER: &str = "by-controller";
const WORKERS: usize = 5;

/// Woken by cron jobs, by their jobs, and when the next time comes.
pub(crate) fn start(cx: &Cx) {
    let (crons, jobs) = (cx.informers.get(KIND.resource), cx.informers.get(JOBS));
    jobs.add_index(BY_CONTROLLER, |job| job.meta.controller().map(|owner| owner.uid.clone()).into_iter().collect());
    let clock = cx.context.clock.clone();
    let pass = Arc::new(Pass {
        client: cx.client(NAME),
        events: Events::new(cx, NAME, KIND),
        status: StatusWriter::new(cx, NAME, KIND.resource),
        crons: crons.clone(),
        jobs: jobs.clone(),
        clock: clock.clone(),
        stop: cx.context.runtime.stop.clone(),
    });
    let controller = Controller::new(NAME, &cx.context.runtime);
    let queue = controller.queue().clone();
    controller
        .watches(&crons, move |change| {
            let key = ObjectKey::of(change.object());
            match wait_after_change(change, &clock) {
                None => Some(key),
                Some(wait) => {
                    queue.add_after(key, wait);
                    None
                }
            }
        })
        .watches(&jobs, |change| {
            let owner = change.object().meta.controller().filter(|owner| owner.kind == KIND.kind);
            owner.map(|owner| ObjectKey::new(&*change.object().meta.namespace, &*owner.name))
        })
        .run(WORKERS, move |key: ObjectKey| {
            let pass = pass.clone();
            async move { pass.reconcile(&key).await }
        });
}

/// A changed schedule begins with its next time: the times that it would have had are not made up for.
fn wait_after_change(change: &ObjectChange, clock: &SharedClock) -> Option<Duration> {
    let (old, new) = (change.old.as_ref()?, change.new.as_ref()?);
    let cron = CronJob::new(new.clone());
    let before = old.get("/spec");
    if before["schedule"] == *cron.spec("schedule") && before["timeZone"] == *cron.spec("timeZone") {
        return None;
    }
    // What cannot be read is said at once.
    let schedule = Schedule::parse(cron.schedule()).ok()?;
    let zone = zone::find(cron.spec("timeZone").as_str().unwrap_or("")).ok()?;
    Timetable { schedule: &schedule, zone: &zone }.wait(cron.since()?.0, clock.now().0)
}

struct Pass {
    client: Client,
    events: Events,
    status: StatusWriter,
    crons: Arc<Informer>,
    jobs: Arc<Informer>,
    clock: SharedClock,
    stop: CancellationToken,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let Some(cron) = self.crons.get(&key.namespace, &key.name) else { return Ok(Next::OnChange) };
        let seen = self.observe(CronJob::new(cron)).await?;
        let mut current = seen.cron.object.clone();
        let mut next = None;
        for step in plan(&seen, self.clock.now()) {
            match step {
                Step::Say(level, reason, message) => self.events.say(&current, level, reason, message),
                Step::Delete(job) => self.delete(&current, &job).await?,
                Step::Status(status) => current = self.write_status(&current, &status).await?,
                Step::Start(job, status) => self.start(&current, job, status).await?,
                Step::Again(wait) => next = Some(wait),
            }
        }
        Ok(next.map_or(Next::OnChange, Next::After))
    }

    async fn observe(&self, cron: CronJob) -> Result<Seen, Error> {
        let jobs: Vec<ChildJob> =
            self.jobs.indexed(BY_CONTROLLER, &cron.object.meta.uid).into_iter().map(ChildJob::new).collect();
        let mut missing = HashSet::new();
        for reference in &cron.status.active {
            let (uid, name) = (reference["uid"].as_str().unwrap_or(""), reference["name"].as_str().unwrap_or(""));
            let known = jobs.iter().any(|job| job.uid() == uid);
            // The cache may not have it yet.
            if !known && self.client.find(JOBS, &cron.object.meta.namespace, name).await?.is_none_or(|job| job.meta.uid != uid) {
                missing.insert(uid.to_owned());
            }
        }
        let zone = zone::find(cron.spec("timeZone").as_str().unwrap_or(""));
        Ok(Seen { cron, jobs, missing, zone })
    }

    async fn delete(&self, cron: &Arc<Object>, job: &Object) -> Result<(), Status> {
        let preconditions = Preconditions { uid: Some(job.meta.uid.clone()), ..Preconditions::default() };
        let options = DeleteOptions { propagation: Some(Propagation::Background), preconditions, ..DeleteOptions::default() };
        match self.client.delete(JOBS, &job.meta.namespace, &job.meta.name, options).await {
            Ok(_) => self.events.normal(cron, "SuccessfulDelete", format!("Deleted job {}", job.meta.name)),
            Err(status) if matches!(status.reason, Reason::NotFound | Reason::Conflict) => {}
            Err(status) => {
                self.events.warning(cron, "FailedDelete", format!("Deleted job: {status}"));
                return Err(status);
            }
        }
        Ok(())
    }

    /// The job first, then the word of it: after a crash in between the name is taken, by a job of ours.
    async fn start(&self, cron: &Arc<Object>, job: Doc, mut status: CronStatus) -> Result<(), Status> {
        let (namespace, name) = (&cron.meta.namespace, job["metadata"]["name"].as_str().unwrap_or("").to_owned());
        let job = match self.client.create(JOBS, namespace, job).await {
            Ok(job) => {
                self.events.normal(cron, "SuccessfulCreate", format!("Created job {name}"));
                job
            }
            Err(refusal) if refusal.reason == Reason::AlreadyExists => {
                let job = self.client.get(JOBS, namespace, &name).await?;
                if job.meta.controller().is_none_or(|owner| owner.uid != cron.meta.uid) {
                    return Ok(());
                }
                job
            }
            Err(refusal) => {
                self.events.warning(cron, "FailedCreate", format!("Error creating job: {refusal}"));
                return Err(refusal);
            }
        };
        self.stop.run_until_cancelled(self.jobs.reached(job.revision)).await;
        status.active.push(json!({
            "apiVersion": job::KIND.api_version, "kind": job::KIND.kind, "namespace": namespace, "name": name,
            "uid": job.meta.uid, "resourceVersion": job.resource_version(),
        }));
        self.write_status(cron, &status).await.map(drop)
    }

    async fn write_status(&self, cron: &Arc<Object>, status: &CronStatus) -> Result<Arc<Object>, Status> {
        let mut doc = cron.to_doc();
        doc["status"] = status.to_doc();
        self.status.write(cron, doc).await
    }
}
