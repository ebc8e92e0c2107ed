//! What to do about a deployment. Pure: the sets are changed in a draft, and what differs in the end is what is done.

use super::revision::{annotate, next_revision};
use super::rolling::new_size;
use super::set::{Set, Wanted, sum};
use super::template::{HASH_LABEL, hash, same};
use super::view::Deployment;
use crate::workloads::condition;
use meta::{Doc, Object, Time};
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest name of a set.
const MAX_NAME: usize = 253;

/// A pass's intentions, in the order in which they are carried out.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// A set to create: its spec, without replicas, annotations and name, which are the set's.
    pub create: Option<(Set, Doc)>,
    /// Sets to patch.
    pub change: Vec<Set>,
    pub delete: Vec<Arc<Object>>,
    /// The deployment with its new status.
    pub status: Option<Doc>,
    /// Seconds until the next look, if nothing happens before.
    pub next_look: Option<u64>,
}

pub(super) struct Draft<'a> {
    pub deployment: &'a Deployment,
    pub now: Time,
    /// The set with the deployment's template.
    pub new: Option<Set>,
    pub old: Vec<Set>,
    pub conditions: Vec<Doc>,
    pub delete: Vec<Arc<Object>>,
    pub create: Option<Doc>,
}

pub(super) fn plan(deployment: &Deployment, sets: Vec<Set>, now: Time) -> Plan {
    let mut draft = Draft::new(deployment, sets, now);
    if deployment.object.meta.is_deleting() {
        draft.sync_new_set();
        return draft.finish(false);
    }
    draft.note_pause();
    draft.sync_new_set();
    if deployment.paused || draft.is_scaling() {
        draft.scale();
        if deployment.paused {
            draft.clean_up();
        }
        return draft.finish(false);
    }
    match deployment.rolling {
        true => draft.roll(),
        false => draft.recreate(),
    }
    draft.finish(true)
}

impl<'a> Draft<'a> {
    fn new(deployment: &'a Deployment, mut sets: Vec<Set>, now: Time) -> Self {
        // Of several sets with the template the oldest is the one, so that pods are not moved for nothing.
        sets.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        let new = sets.iter().position(|set| same(&set.template, deployment.template())).map(|index| sets.remove(index));
        let conditions = deployment.conditions();
        Self { deployment, now, new, old: sets, conditions, delete: Vec::new(), create: None }
    }

    pub fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    /// How many pods the sets ask for.
    pub fn total(&self) -> i64 {
        sum(self.all(), |set| set.wanted.replicas)
    }

    /// Brings the newest set's annotations up to date (`getNewReplicaSet` of kubernetes `pkg/controller/deployment/sync.go`).
    fn sync_new_set(&mut self) {
        let revision = next_revision(&self.old);
        let Some(new) = &mut self.new else { return };
        annotate(new, self.deployment, revision);
        new.wanted.min_ready_seconds = self.deployment.min_ready_seconds;
        if condition(&self.conditions, super::progress::PROGRESSING).is_none() {
            let message = format!("Found new replica set {:?}", new.name);
            self.progress("True", "FoundNewReplicaSet", message);
        }
    }

    /// Makes the newest set, with the pods that there is room for. What else must change waits until it is there.
    pub fn create_new_set(&mut self) {
        let deployment = self.deployment;
        let hash = hash(deployment.template(), deployment.collisions());
        let mut template = deployment.template().clone();
        template["metadata"]["labels"][HASH_LABEL] = hash.clone().into();
        let mut selector = deployment.doc["spec"]["selector"].clone();
        selector["matchLabels"][HASH_LABEL] = hash.clone().into();
        let replicas = new_size(deployment, 0, self.total());
        let mut new = Set {
            object: None,
            name: set_name(deployment.name(), &hash),
            is: Wanted::default(),
            wanted: Wanted { replicas, min_ready_seconds: deployment.min_ready_seconds, ..Wanted::default() },
            created: None,
            template: template.clone(),
            status: Value::Null,
            pods_run: false,
        };
        annotate(&mut new, deployment, next_revision(&self.old));
        new.note_size_of(deployment);
        self.progress("True", "NewReplicaSetCreated", format!("Created new replica set {:?}", new.name));
        let min_ready = deployment.min_ready_seconds;
        self.create = Some(json!({ "minReadySeconds": min_ready, "selector": selector, "template": template }));
        self.new = Some(new);
    }

    /// What has come of it all. Progress is estimated only while a rollout runs.
    fn finish(mut self, rolls: bool) -> Plan {
        let counts = self.counts();
        self.judge_availability(&counts);
        if rolls {
            self.estimate_progress(&counts);
        }
        let status = self.written(&counts);
        let next_look = if rolls { self.next_look(&counts) } else { None };
        let change = self.all().filter(|set| set.patch().is_some()).cloned().collect();
        let create = self.create.take().and_then(|spec| Some((self.new.clone()?, spec)));
        Plan { create, change, delete: self.delete, status, next_look }
    }
}

/// The deployment's name, cut where the whole would get too long, and the hash.
fn set_name(deployment: &str, hash: &str) -> String {
    let most = MAX_NAME - hash.len() - 1;
    let name = deployment.get(..deployment.len().min(most)).unwrap_or(deployment);
    format!("{}-{hash}", name.trim_end_matches(['-', '.']))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(super) mod tests;
