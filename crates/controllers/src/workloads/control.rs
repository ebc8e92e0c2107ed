//! Creates and deletes pods for an owner, and says so (`RealPodControl` of kubernetes `pkg/controller/controller_utils.go`).

use super::pods::PODS;
use super::{Events, Pod};
use client::{Client, DeleteOptions, Preconditions};
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
