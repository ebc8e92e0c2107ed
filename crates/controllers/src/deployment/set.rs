//! A ReplicaSet as a plan sees and changes it.

use super::revision::{DESIRED_REPLICAS, MAX_REPLICAS, REVISION};
use super::view::{Deployment, texts};
use crate::workloads::condition;
use meta::{Doc, Object, Time};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a plan may change of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub replicas: i64,
    pub min_ready_seconds: i64,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct Set {
    /// None: it is to be created.
    pub object: Option<Arc<Object>>,
    pub name: String,
    /// As it is, and as it shall be.
    pub is: Wanted,
    pub wanted: Wanted,
    pub created: Option<Time>,
    pub template: Doc,
    pub status: Doc,
    /// Whether a pod of it has not ended, be it on its way out.
    pub pods_run: bool,
}

impl Set {
    pub fn of(object: &Arc<Object>, pods_run: bool) -> Self {
        let doc = object.to_doc();
        let is = Wanted {
            replicas: doc["spec"]["replicas"].as_i64().unwrap_or(1),
            min_ready_seconds: doc["spec"]["minReadySeconds"].as_i64().unwrap_or(0),
            annotations: texts(&doc["metadata"]["annotations"]),
        };
        Self {
            object: Some(object.clone()),
            name: object.meta.name.clone(),
            wanted: is.clone(),
            is,
            created: doc["metadata"]["creationTimestamp"].as_str().and_then(Time::parse),
            template: doc["spec"]["template"].clone(),
            status: doc["status"].clone(),
            pods_run,
        }
    }

    fn count(&self, field: &str) -> i64 {
        self.status[field].as_i64().unwrap_or(0)
    }

    pub fn actual(&self) -> i64 {
        self.count("replicas")
    }

    pub fn ready(&self) -> i64 {
        self.count("readyReplicas")
    }

    pub fn available(&self) -> i64 {
        self.count("availableReplicas")
    }

    /// None: its controller does not say.
    pub fn terminating(&self) -> Option<i64> {
        self.status["terminatingReplicas"].as_i64()
    }

    pub fn is_active(&self) -> bool {
        self.wanted.replicas > 0
    }

    /// Whether its controller has caught up with it.
    pub fn is_observed(&self) -> bool {
        self.object.as_ref().is_some_and(|object| self.count("observedGeneration") >= object.meta.generation)
    }

    pub fn is_deleting(&self) -> bool {
        self.object.as_ref().is_some_and(|object| object.meta.is_deleting())
    }

    pub fn failure(&self) -> Option<&Doc> {
        condition(self.status["conditions"].as_array()?, "ReplicaFailure")
    }

    pub fn revision(&self) -> i64 {
        self.number(REVISION).unwrap_or(0)
    }

    pub fn number(&self, annotation: &str) -> Option<i64> {
        self.wanted.annotations.get(annotation)?.parse().ok()
    }

    /// A new size, beside the deployment's at that time.
    pub fn resize(&mut self, replicas: i64, deployment: &Deployment) {
        self.wanted.replicas = replicas;
        self.note_size_of(deployment);
    }

    /// By these, scaling is told from rolling out.
    pub fn note_size_of(&mut self, deployment: &Deployment) {
        for (annotation, number) in [(DESIRED_REPLICAS, deployment.replicas), (MAX_REPLICAS, deployment.max_replicas())] {
            self.wanted.annotations.insert(annotation.into(), number.to_string());
        }
    }

    /// The merge patch that makes the set as wanted; None when it is. It insists on the version that was looked at.
    pub fn patch(&self) -> Option<Doc> {
        let object = self.object.as_ref().filter(|_| self.is != self.wanted)?;
        let mut spec = Map::new();
        if self.is.replicas != self.wanted.replicas {
            spec.insert("replicas".into(), self.wanted.replicas.into());
        }
        if self.is.min_ready_seconds != self.wanted.min_ready_seconds {
            spec.insert("minReadySeconds".into(), self.wanted.min_ready_seconds.into());
        }
        let changed = self.wanted.annotations.iter().filter(|(key, value)| self.is.annotations.get(*key) != Some(value));
        let annotations: BTreeMap<&String, &String> = changed.collect();
        let metadata = json!({
            "uid": object.meta.uid, "resourceVersion": object.resource_version(), "annotations": annotations,
        });
        Some(json!({ "metadata": metadata, "spec": spec }))
    }
}

/// Totals over sets.
pub(super) fn sum<'a>(sets: impl IntoIterator<Item = &'a Set>, count: impl Fn(&Set) -> i64) -> i64 {
    sets.into_iter().map(count).sum()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A set with so many pods wanted and available. Its name ends in its revision, which is its template's image too.
    pub(crate) fn set(revision: i64, replicas: i64, available: i64) -> Set {
        let name = format!("web-{revision}");
        let doc = json!({
            "metadata": {
                "namespace": "n", "name": name, "uid": name, "generation": 1, "creationTimestamp": format!("2026-01-01T00:00:{revision:02}Z"),
                "annotations": {REVISION: revision.to_string()},
            },
            "spec": {
                "replicas": replicas,
                "template": {
                    "metadata": {"labels": {"app": "web", "pod-template-hash": revision.to_string()}},
                    "spec": {"containers": [{"name": "c", "image": format!("v{revision}")}]},
                },
            },
            "status": {
                "replicas": replicas, "readyReplicas": available, "availableReplicas": available, "observedGeneration": 1,
                "terminatingReplicas": 0,
            },
        });
        Set::of(&Object::from_doc(&doc, 9).expect("an object").shared(), replicas > 0)
    }

    #[test]
    fn a_patch_says_what_changes_and_of_what() {
        let mut set = set(1, 3, 3);
        assert_eq!(set.patch(), None);
        set.wanted.replicas = 2;
        set.wanted.annotations.insert("a".into(), "b".into());
        let metadata = json!({"uid": "web-1", "resourceVersion": "9", "annotations": {"a": "b"}});
        assert_eq!(set.patch(), Some(json!({"metadata": metadata, "spec": {"replicas": 2}})));
    }
}
