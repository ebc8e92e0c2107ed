//! One pass: observe, claim, plan, carry out, tell.

use super::plan::{Seen, Step, plan};
use super::status::{Failure, next_available_in, status};
use super::{BY_CONTROLLER, Keeper};
use crate::workloads::{Claimant, Expectations, PODS, Pod, claim, pod_from_template, slow_start};
use futures::future::join_all;
use meta::{Doc, Object, Reason, Status};
use reconcile::{Error, Next, ObjectKey};
use std::sync::Arc;
use std::time::Duration;

impl Keeper {
    pub async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let Some(set) = self.sets.get(&key.namespace, &key.name) else { return Ok(Next::OnChange) };
        let Some(seen) = self.observe(set).await? else { return Ok(Next::OnChange) };
        let managed = self.manage(&seen, plan(&seen, self.clock.now())).await;
        let now = self.clock.now();
        if let Some(status) = status(&seen, managed.as_ref().err().map(|(failure, _)| failure), now) {
            self.tell(&seen, status).await?;
        }
        managed.map_err(|(_, status)| status)?;
        Ok(next_available_in(&seen, now).map_or(Next::OnChange, |seconds| Next::After(Duration::from_secs(seconds))))
    }

    async fn observe(&self, set: Arc<Object>) -> Result<Option<Seen>, Error> {
        let Some(selector) = (self.selector_of)(&set) else { return Ok(None) };
        let (leaving, staying): (Vec<_>, Vec<_>) =
            self.pods.claimable(&set).into_iter().filter(|pod| !pod.is_finished()).partition(|pod| pod.is_terminating());
        let terminating = claim(&set.meta, &selector, leaving).owned.len();
        let claimant = Claimant { client: &self.client, owner: &set, kind: self.kind, dependents: PODS };
        let claimed = claimant.carry_out(claim(&set.meta, &selector, staying)).await?;
        self.until_seen(claimed.revision).await;
        let doc = set.to_doc();
        let mut seen = Seen { set, doc, active: claimed.owned, terminating, related: Vec::new() };
        if seen.active.len() > seen.replicas() {
            seen.related = self.related(&seen);
        }
        Ok(Some(seen))
    }

    fn related(&self, seen: &Seen) -> Vec<Arc<Pod>> {
        let Some(controller) = seen.set.meta.controller() else { return seen.active.clone() };
        let siblings = self.sets.indexed(BY_CONTROLLER, &controller.uid);
        siblings.iter().flat_map(|set| self.pods.owned_by(&set.meta.uid)).collect()
    }

    async fn until_seen(&self, revision: u64) {
        let mut expectations = Expectations::default();
        expectations.written(revision);
        expectations.met(&self.pods.informer, &self.stop).await;
    }

    async fn manage(&self, seen: &Seen, step: Step) -> Result<(), (Failure, Status)> {
        let (reason, outcome) = match step {
            Step::Leave => return Ok(()),
            Step::Create(count) => ("FailedCreate", self.create(seen, count).await),
            Step::Delete(pods) => ("FailedDelete", self.delete(seen, pods).await),
        };
        outcome.map_err(|status| (Failure { reason, message: status.message.clone() }, status))
    }

    async fn create(&self, seen: &Seen, count: usize) -> Result<(), Status> {
        let pod: Doc = pod_from_template(&seen.doc["spec"]["template"], &seen.set, self.kind);
        let (created, failed) = slow_start(count, |_| self.control.create(&seen.set, pod.clone())).await;
        self.until_seen(created.iter().flatten().map(|pod| pod.revision).max().unwrap_or(0)).await;
        failed.map_or(Ok(()), Err)
    }

    async fn delete(&self, seen: &Seen, pods: Vec<Arc<Pod>>) -> Result<(), Status> {
        let outcomes = join_all(pods.iter().map(|pod| self.control.delete(&seen.set, pod))).await;
        let mut expectations = Expectations::default();
        let (mut failed, deleted) = (None, pods.iter().zip(outcomes));
        for (pod, outcome) in deleted {
            match outcome {
                Ok(()) => expectations.deleted(&pod.object),
                Err(status) => failed = failed.or(Some(status)),
            }
        }
        expectations.met(&self.pods.informer, &self.stop).await;
        failed.map_or(Ok(()), Err)
    }

    /// The role allows no patch. The document carries the resourceVersion that it was read at.
    async fn tell(&self, seen: &Seen, status: Doc) -> Result<(), Error> {
        let mut doc = seen.doc.clone();
        doc["status"] = status;
        let meta = &seen.set.meta;
        match self.client.update_subresource(self.kind.resource, &meta.namespace, &meta.name, "status", doc).await {
            Ok(told) => {
                let mut expectations = Expectations::default();
                expectations.written(told.revision);
                expectations.met(&self.sets, &self.stop).await;
                Ok(())
            }
            Err(status) if status.reason == Reason::NotFound => Ok(()),
            Err(status) => Err(status.into()),
        }
    }
}
