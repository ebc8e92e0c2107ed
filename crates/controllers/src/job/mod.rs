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
use crate::workloads::{Claimant, Events, Expectations, Kind, Owners, PODS, Pod, PodControl, Pods, StatusWriter, selector_of};
use client::Resource;
use futures::future::join_all;
use left_behind::LeftBehind;
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Status};
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
    let owners = Owners::follow(KIND.kind, &jobs, selector_of);
    let events = Events::new(cx, NAME, KIND);
    let pods = cx.pods.clone();
    let pass = Arc::new(Pass {
        control: PodControl { client: cx.client(NAME), events },
        status: StatusWriter::new(cx, NAME, KIND.resource),
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

struct Pass {
    control: PodControl,
    status: StatusWriter,
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
        let Some(selector) = selector_of(job) else { return Ok(Vec::new()) };
        let (cache, stop) = (&self.pods.informer, &self.stop);
        let claimant = Claimant { client: &self.control.client, owner: job, kind: KIND, dependents: PODS, cache, stop };
        claimant.claim(&selector, self.pods.claimable(job)).await
    }

    /// Makes and deletes pods, and waits until the cache shows it.
    async fn act(&self, job: &Job, steps: &[Step]) -> Result<(), Error> {
        let mut done = Expectations::default();
        let mut outcome = Ok(());
        for step in steps {
            outcome = match step {
                Step::Discard(pods) => self.discard(job, pods, &mut done).await,
                Step::Delete(pods) => self.control.delete_all(&job.object, pods, &mut done).await,
                Step::Create(pods) => {
                    let pod = |at: usize| pods[at].doc(&job.object);
                    self.control.create_all(&job.object, pods.len(), pod, &mut done).await
                }
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
                Step::Status(status) => self.status.replace(&job.object, &job.doc, status.to_doc()).await?,
                Step::Untrack(pods) => self.untrack(&pods).await?,
                Step::Say(level, reason, message) => self.control.events.say(&job.object, level, reason, message),
                Step::Again(seconds) => next = Some(next.unwrap_or(seconds).min(seconds)),
                Step::Discard(_) | Step::Delete(_) | Step::Create(_) | Step::Track(_) => {}
            }
        }
        let delay = |seconds: i64| Next::After(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        Ok(next.map_or(Next::OnChange, delay))
    }

    async fn discard(&self, job: &Job, pods: &[Arc<Pod>], done: &mut Expectations) -> Result<(), Status> {
        self.untrack(pods).await?;
        self.control.delete_all(&job.object, pods, done).await
    }

    async fn untrack(&self, pods: &[Arc<Pod>]) -> Result<(), Status> {
        self.patch_all(pods, json!({ "$deleteFromPrimitiveList/finalizers": [TRACKING_FINALIZER] })).await
    }

    /// Patches the metadata of each pod. One that is gone, or another by now, needs nothing.
    async fn patch_all(&self, pods: &[Arc<Pod>], metadata: Doc) -> Result<(), Status> {
        let patches = pods.iter().map(|pod| {
            let mut metadata = metadata.clone();
            metadata["uid"] = pod.uid().into();
            let patch = json!({ "metadata": metadata });
            self.control.client.patch_strategic(PODS, &pod.object.meta.namespace, pod.name(), "", patch)
        });
        let mut written = Expectations::default();
        let mut failed = None;
        for outcome in join_all(patches).await {
            match outcome {
                Ok(patched) => written.written(patched.revision),
                Err(status) if matches!(status.reason, Reason::NotFound | Reason::Conflict | Reason::Invalid) => {}
                Err(status) => failed = Some(status),
            }
        }
        written.met(&self.pods.informer, &self.stop).await;
        failed.map_or(Ok(()), Err)
    }
}
