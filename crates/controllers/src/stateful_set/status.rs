//! What a StatefulSet's status says.

use super::identity::revision_of;
use super::plan::View;
use crate::workloads::Phase;
use meta::Doc;

/// The status to write, if it differs.
pub(super) fn status(view: &View<'_>) -> Option<Doc> {
    let (seen, set) = (view.seen, &view.seen.set);
    let pods: Vec<_> = view.slots.iter().flatten().chain(&view.condemned).collect();
    let count = |counts: &dyn Fn(&crate::workloads::Pod) -> bool| pods.iter().filter(|pod| counts(pod)).count() as i64;
    let ready = |pod: &crate::workloads::Pod| pod.phase == Phase::Running && pod.ready;
    let (current, update) = (view.current.name(), view.update.name());
    let of = |revision: &str| count(&|pod| !pod.object.meta.is_deleting() && revision_of(pod) == revision);
    let (replicas, updated) = (pods.len() as i64, of(update));
    let ready_replicas = count(&ready);
    let wanted = set.replicas() as i64;
    // Every pod is from the latest revision, and well: that one is the current one now.
    let complete = set.rolls() && [updated, ready_replicas, replicas] == [wanted; 3];
    let (current, current_replicas) = if complete { (update, updated) } else { (current, of(current)) };
    let mut status = if set.doc["status"].is_object() { set.doc["status"].clone() } else { Doc::Object(Default::default()) };
    let before = status.clone();
    status["replicas"] = replicas.into();
    status["availableReplicas"] = count(&|pod| ready(pod) && pod.is_available(set.min_ready_seconds(), view.now)).into();
    status["currentRevision"] = current.into();
    status["updateRevision"] = update.into();
    if status["collisionCount"].is_null() {
        status["collisionCount"] = 0.into();
    }
    let fields = status.as_object_mut()?;
    for (field, count) in [("readyReplicas", ready_replicas), ("currentReplicas", current_replicas), ("updatedReplicas", updated)]
    {
        match count {
            0 => drop(fields.remove(field)),
            count => drop(fields.insert(field.into(), count.into())),
        }
    }
    if seen.settled {
        status["observedGeneration"] = set.object.meta.generation.into();
    }
    (status != before).then_some(status)
}
