//! Which pods of a node would have to go (kubernetes pkg/scheduler/framework/plugins/defaultpreemption
//! SelectVictimsOnNode).

use super::choice::Candidate;
use crate::cluster::{Cluster, Host};
use crate::framework::{Filters, Refusal};
use crate::model::Pod;
use std::cmp::Reverse;
use std::sync::Arc;

const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// All less important pods are taken away; then, the most important first, each comes back that leaves room enough.
/// Those that a budget protects come back before all others.
pub fn on_node(cluster: &Cluster, pod: &Pod, host: &Host, filters: &mut Filters<'_>) -> Result<Candidate, Refusal> {
    let lesser = |other: &&Arc<Pod>| other.asks.priority < pod.asks.priority;
    let mut potential: Vec<Arc<Pod>> = host.pods.iter().filter(lesser).cloned().collect();
    if potential.is_empty() {
        return Err(Refusal::unresolvable(NO_VICTIMS));
    }
    potential.sort_by_key(|other| (Reverse(other.asks.priority), other.since));
    let mut room = host.clone();
    potential.iter().for_each(|other| filters.remove_pod(other, &mut room));
    if let Err(refusal) = filters.fits(&room) {
        potential.iter().for_each(|other| filters.add_pod(other, &mut room));
        return Err(refusal);
    }
    let broken = cluster.budgets.broken_by(&potential);
    let (protected, free): (Vec<_>, Vec<_>) = potential.into_iter().zip(broken).partition(|(_, breaks)| *breaks);
    let (mut victims, mut violations) = (Vec::new(), 0);
    for (other, breaks) in protected.into_iter().chain(free) {
        filters.add_pod(&other, &mut room);
        if filters.fits(&room).is_err() {
            filters.remove_pod(&other, &mut room);
            violations += usize::from(breaks);
            victims.push(other);
        }
    }
    victims.iter().for_each(|other| filters.add_pod(other, &mut room));
    victims.sort_by_key(|other| (Reverse(other.asks.priority), other.since));
    Ok(Candidate { node: host.id, victims, violations })
}
