//! What a DaemonSet's status says: `updateDaemonSetStatus` of kubernetes `pkg/controller/daemon/daemon_controller.go`.

use super::plan::Daemons;
use meta::Doc;

#[derive(Default)]
struct Counts {
    desired: i64,
    current: i64,
    misscheduled: i64,
    ready: i64,
    updated: i64,
    available: i64,
}

/// The status to write, if it differs. Of a node with several pods the oldest counts.
pub(super) fn status(daemons: &Daemons<'_>) -> Option<Doc> {
    let mut counts = Counts::default();
    for node in daemons.runs.keys() {
        let oldest = daemons.pods.get(*node).and_then(|pods| pods.first());
        match (daemons.should_run(node), oldest) {
            (false, Some(_)) => counts.misscheduled += 1,
            (false, None) => {}
            (true, None) => counts.desired += 1,
            (true, Some(pod)) => {
                counts.desired += 1;
                counts.current += 1;
                counts.ready += i64::from(pod.ready);
                counts.available += i64::from(daemons.is_available(pod));
                counts.updated += i64::from(daemons.is_updated(pod));
            }
        }
    }
    write(daemons, &counts)
}

fn write(daemons: &Daemons<'_>, counts: &Counts) -> Option<Doc> {
    let set = &daemons.seen.set;
    let mut status = if set.doc["status"].is_object() { set.doc["status"].clone() } else { Doc::Object(Default::default()) };
    let before = status.clone();
    let unavailable = counts.desired - counts.available;
    for (field, count) in [
        ("currentNumberScheduled", counts.current),
        ("numberMisscheduled", counts.misscheduled),
        ("desiredNumberScheduled", counts.desired),
        ("numberReady", counts.ready),
    ] {
        status[field] = count.into();
    }
    let fields = status.as_object_mut()?;
    for (field, count) in
        [("updatedNumberScheduled", counts.updated), ("numberAvailable", counts.available), ("numberUnavailable", unavailable)]
    {
        match count {
            0 => drop(fields.remove(field)),
            count => drop(fields.insert(field.into(), count.into())),
        }
    }
    // Of a generation whose pods could not be made nothing was observed yet.
    if daemons.seen.settled {
        status["observedGeneration"] = set.object.meta.generation.into();
    }
    (status != before).then_some(status)
}
