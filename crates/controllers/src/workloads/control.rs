//! Creates and deletes pods for an owner, and says so (`RealPodControl` of kubernetes `pkg/controller/controller_utils.go`).

use super::pods::PODS;
use super::{Events, Expectations, Pod, slow_start};
use client::{Client, DeleteOptions, Preconditions};
use futures::future::join_all;
use meta::{Doc, Object, Reason, Status};
use std::sync::Arc;

pub(crate) struct PodControl {
    pub client: Client,
    pub events: Events,
}

impl PodControl {
    /// Creates the pod. None: the namespace is going away, and there is nothing more to do in it.
    pub async fn create(&self, owner: &Arc<Object>, pod: Doc) -> Result<Option<Arc<Object>>, Status> {
        match self.client.create(PODS, &owner.meta.namespace, pod).await {
            Ok(created) => {
                self.events.normal(owner, "SuccessfulCreate", format!("Created pod: {}", created.meta.name));
                Ok(Some(created))
            }
            Err(status) if status.is_namespace_terminating() => Ok(None),
            Err(status) => {
                self.events.warning(owner, "FailedCreate", format!("Error creating: {status}"));
                Err(status)
            }
        }
    }

    /// Creates as many, a few at a time. A batch with a failure is the last.
    pub async fn create_all(
        &self,
        owner: &Arc<Object>,
        count: usize,
        pod: impl Fn(usize) -> Doc,
        done: &mut Expectations,
    ) -> Result<(), Status> {
        let (created, failed) = slow_start(count, |at| self.create(owner, pod(at))).await;
        created.into_iter().flatten().for_each(|pod| done.written(pod.revision));
        failed.map_or(Ok(()), Err)
    }

    /// Deletes all of them at once, and reports the first failure.
    pub async fn delete_all(&self, owner: &Arc<Object>, pods: &[Arc<Pod>], done: &mut Expectations) -> Result<(), Status> {
        let deletions = join_all(pods.iter().map(|pod| self.delete(owner, pod))).await;
        let deleted = pods.iter().zip(&deletions).filter(|(_, outcome)| outcome.is_ok());
        deleted.for_each(|(pod, _)| done.deleted(&pod.object));
        deletions.into_iter().collect()
    }

    /// Deletes this very pod. One that is gone already is as good.
    pub async fn delete(&self, owner: &Arc<Object>, pod: &Pod) -> Result<(), Status> {
        let preconditions = Preconditions { uid: Some(pod.uid().to_owned()), ..Preconditions::default() };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        match self.client.delete(PODS, &owner.meta.namespace, pod.name(), options).await {
            Ok(_) => {
                self.events.normal(owner, "SuccessfulDelete", format!("Deleted pod: {}", pod.name()));
                Ok(())
            }
            Err(status) if matches!(status.reason, Reason::NotFound | Reason::Conflict) => Ok(()),
            Err(status) => {
                self.events.warning(owner, "FailedDelete", format!("Error deleting: {status}"));
                Err(status)
            }
        }
    }
}
