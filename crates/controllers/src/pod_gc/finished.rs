//! Pods that have finished and that nobody has removed: so many are kept, the evicted and the oldest go first.

use meta::Object;
use parking_lot::Mutex;
use reconcile::{ObjectChange, ObjectKey};
use std::collections::BTreeMap;

/// `--terminated-pod-gc-threshold`.
const KEPT: usize = 12_500;

/// In which order they go: evicted ones first, then by age (`byEvictionAndCreationTimestamp`).
type Rank = (bool, String, ObjectKey);

#[derive(Default)]
pub(super) struct Finished(Mutex<BTreeMap<ObjectKey, Rank>>);

impl Finished {
    /// True if there are more now than are kept.
    pub fn changed(&self, change: &ObjectChange) -> bool {
        let key = ObjectKey::of(change.object());
        let rank = change.new.as_ref().and_then(|pod| rank(&key, pod));
        let mut finished = self.0.lock();
        match rank {
            Some(rank) => drop(finished.insert(key, rank)),
            None => drop(finished.remove(&key)),
        }
        finished.len() > KEPT
    }

    /// Those beyond the number that is kept.
    pub fn surplus(&self) -> Vec<ObjectKey> {
        let mut ranks: Vec<Rank> = self.0.lock().values().cloned().collect();
        let count = ranks.len().saturating_sub(KEPT);
        ranks.sort();
        ranks.into_iter().take(count).map(|(_, _, key)| key).collect()
    }
}

fn rank(key: &ObjectKey, pod: &Object) -> Option<Rank> {
    let phase = pod.text("status.phase");
    if !matches!(&*phase, "Succeeded" | "Failed") {
        return None;
    }
    let evicted = phase == "Failed" && pod.text("status.reason") == "Evicted";
    Some((!evicted, pod.text("metadata.creationTimestamp").into_owned(), key.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn evicted_pods_and_then_the_oldest_are_surplus() {
        let finished = Finished::default();
        let add = |name: &str, second: usize, phase: &str, reason: &str| {
            let created = meta::Time::from_unix(1_000_000 + second as i64).to_string();
            let doc = json!({"metadata": {"namespace": "a", "name": name, "creationTimestamp": created},
                "status": {"phase": phase, "reason": reason}});
            let new = Object::from_doc(&doc, 1).expect("a valid object").shared();
            finished.changed(&ObjectChange { old: None, new: Some(new) })
        };
        let over: Vec<bool> = (0..KEPT).map(|number| add(&format!("pod-{number}"), number, "Succeeded", "")).collect();
        assert!(!over.contains(&true), "so many are kept");
        assert!(!add("running", 0, "Running", ""));
        assert!(add("evicted", KEPT + 1, "Failed", "Evicted"));
        assert!(add("failed", KEPT + 2, "Failed", ""));
        assert_eq!(finished.surplus().into_iter().map(|key| key.name).collect::<Vec<_>>(), ["evicted", "pod-0"]);
    }
}
