//! Which nodes a pod can go to (kubernetes pkg/scheduler/schedule_one.go findNodesThatFitPod).

use super::{Diagnosis, Filter, Plugin, PreFilter, Refusal};
use crate::cluster::{Cluster, Host, NodeId};
use crate::model::Pod;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Of fewer nodes than this all are looked at, and this many are scored at least.
const MIN_FEASIBLE_NODES: usize = 100;
const MIN_PERCENTAGE: usize = 5;

/// How many nodes that fit are enough (upstream's numFeasibleNodesToFind): fewer percent of more nodes.
fn enough(nodes: usize) -> usize {
    if nodes < MIN_FEASIBLE_NODES {
        return nodes;
    }
    let percentage = 50usize.saturating_sub(nodes / 125).max(MIN_PERCENTAGE);
    (nodes * percentage / 100).max(MIN_FEASIBLE_NODES)
}

/// Every plugin's filter for one pod.
pub struct Filters<'a> {
    cluster: &'a Cluster,
    pod: &'a Pod,
    filters: Vec<(&'static str, Box<dyn Filter + 'a>)>,
}

/// A refusal, and whose it is.
type Refused = (&'static str, Refusal);

impl<'a> Filters<'a> {
    /// With the nodes to look at; None: all. Refused: no node can pass.
    fn new(plugins: &[&'static dyn Plugin], cluster: &'a Cluster, pod: &'a Pod) -> Result<(Self, Option<Narrowed>), Refused> {
        let mut filters = Vec::new();
        let mut narrowed: Option<Narrowed> = None;
        for plugin in plugins {
            match plugin.pre_filter(cluster, pod) {
                PreFilter::Skip => {}
                PreFilter::Filter(filter) => filters.push((plugin.name(), filter)),
                PreFilter::Only(nodes, filter) => {
                    filters.push((plugin.name(), filter));
                    narrowed.get_or_insert_with(Narrowed::default).by(plugin.name(), nodes);
                }
                PreFilter::Refuse(refusal) => return Err((plugin.name(), refusal)),
            }
        }
        Ok((Self { cluster, pod, filters }, narrowed))
    }

    /// The first plugin's word against the node, pods nominated to it counted as if they were there already, and as if
    /// they never came: either way the pod must fit.
    fn check(&mut self, host: &Host) -> Result<(), Refused> {
        let is_ahead = |other: &&Arc<Pod>| other.asks.priority >= self.pod.asks.priority && other.uid() != self.pod.uid();
        let ahead: Vec<Arc<Pod>> = self.cluster.nominated.on(&host.name).iter().filter(is_ahead).cloned().collect();
        if !ahead.is_empty() {
            let mut full = host.clone();
            ahead.iter().for_each(|other| self.add_pod(other, &mut full));
            let outcome = self.run(&full);
            ahead.iter().for_each(|other| self.remove_pod(other, &mut full));
            outcome?;
        }
        self.run(host)
    }

    pub fn run(&self, host: &Host) -> Result<(), Refused> {
        for (name, filter) in &self.filters {
            filter.filter(host).map_err(|refusal| (*name, refusal))?;
        }
        Ok(())
    }

    pub fn fits(&mut self, host: &Host) -> Result<(), Refusal> {
        self.check(host).map_err(|(_, refusal)| refusal)
    }

    pub fn add_pod(&mut self, other: &Arc<Pod>, host: &mut Host) {
        self.filters.iter_mut().for_each(|(_, filter)| filter.add_pod(other, host));
        host.add(other.clone());
    }

    pub fn remove_pod(&mut self, other: &Arc<Pod>, host: &mut Host) {
        host.remove(other.uid());
        self.filters.iter_mut().for_each(|(_, filter)| filter.remove_pod(other, host));
    }
}

/// The nodes that some plugins leave.
#[derive(Default)]
struct Narrowed {
    nodes: Option<Vec<NodeId>>,
    by: BTreeSet<&'static str>,
}

impl Narrowed {
    fn by(&mut self, plugin: &'static str, nodes: Vec<NodeId>) {
        self.by.insert(plugin);
        self.nodes = Some(match self.nodes.take() {
            Some(known) => known.into_iter().filter(|node| nodes.contains(node)).collect(),
            None => nodes,
        });
    }

    fn refusal(&self) -> Refusal {
        let names: Vec<&str> = self.by.iter().copied().collect();
        Refusal::unresolvable(format!("node(s) didn't satisfy plugin(s) [{}]", names.join(" ")))
    }
}

/// What filtering came to.
pub struct Outcome<'a> {
    pub feasible: Vec<NodeId>,
    pub diagnosis: Diagnosis,
    /// None: no node could pass.
    pub filters: Option<Filters<'a>>,
    /// How many nodes were looked at.
    pub looked_at: usize,
}

/// Looks at nodes from `start` on, until enough of them fit. A nominated node that fits is taken without looking further.
pub fn feasible<'a>(plugins: &[&'static dyn Plugin], cluster: &'a Cluster, pod: &'a Pod, start: usize) -> Outcome<'a> {
    let mut diagnosis = Diagnosis { nodes: cluster.nodes().len(), ..Diagnosis::default() };
    let (mut filters, narrowed) = match Filters::new(plugins, cluster, pod) {
        Ok(parts) => parts,
        Err((plugin, refusal)) => {
            diagnosis.plugins.insert(plugin);
            diagnosis.pre_filter = refusal.message();
            diagnosis.others = Some(refusal);
            return Outcome { feasible: Vec::new(), diagnosis, filters: None, looked_at: 0 };
        }
    };
    let nominated = cluster.nominated.node_of(pod.uid()).and_then(|name| cluster.id_of(name));
    if let Some(node) = nominated.filter(|node| filters.check(cluster.host(*node)).is_ok()) {
        return Outcome { feasible: vec![node], diagnosis, filters: Some(filters), looked_at: 1 };
    }
    let few;
    let nodes: &[NodeId] = match narrowed {
        Some(narrowed) => {
            diagnosis.others = Some(narrowed.refusal());
            diagnosis.plugins.extend(&narrowed.by);
            few = narrowed.nodes.unwrap_or_default();
            &few
        }
        None => cluster.nodes(),
    };
    let (enough, mut feasible) = (enough(nodes.len()), Vec::new());
    let mut looked_at = 0;
    while looked_at < nodes.len() && feasible.len() < enough {
        let node = nodes[(start + looked_at) % nodes.len()];
        match filters.check(cluster.host(node)) {
            Ok(()) => feasible.push(node),
            Err((plugin, refusal)) => {
                diagnosis.plugins.insert(plugin);
                diagnosis.refused.push((node, refusal));
            }
        }
        looked_at += 1;
    }
    Outcome { feasible, diagnosis, filters: Some(filters), looked_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_percent_of_more_nodes_are_enough() {
        for (nodes, found) in [(1, 1), (99, 99), (100, 100), (250, 120), (1000, 420), (5000, 500), (6000, 300), (15_000, 750)] {
            assert_eq!(enough(nodes), found, "{nodes}");
        }
    }
}
