//! How many pods to make, or which to delete. Pure.

use crate::workloads::{BURST, Pod, deletion_order};
use meta::{Doc, Object, Time};
use std::sync::Arc;

/// What a decision may look at.
pub(super) struct Seen {
    pub set: Arc<Object>,
    /// The set's document.
    pub doc: Doc,
    /// Its own, neither finished nor being deleted.
    pub active: Vec<Arc<Pod>>,
    /// How many of its own are being deleted.
    pub terminating: usize,
    /// Pods of all sets with the same controller, which should not crowd one node.
    pub related: Vec<Arc<Pod>>,
}

impl Seen {
    pub fn replicas(&self) -> usize {
        usize::try_from(self.doc["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0)
    }

    pub fn min_ready_seconds(&self) -> i64 {
        self.doc["spec"]["minReadySeconds"].as_i64().unwrap_or(0)
    }
}

#[derive(Debug)]
pub(super) enum Step {
    Leave,
    Create(usize),
    Delete(Vec<Arc<Pod>>),
}

pub(super) fn plan(seen: &Seen, now: Time) -> Step {
    let (wanted, there) = (seen.replicas(), seen.active.len());
    if seen.set.meta.is_deleting() || wanted == there {
        return Step::Leave;
    }
    if there < wanted {
        return Step::Create((wanted - there).min(BURST));
    }
    let mut pods = seen.active.clone();
    deletion_order(&mut pods, &seen.related, now);
    pods.truncate((there - wanted).min(BURST));
    Step::Delete(pods)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, ready: bool) -> Arc<Pod> {
        let conditions = if ready {
            json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}])
        } else {
            json!([])
        };
        let labels = if name.starts_with('x') { json!({"app": "web"}) } else { json!({"app": "web", "hash": "1"}) };
        let doc = json!({
            "metadata": {"name": name, "uid": name, "labels": labels}, "spec": {"nodeName": "n"},
            "status": {"phase": "Running", "conditions": conditions},
        });
        Arc::new(Pod::of(&Object::from_doc(&doc, 1).expect("an object").shared()))
    }

    /// A set of `replicas` with these pods, those in capitals ready, those from `x` on without all labels of the template.
    pub(crate) fn seen(replicas: i64, pods: &str, deleting: bool) -> Seen {
        let stamp = if deleting { json!("2026-01-01T00:00:00Z") } else { Doc::Null };
        let doc = json!({
            "metadata": {"name": "web", "namespace": "n", "uid": "u", "generation": 3, "deletionTimestamp": stamp},
            "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "web", "hash": "1"}}}},
        });
        let pods: Vec<Arc<Pod>> = pods.chars().map(|name| pod(&name.to_lowercase().to_string(), name.is_uppercase())).collect();
        let set = Object::from_doc(&doc, 7).expect("an object").shared();
        Seen { set, doc, related: pods.clone(), active: pods, terminating: 0 }
    }

    #[test]
    fn the_number_of_pods_decides() {
        let now = Time::parse("2026-01-01T01:00:00Z").expect("a time");
        let crowd: String = (0..600).map(|_| 'a').collect();
        for (replicas, pods, deleting, step) in [
            (3, "", false, "create 3"),
            (3, "aB", false, "create 1"),
            (2, "aB", false, "leave"),
            (1, "Bac", false, "delete a c"),
            (0, "Bac", false, "delete a c b"),
            (600, "", false, "create 500"),
            (1, crowd.as_str(), false, "delete 500"),
            (3, "", true, "leave"),
            (0, "a", true, "leave"),
        ] {
            let planned = match plan(&seen(replicas, pods, deleting), now) {
                Step::Leave => "leave".into(),
                Step::Create(count) => format!("create {count}"),
                Step::Delete(pods) if pods.len() > 10 => format!("delete {}", pods.len()),
                Step::Delete(pods) => pods.iter().fold("delete".to_owned(), |text, pod| text + " " + pod.name()),
            };
            assert_eq!(planned, step, "{replicas} of {pods}");
        }
    }
}
