//! One pod on every node that should have one: `podsShouldBeOnNode` of kubernetes
//! `pkg/controller/daemon/daemon_controller.go`.

use super::placement::Run;
use super::plan::{Changes, Daemons, Step};
use crate::workloads::{Phase, Pod};
use reconcile::EventType;
use std::sync::Arc;

pub(super) fn manage<'a>(daemons: &Daemons<'a>, steps: &mut Vec<Step>) -> Changes<'a> {
    let mut changes = Changes::default();
    for (node, run) in &daemons.runs {
        match (run, daemons.pods.get(*node)) {
            (Run::Yes, None) => changes.create.push((*node).to_owned()),
            (Run::Yes | Run::Stay, Some(pods)) => tidy(daemons, node, pods, &mut changes, steps),
            (Run::No, Some(pods)) => changes.delete.extend(pods.iter().copied().filter(|pod| !pod.object.meta.is_deleting())),
            (Run::Stay | Run::No, None) => {}
        }
    }
    changes.delete.extend(stranded(daemons));
    changes
}

/// Pods for nodes that are gone: nobody will ever schedule them.
fn stranded<'a>(daemons: &Daemons<'a>) -> Vec<&'a Arc<Pod>> {
    let gone = daemons.pods.iter().filter(|(node, _)| !daemons.runs.contains_key(node.as_str()));
    gone.flat_map(|(_, pods)| pods.iter().copied()).filter(|pod| pod.node.is_empty() && !pod.object.meta.is_deleting()).collect()
}

fn tidy<'a>(daemons: &Daemons<'a>, node: &str, pods: &[&'a Arc<Pod>], changes: &mut Changes<'a>, steps: &mut Vec<Step>) {
    let mut running = Vec::new();
    for pod in pods.iter().copied().filter(|pod| !pod.object.meta.is_deleting()) {
        match pod.phase {
            Phase::Failed => match daemons.seen.waits.get(node).copied().unwrap_or(0) {
                0 => {
                    steps.push(Step::Failed(node.to_owned()));
                    steps.push(found(pod, node, EventType::Warning, "FailedDaemonPod"));
                    changes.delete.push(pod);
                }
                seconds => steps.push(Step::Again(seconds)),
            },
            Phase::Succeeded => {
                steps.push(found(pod, node, EventType::Normal, "SucceededDaemonPod"));
                changes.delete.push(pod);
            }
            _ => running.push(pod),
        }
    }
    if daemons.seen.set.allows_surge() {
        surge(daemons, node, &running, changes);
    } else {
        // The oldest stays.
        changes.delete.extend(running.into_iter().skip(1));
    }
}

fn found(pod: &Pod, node: &str, level: EventType, reason: &'static str) -> Step {
    let (word, end) = if reason == "FailedDaemonPod" { ("failed", "kill") } else { ("succeeded", "delete") };
    let meta = &pod.object.meta;
    let message = format!("Found {word} daemon pod {}/{} on node {node}, will try to {end} it", meta.namespace, meta.name);
    Step::Say(level, reason, message)
}

/// With surge a node may have two: the old one while it is ready, and the new one until it is available.
fn surge<'a>(daemons: &Daemons<'a>, node: &str, running: &[&'a Arc<Pod>], changes: &mut Changes<'a>) {
    if running.is_empty() && daemons.should_run(node) {
        changes.create.push(node.to_owned());
    }
    if running.len() <= 1 {
        return;
    }
    let (new, old): (Vec<&Arc<Pod>>, Vec<&Arc<Pod>>) = running.iter().copied().partition(|pod| daemons.is_updated(pod));
    changes.delete.extend(new.iter().skip(1).chain(old.iter().skip(1)));
    if let (Some(new), Some(old)) = (new.first(), old.first())
        && (!old.ready || daemons.is_available(new))
    {
        changes.delete.push(old);
    }
}
