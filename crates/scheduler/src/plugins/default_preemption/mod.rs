//! DefaultPreemption: room is made for a pod by deleting less important ones
//! (kubernetes pkg/scheduler/framework/preemption, pkg/scheduler/framework/plugins/defaultpreemption).

mod choice;
#[cfg(test)]
mod tests;
mod victims;

use crate::cluster::{Cluster, NodeId};
use crate::framework::{Code, Diagnosis, Filters, Refusal};
use crate::model::Pod;
use choice::Candidate;
use std::sync::Arc;

/// So many nodes are tried: a part of those where it might help, but not few.
const MIN_CANDIDATES_PERCENTAGE: usize = 10;
const MIN_CANDIDATES: usize = 100;

const NEVER: &str = "not eligible due to preemptionPolicy=Never.";
const TERMINATING: &str = "not eligible due to a terminating pod on the nominated node.";
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";

/// What comes of looking for room.
#[derive(Debug)]
pub enum Preemption {
    /// These pods are to be deleted, and the node is kept for the pod.
    Nominate { node: String, victims: Vec<Arc<Pod>> },
    /// Room is being made already, or must not be.
    NotEligible(&'static str),
    /// Room cannot be made.
    Hopeless(String),
}

impl Preemption {
    /// As it stands in the pod's condition.
    pub fn message(&self) -> String {
        match self {
            Self::Nominate { .. } => String::new(),
            Self::NotEligible(why) => format!("preemption: {why}"),
            Self::Hopeless(why) => format!("preemption: {why}"),
        }
    }
}

/// Looks for room. `draw(n)` picks one of n to start with.
pub fn preempt(
    cluster: &Cluster,
    pod: &Pod,
    diagnosis: &Diagnosis,
    filters: Option<&mut Filters<'_>>,
    draw: impl FnOnce(usize) -> usize,
) -> Preemption {
    if let Some(why) = not_eligible(cluster, pod, diagnosis) {
        return Preemption::NotEligible(why);
    }
    let nodes = diagnosis.resolvable(cluster.nodes());
    let Some(filters) = filters.filter(|_| !nodes.is_empty()) else { return hopeless(cluster, Vec::new()) };
    let (candidates, refused) = try_nodes(cluster, pod, &nodes, filters, draw(nodes.len()));
    match choice::best(candidates) {
        Some(best) => Preemption::Nominate { node: cluster.host(best.node).name.clone(), victims: best.victims },
        None => hopeless(cluster, refused),
    }
}

fn not_eligible(cluster: &Cluster, pod: &Pod, diagnosis: &Diagnosis) -> Option<&'static str> {
    if !pod.asks.preempts {
        return Some(NEVER);
    }
    let node = cluster.nominated.node_of(pod.uid()).and_then(|name| cluster.id_of(name))?;
    let said = diagnosis.refused.iter().find(|(refused, _)| *refused == node);
    if said.is_some_and(|(_, refusal)| refusal.code == Code::UnschedulableAndUnresolvable) {
        return None; // the node is lost: another one may do
    }
    let leaves = |other: &Arc<Pod>| other.asks.priority < pod.asks.priority && cluster.is_doomed(other);
    cluster.host(node).pods.iter().any(leaves).then_some(TERMINATING)
}

fn hopeless(cluster: &Cluster, refused: Vec<(NodeId, Refusal)>) -> Preemption {
    let others = Some(Refusal::unresolvable(NOT_HELPFUL));
    let diagnosis = Diagnosis { nodes: cluster.nodes().len(), refused, others, ..Diagnosis::default() };
    Preemption::Hopeless(diagnosis.message())
}

/// Tries nodes from `offset` on, until there is enough to choose from.
fn try_nodes(
    cluster: &Cluster,
    pod: &Pod,
    nodes: &[NodeId],
    filters: &mut Filters<'_>,
    offset: usize,
) -> (Vec<Candidate>, Vec<(NodeId, Refusal)>) {
    let enough = (nodes.len() * MIN_CANDIDATES_PERCENTAGE / 100).max(MIN_CANDIDATES);
    let (mut candidates, mut refused) = (Vec::new(), Vec::new());
    for node in (0..nodes.len()).map(|at| nodes[(offset + at) % nodes.len()]) {
        match victims::on_node(cluster, pod, cluster.host(node), filters) {
            Ok(candidate) => candidates.push(candidate),
            Err(refusal) => refused.push((node, refusal)),
        }
        // One that breaks no budget must be among them.
        if candidates.len() >= enough && candidates.iter().any(|candidate| candidate.violations == 0) {
            break;
        }
    }
    (candidates, refused)
}
