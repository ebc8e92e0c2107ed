//! Runs pods to completion. Promise: every pod's end is counted once, and no job has more pods than it asks for.

mod backoff;
mod ending;
mod failure_policy;
mod indexes;
mod left_behind;
mod manage;
mod plan;
mod pod;
mod status;
mod tally;
mod template;
#[cfg(test)]
mod tests;
mod track;
mod view;

use crate::context::Cx;
use crate::workloads::{
    Claimant, Events, Expectations, Kind, Owners, PODS, Pod, PodControl, Pods, claim, pod_from_template, slow_start,
};
use client::{Body, Call, Client, PatchKind, ReplyBody, Resource, Verb};
use futures::future::join_all;
use left_behind::LeftBehind;
use meta::time::SharedClock;
use meta::{Doc, LabelSelector, Object, Reason, Status};
use plan::{Seen, Step, plan};
use pod::{JobPod, TRACKING_FINALIZER};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use view::Job;

pub(crate) const NAME: &str = "job-controller";
pub(crate) const KIND: Kind = Kind { resource: Resource::new("batch", "v1", "jobs"), api_version: "batch/v1", kind: "Job" };
/// Jobs looked at at a time.
const WORKERS: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Job(ObjectKey),
    /// A pod that a job left its finalizer on.
    LeftBehind(ObjectKey),
}

/// Woken by jobs, their pods and orphans that a job's selector matches.
pub(crate) fn start(cx: &Cx) {
    let jobs = cx.informers.get(KIND.resource);
    let owners = Owners::follow(KIND.kind, &jobs, selector);
    let events = Events::new(cx, NAME, KIND);
    let pods = cx.pods.clone();
    let pass = Arc::new(Pass {
        control: PodControl { client: cx.client(NAME), events },
        left_behind: LeftBehind::new(&pods.informer, jobs.clone()),
        jobs: jobs.clone(),
        pods: pods.clone(),
        clock: cx.context.clock.clone(),
        stop: cx.context.runtime.stop.clone(),
    });
    Controller::new(NAME, &cx.context.runtime)
        .watches(&jobs, |change| [Key::Job(ObjectKey::of(change.object()))])
        .watches(&pods.informer, move |change| {
            let left = change.new.as_ref().filter(|pod| LeftBehind::may_be(pod)).map(|pod| Key::LeftBehind(ObjectKey::of(pod)));
            owners.keys(change).into_iter().map(Key::Job).chain(left).collect::<Vec<Key>>()
        })
        .run(WORKERS, move |key: Key| {
            let pass = pass.clone();
            async move { pass.reconcile(&key).await }
        });
}

fn selector(job: &Object) -> Option<LabelSelector> {
    // One that cannot be read selects nothing.
    LabelSelector::from_doc(&job.get("/spec/selector")).ok().flatten()
}

struct Pass {
    control: PodControl,
    left_behind: LeftBehind,
    jobs: Arc<Informer>,
    pods: Arc<Pods>,
    clock: SharedClock,
    stop: CancellationToken,
}

impl Pass {
    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        match key {
            Key::Job(key) => self.sync(key).await,
            Key::LeftBehind(key) => {
                self.untrack(self.left_behind.pod(key).as_slice()).await?;
                Ok(Next::OnChange)
            }
        }
    }

    async fn sync(&self, key: &ObjectKey) -> Result<Next, Error> {
        let job = self.jobs.get(&key.namespace, &key.name);
        self.untrack(&self.left_behind.by_predecessors(key, job.as_deref())).await?;
        let Some(job) = job else { return Ok(Next::OnChange) };
        let pods = self.claim(&job).await?;
        let mut seen = Seen { job: Job::new(job), pods: pods.into_iter().map(JobPod::new).collect(), settled: true };
        let steps = plan(&seen, self.clock.now());
        let Err(failure) = self.act(&seen.job, &steps).await else { return self.record(&seen.job, steps).await };
        // What cannot be made must not keep what has ended from being counted.
        seen.settled = false;
        self.record(&seen.job, plan(&seen, self.clock.now())).await?;
        Err(failure)
    }

    async fn claim(&self, job: &Arc<Object>) -> Result<Vec<Arc<Pod>>, Error> {
        let Some(selector) = selector(job) else { return Ok(Vec::new()) };
        let claims = claim(&job.meta, &selector, self.pods.claimable(job));
        let claimant = Claimant { client: &self.control.client, owner: job, kind: KIND, dependents: PODS };
        let claimed = claimant.carry_out(claims).await?;
        let mut written = Expectations::default();
        written.written(claimed.revision);
        written.met(&self.pods.informer, &self.stop).await;
        Ok(claimed.owned)
    }

    /// Makes and deletes pods, and waits until the cache shows it.
    async fn act(&self, job: &Job, steps: &[Step]) -> Result<(), Error> {
        let mut done = Expectations::default();
        let mut outcome = Ok(());
        for step in steps {
            outcome = match step {
                Step::Discard(pods) => self.discard(job, pods, &mut done).await,
                Step::Delete(pods) => self.delete(job, pods, &mut done).await,
                Step::Create(pods) => self.create(job, pods, &mut done).await,
                Step::Track(pods) => self.patch_all(pods, json!({ "finalizers": [TRACKING_FINALIZER] })).await,
                _ => Ok(()),
            };
            if outcome.is_err() {
                break;
            }
        }
        done.met(&self.pods.informer, &self.stop).await;
        Ok(outcome?)
    }

    /// Writes status, then lets go of what it has, then speaks.
    async fn record(&self, job: &Job, steps: Vec<Step>) -> Result<Next, Error> {
        let mut next = None;
        for step in steps {
            match step {
                Step::Status(status) => self.write_status(job, status.to_doc()).await?,
                Step::Untrack(pods) => self.untrack(&pods).await?,
                Step::Say(level, reason, message) => self.control.events.say(&job.object, level, reason, message),
                Step::Again(seconds) => next = Some(next.unwrap_or(seconds).min(seconds)),
                Step::Discard(_) | Step::Delete(_) | Step::Create(_) | Step::Track(_) => {}
            }
        }
        let delay = |seconds: i64| Next::After(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        Ok(next.map_or(Next::OnChange, delay))
    }

    async fn create(&self, job: &Job, pods: &[template::NewPod], done: &mut Expectations) -> Result<(), Status> {
        let (created, failed) = slow_start(pods.len(), |at| {
            let mut pod = pod_from_template(&pods[at].template, &job.object, KIND);
            pod["metadata"]["generateName"] = pods[at].generate_name.as_str().into();
            self.control.create(&job.object, pod)
        })
        .await;
        created.into_iter().flatten().for_each(|pod| done.written(pod.revision));
        failed.map_or(Ok(()), Err)
    }

    async fn delete(&self, job: &Job, pods: &[Arc<Pod>], done: &mut Expectations) -> Result<(), Status> {
        let deletions = join_all(pods.iter().map(|pod| self.control.delete(&job.object, pod))).await;
        for (pod, outcome) in pods.iter().zip(&deletions) {
            if outcome.is_ok() {
                done.deleted(&pod.object);
            }
        }
        deletions.into_iter().collect()
    }

    async fn discard(&self, job: &Job, pods: &[Arc<Pod>], done: &mut Expectations) -> Result<(), Status> {
        self.untrack(pods).await?;
        self.delete(job, pods, done).await
    }

    async fn untrack(&self, pods: &[Arc<Pod>]) -> Result<(), Status> {
        self.patch_all(pods, json!({ "$deleteFromPrimitiveList/finalizers": [TRACKING_FINALIZER] })).await
    }

    /// Patches the metadata of each pod. One that is gone, or another by now, needs nothing.
    async fn patch_all(&self, pods: &[Arc<Pod>], metadata: Doc) -> Result<(), Status> {
        let patches = pods.iter().map(|pod| {
            let mut metadata = metadata.clone();
            metadata["uid"] = pod.uid().into();
            strategic_patch(&self.control.client, &pod.object, json!({ "metadata": metadata }))
        });
        let mut written = Expectations::default();
        let mut failed = None;
        for outcome in join_all(patches).await {
            match outcome {
                Ok(revision) => written.written(revision),
                Err(status) if matches!(status.reason, Reason::NotFound | Reason::Conflict | Reason::Invalid) => {}
                Err(status) => failed = Some(status),
            }
        }
        written.met(&self.pods.informer, &self.stop).await;
        failed.map_or(Ok(()), Err)
    }

    async fn write_status(&self, job: &Job, status: Doc) -> Result<(), Status> {
        let meta = &job.object.meta;
        let mut doc = job.doc.clone();
        doc["status"] = status;
        // The role allows no patch. The document carries the resourceVersion it was read at.
        let client = &self.control.client;
        match client.update_subresource(KIND.resource, &meta.namespace, &meta.name, "status", doc).await {
            Ok(updated) => {
                self.stop.run_until_cancelled(self.jobs.reached(updated.revision)).await;
                Ok(())
            }
            Err(status) if status.reason == Reason::NotFound => Ok(()),
            Err(status) => Err(status),
        }
    }
}

async fn strategic_patch(client: &Client, object: &Object, patch: Doc) -> Result<u64, Status> {
    let mut call = Call::new(Verb::Patch, PODS.gvr(), &object.meta.namespace, &object.meta.name);
    call.body = Body::Patch(PatchKind::Strategic, patch);
    match client.call(call).await?.body {
        ReplyBody::Object(object) => Ok(object.revision),
        _ => Err(Status::internal("a patch was answered with something else than the object")),
    }
}
