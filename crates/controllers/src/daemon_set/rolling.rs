//! How an update reaches the pods: `rollingUpdate` of kubernetes `pkg/controller/daemon/update.go`.

use super::plan::{Changes, Daemons};
use crate::workloads::Pod;
use std::sync::Arc;

pub(super) fn roll<'a>(daemons: &Daemons<'a>) -> Changes<'a> {
    let desired = daemons.desired();
    match daemons.seen.set.max_surge(desired) {
        0 => replace(daemons, daemons.seen.set.max_unavailable(desired)),
        surge => add(daemons, surge, desired),
    }
}

/// A node's pods that are not going: the one from the latest revision and the one from another.
enum OnNode<'a> {
    TooMany,
    None,
    New(&'a Arc<Pod>),
    Old(&'a Arc<Pod>),
    Both { new: &'a Arc<Pod>, old: &'a Arc<Pod> },
}

fn on_node<'a>(daemons: &Daemons<'a>, pods: &[&'a Arc<Pod>]) -> OnNode<'a> {
    let staying = pods.iter().copied().filter(|pod| !pod.object.meta.is_deleting());
    let (new, old): (Vec<&Arc<Pod>>, Vec<&Arc<Pod>>) = staying.partition(|pod| daemons.is_updated(pod));
    match (new.as_slice(), old.as_slice()) {
        ([], []) => OnNode::None,
        ([new], []) => OnNode::New(new),
        ([], [old]) => OnNode::Old(old),
        ([new], [old]) => OnNode::Both { new, old },
        _ => OnNode::TooMany,
    }
}

/// Deletes old pods as long as no more than `max_unavailable` nodes are without an available one. Those that are not
/// available anyway cost nothing.
fn replace<'a>(daemons: &Daemons<'a>, max_unavailable: usize) -> Changes<'a> {
    let (mut unavailable, mut free, mut candidates) = (missing(daemons), Vec::new(), Vec::new());
    for pods in daemons.pods.values() {
        match on_node(daemons, pods) {
            OnNode::TooMany | OnNode::None | OnNode::Both { .. } => unavailable += 1,
            OnNode::New(new) => unavailable += usize::from(!daemons.is_available(new)),
            OnNode::Old(old) if daemons.is_available(old) => candidates.push(old),
            OnNode::Old(old) => {
                unavailable += 1;
                free.push(old);
            }
        }
    }
    free.extend(candidates.into_iter().take(max_unavailable.saturating_sub(unavailable)));
    Changes { create: Vec::new(), delete: free }
}

/// Nodes that should have a pod and have none at all.
fn missing(daemons: &Daemons<'_>) -> usize {
    daemons.runs.keys().filter(|node| daemons.should_run(node) && !daemons.pods.contains_key(**node)).count()
}

/// Makes new pods beside old ones, no more than `max_surge` at a time beside available ones, and deletes an old one when
/// the new one is available.
fn add<'a>(daemons: &Daemons<'a>, max_surge: usize, desired: usize) -> Changes<'a> {
    let (mut surging, mut available) = (0, 0);
    let (mut delete, mut misplaced, mut free, mut candidates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (node, pods) in &daemons.pods {
        let on_node = on_node(daemons, pods);
        let counted = match on_node {
            OnNode::Old(pod) | OnNode::New(pod) | OnNode::Both { old: pod, .. } => daemons.is_available(pod),
            OnNode::None | OnNode::TooMany => false,
        };
        available += usize::from(counted);
        match on_node {
            OnNode::None | OnNode::New(_) => {}
            OnNode::TooMany => surging += 1,
            OnNode::Both { new, .. } if !daemons.is_available(new) => surging += 1,
            OnNode::Both { old, .. } => delete.push(old),
            OnNode::Old(old) if !daemons.should_run(node) && !counted => delete.push(old),
            OnNode::Old(old) if !daemons.should_run(node) => misplaced.push(old),
            OnNode::Old(_) if counted => candidates.push(node.clone()),
            OnNode::Old(_) => free.push(node.clone()),
        }
    }
    // Who surges expects every node served: a pod in the wrong place goes when one in the right place is available.
    delete.extend(misplaced.into_iter().take(available.saturating_sub(desired)));
    free.extend(candidates.into_iter().take(max_surge.saturating_sub(surging)));
    Changes { create: free, delete }
}
