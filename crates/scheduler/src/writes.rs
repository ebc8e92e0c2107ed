//! What the scheduler writes: bindings, conditions of pods that fit nowhere, and events.

use crate::inbox::{Inbox, News};
use crate::model::Pod;
use crate::plugins::default_binder;
use client::{Body, Call, Client, PatchKind, Resource, Verb};
use meta::time::SharedClock;
use meta::{Doc, Reason, Status};
use reconcile::{EventType, Recorder, Runtime};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub const PODS: Resource = Resource::new("", "v1", "pods");
pub const COMPONENT: &str = "default-scheduler";
/// How many writes are under way at most; the loop pauses before it decides more.
const MOST_WRITES: usize = 1024;
/// How many events are; further ones are dropped, as client-go's broadcaster does.
const MOST_EVENTS: usize = 1000;

#[derive(Clone)]
pub struct Writes {
    pub client: Client,
    recorder: Arc<Recorder>,
    clock: SharedClock,
    runtime: Runtime,
    inbox: Arc<Inbox>,
    writes: Arc<Semaphore>,
    events: Arc<Semaphore>,
}

/// The right to one write.
pub type Permit = OwnedSemaphorePermit;

/// What to say about a pod that was not placed.
pub struct Failure {
    pub reason: &'static str,
    pub message: String,
    /// None: leave it. Empty: it is nominated to no node.
    pub nominated: Option<String>,
}

impl Writes {
    pub fn new(client: Client, clock: SharedClock, runtime: Runtime, inbox: Arc<Inbox>) -> Self {
        let recorder = Arc::new(Recorder::new(client.clone(), COMPONENT, clock.clone()));
        let (writes, events) = (Arc::new(Semaphore::new(MOST_WRITES)), Arc::new(Semaphore::new(MOST_EVENTS)));
        Self { client, recorder, clock, runtime, inbox, writes, events }
    }

    pub async fn permit(&self) -> Permit {
        self.writes.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    pub fn try_permit(&self) -> Option<Permit> {
        self.writes.clone().try_acquire_owned().ok() // none is left: that is the answer
    }

    /// Binds without making the loop wait; the inbox hears what came of it.
    pub fn bind(&self, pod: Arc<Pod>, node: String, permit: Permit) {
        let this = self.clone();
        self.runtime.tasks.spawn(async move {
            let outcome = default_binder::bind(&this.client, &pod, &node).await;
            let bound = outcome.is_ok();
            this.inbox.put(News::Bound(pod.uid().into(), outcome));
            drop(permit);
            if bound {
                let message = format!("Successfully assigned {}/{} to {node}", pod.namespace(), pod.name());
                this.say(&pod, EventType::Normal, "Scheduled", &message).await;
            }
        });
    }

    /// Says on the pod, and in an event, why it was not placed.
    pub fn fail(&self, pod: Arc<Pod>, failure: Failure, permit: Permit) {
        let this = self.clone();
        self.runtime.tasks.spawn(async move {
            this.say(&pod, EventType::Warning, "FailedScheduling", &failure.message).await;
            if let Some(status) = this.status(&pod, &failure) {
                this.patch_status(&pod, status).await;
            }
            drop(permit);
        });
    }

    /// An event, unless too many are under way.
    pub async fn say(&self, pod: &Pod, level: EventType, reason: &str, message: &str) {
        let Ok(_permit) = self.events.try_acquire() else { return };
        if let Err(error) = self.recorder.record(pod.object(), ("v1", "Pod"), level, reason, message).await {
            tracing::debug!(pod = pod.name(), %error, "an event was not recorded");
        }
    }

    /// The status to write. None: the pod says so already.
    fn status(&self, pod: &Pod, failure: &Failure) -> Option<Doc> {
        let mut status = json!({});
        let known = pod.scheduled.as_ref();
        let said = known.is_some_and(|c| c.status == "False" && c.reason == failure.reason && c.message == failure.message);
        if !said {
            let since = known.filter(|c| c.status == "False").map(|c| c.last_transition_time.clone());
            status["conditions"] = json!([{
                "type": "PodScheduled", "status": "False", "reason": failure.reason, "message": failure.message,
                "lastProbeTime": null, "lastTransitionTime": since.unwrap_or_else(|| self.clock.now().to_string()),
            }]);
        }
        if let Some(node) = failure.nominated.as_ref().filter(|node| **node != pod.nominated_node) {
            status["nominatedNodeName"] = if node.is_empty() { Doc::Null } else { node.as_str().into() };
        }
        status.as_object().is_some_and(|status| !status.is_empty()).then_some(status)
    }

    /// Merges into the pod's status: conditions by their type.
    pub async fn patch_status(&self, pod: &Pod, status: Doc) {
        if let Err(error) = self.try_patch_status(pod, status).await {
            tracing::debug!(pod = pod.name(), %error, "a pod's status was not written");
        }
    }

    pub async fn try_patch_status(&self, pod: &Pod, status: Doc) -> Result<(), Status> {
        let mut call = Call::new(Verb::Patch, PODS.gvr(), pod.namespace(), pod.name()).subresource("status");
        call.body = Body::Patch(PatchKind::Strategic, json!({ "metadata": { "uid": pod.uid() }, "status": status }));
        match self.client.call(call).await {
            Err(status) if status.reason != Reason::NotFound => Err(status),
            _ => Ok(()),
        }
    }
}
