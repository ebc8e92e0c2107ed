//! One pass: observe, claim, plan, carry out, tell.

use super::plan::{Seen, Step, plan};
use super::status::{Failure, next_available_in, status};
use super::{BY_CONTROLLER, Keeper};
use crate::workloads::{Claimant, Expectations, PODS, Pod, claim, pod_from_template};
use meta::{Doc, Object, Status};
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
            self.status.replace(&seen.set, &seen.doc, status).await?;
        }
        managed.map_err(|(_, status)| status)?;
        Ok(next_available_in(&seen, now).map_or(Next::OnChange, |seconds| Next::After(Duration::from_secs(seconds))))
    }

    async fn observe(&self, set: Arc<Object>) -> Result<Option<Seen>, Error> {
        let Some(selector) = (self.selector_of)(&set) else { return Ok(None) };
        let (leaving, staying): (Vec<_>, Vec<_>) =
            self.pods.claimable(&set).into_iter().filter(|pod| !pod.is_finished()).partition(|pod| pod.is_terminating());
        let terminating = claim(&set.meta, &selector, leaving).owned.len();
        let (cache, stop) = (&self.pods.informer, &self.stop);
        let claimant = Claimant { client: &self.control.client, owner: &set, kind: self.kind, dependents: PODS, cache, stop };
        let active = claimant.claim(&selector, staying).await?;
        let doc = set.to_doc();
        let mut seen = Seen { set, doc, active, terminating, related: Vec::new() };
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

    async fn manage(&self, seen: &Seen, step: Step) -> Result<(), (Failure, Status)> {
        let mut done = Expectations::default();
        let (reason, outcome) = match step {
            Step::Leave => return Ok(()),
            Step::Create(count) => ("FailedCreate", self.create(seen, count, &mut done).await),
            Step::Delete(pods) => ("FailedDelete", self.control.delete_all(&seen.set, &pods, &mut done).await),
        };
        done.met(&self.pods.informer, &self.stop).await;
        outcome.map_err(|status| (Failure { reason, message: status.message.clone() }, status))
    }

    async fn create(&self, seen: &Seen, count: usize, done: &mut Expectations) -> Result<(), Status> {
        let pod: Doc = pod_from_template(&seen.doc["spec"]["template"], &seen.set, self.kind);
        self.control.create_all(&seen.set, count, |_| pod.clone(), done).await
    }
}
