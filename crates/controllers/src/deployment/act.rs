//! One pass: observe, claim, plan, carry out.

use super::plan::{Plan, plan};
use super::set::Set;
use super::template::same;
use super::view::Deployment;
use super::{DEPLOYMENT, Roller};
use crate::replica_set::{BY_CONTROLLER, REPLICA_SETS, orphans_of};
use crate::workloads::{Claimant, Expectations, controller_reference, selector_of, set_condition};
use client::{DeleteOptions, Preconditions};
use meta::{Doc, Object, Reason, Status};
use reconcile::{Error, Next, ObjectKey};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

impl Roller {
    pub async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let Some(object) = self.deployments.get(&key.namespace, &key.name) else { return Ok(Next::OnChange) };
        let Some(sets) = self.observe(&object).await? else { return Ok(Next::OnChange) };
        let deployment = Deployment::of(&object);
        let plan = plan(&deployment, sets, self.clock.now());
        let next = plan.next_look.map_or(Next::OnChange, |seconds| Next::After(Duration::from_secs(seconds)));
        let mut expectations = Expectations::default();
        let carried_out = self.carry_out(&deployment, plan, &mut expectations).await;
        expectations.met(&self.sets, &self.stop).await;
        match carried_out {
            // Gone meanwhile, or its namespace is going: what comes of that wakes the next pass.
            Err(status) if crate::service_account::is_settled(&status) => Ok(next),
            other => other.map(|()| next).map_err(Error::from),
        }
    }

    async fn observe(&self, deployment: &Arc<Object>) -> Result<Option<Vec<Set>>, Error> {
        let meta = &deployment.meta;
        let Some(selector) = selector_of(deployment) else { return Ok(None) };
        let mut candidates = self.sets.indexed(BY_CONTROLLER, &meta.uid);
        candidates.extend(self.sets.indexed(BY_CONTROLLER, &orphans_of(&meta.namespace)));
        let (client, cache, stop) = (&self.client, &*self.sets, &self.stop);
        let claimant = Claimant { client, owner: deployment, kind: DEPLOYMENT, dependents: REPLICA_SETS, cache, stop };
        let claimed = claimant.claim(&selector, candidates).await?;
        // Adopted sets have other versions now, and writes must match them.
        let newest =
            |set: Arc<Object>| self.sets.get(&set.meta.namespace, &set.meta.name).filter(|now| now.meta.uid == set.meta.uid);
        Ok(Some(claimed.into_iter().filter_map(newest).map(|set| self.look_at(&set)).collect()))
    }

    fn look_at(&self, set: &Arc<Object>) -> Set {
        Set::of(set, self.pods.any_unfinished(&set.meta.uid))
    }

    async fn carry_out(&self, deployment: &Deployment, plan: Plan, expectations: &mut Expectations) -> Result<(), Status> {
        if let Some((set, spec)) = plan.create {
            expectations.written(self.create(deployment, &set, spec).await?);
        }
        for set in plan.change {
            expectations.written(self.change(deployment, &set).await?);
        }
        for set in plan.delete {
            self.delete(&set).await?;
            expectations.deleted(&set);
        }
        match plan.status {
            Some(doc) => self.status.write(&deployment.object, doc).await.map(drop),
            None => Ok(()),
        }
    }

    async fn create(&self, deployment: &Deployment, set: &Set, mut spec: Doc) -> Result<u64, Status> {
        let (namespace, labels) = (&deployment.object.meta.namespace, spec["template"]["metadata"]["labels"].clone());
        spec["replicas"] = set.wanted.replicas.into();
        let metadata = json!({
            "namespace": namespace, "name": set.name, "labels": labels, "annotations": set.wanted.annotations,
            "ownerReferences": [controller_reference(&deployment.object, DEPLOYMENT)],
        });
        let doc = json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec });
        match self.client.create(REPLICA_SETS, namespace, doc).await {
            Ok(created) => {
                if set.wanted.replicas > 0 {
                    let message = format!("Scaled up replica set {} from 0 to {}", set.name, set.wanted.replicas);
                    self.events.normal(&deployment.object, "ScalingReplicaSet", message);
                }
                Ok(created.revision)
            }
            Err(status) if status.reason == Reason::AlreadyExists => self.meet(deployment, set).await,
            Err(status) if crate::service_account::is_settled(&status) => Err(status),
            Err(status) => Err(self.report_failure(deployment, set, status).await),
        }
    }

    /// There is a set of that name. It is the one, and the cache did not know it yet; or its template only has the same
    /// hash, and another hash is tried.
    async fn meet(&self, deployment: &Deployment, set: &Set) -> Result<u64, Status> {
        let meta = &deployment.object.meta;
        let found = self.client.get(REPLICA_SETS, &meta.namespace, &set.name).await?;
        let ours = found.meta.controller().is_some_and(|owner| owner.uid == meta.uid);
        if ours && same(&found.get("/spec/template"), deployment.template()) {
            return Ok(found.revision);
        }
        let mut doc = deployment.doc.clone();
        doc["status"]["collisionCount"] = (deployment.collisions().unwrap_or(0) + 1).into();
        self.status.write(&deployment.object, doc).await?;
        Err(Status::conflict(&meta::GroupResource::new("apps", "replicasets"), &set.name, "its template has the same hash"))
    }

    async fn report_failure(&self, deployment: &Deployment, set: &Set, failure: Status) -> Status {
        let reason = "ReplicaSetCreateError";
        let message = format!("Failed to create new replica set {:?}: {failure}", set.name);
        self.events.warning(&deployment.object, reason, message.clone());
        if deployment.deadline_seconds.is_some() {
            let mut conditions = deployment.conditions();
            let now = self.clock.now();
            set_condition(&mut conditions, super::progress::new_condition("Progressing", "False", reason, message, now));
            let mut doc = deployment.doc.clone();
            doc["status"]["conditions"] = conditions.into();
            if let Err(status) = self.status.write(&deployment.object, doc).await {
                // The failure itself is what is reported, and tried again.
                tracing::debug!(%status, "cannot tell why a replica set was not created");
            }
        }
        failure
    }

    async fn change(&self, deployment: &Deployment, set: &Set) -> Result<u64, Status> {
        let Some(patch) = set.patch() else { return Ok(0) };
        let changed = self.client.patch(REPLICA_SETS, &deployment.object.meta.namespace, &set.name, "", patch).await?;
        let (from, to) = (set.is.replicas, set.wanted.replicas);
        if from != to {
            let direction = if from < to { "up" } else { "down" };
            let message = format!("Scaled {direction} replica set {} from {from} to {to}", set.name);
            self.events.normal(&deployment.object, "ScalingReplicaSet", message);
        }
        Ok(changed.revision)
    }

    async fn delete(&self, set: &Object) -> Result<(), Status> {
        // Not if somebody has begun to use it again.
        let preconditions = Preconditions { uid: Some(set.meta.uid.clone()), resource_version: Some(set.resource_version()) };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        match self.client.delete(REPLICA_SETS, &set.meta.namespace, &set.meta.name, options).await {
            Err(status) if status.reason != Reason::NotFound => Err(status),
            _ => Ok(()),
        }
    }
}
