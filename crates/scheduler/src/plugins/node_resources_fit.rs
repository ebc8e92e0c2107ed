//! NodeResourcesFit: a node has room for what a pod asks, and the emptier it is the better
//! (kubernetes pkg/scheduler/framework/plugins/noderesources fit.go, least_allocated.go).

use crate::cluster::{Cluster, Host, NodeId};
use crate::framework::{Change, Code, Filter, MAX_NODE_SCORE, Plugin, PreFilter, Refusal, Score};
use crate::model::{Node, Pod, Resources};

const TOO_MANY_PODS: &str = "Too many pods";

pub struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn pre_filter<'a>(&self, _: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        PreFilter::Filter(Box::new(Fitting(&pod.asks.requests)))
    }

    fn pre_score<'a>(&self, _: &'a Cluster, pod: &'a Pod, _: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        Some(Box::new(LeastAllocated(&pod.asks.scored)))
    }

    fn wakes(&self, _: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        let asks = &pod.asks.requests;
        let empty = Resources::default();
        let could_fit = |node: &Node| node.pods > 0 && asks.fits(&node.allocatable, &empty);
        match change {
            Change::NodeAdded(node) => could_fit(node),
            Change::NodeUpdated { old, new } => {
                could_fit(new)
                    && (old.pods < new.pods || !asks.shortages(&old.allocatable, &new.allocatable).is_empty() || grew(old, new))
            }
            // It took a place, at least.
            Change::PodRemoved(_) => true,
            Change::PodUpdated { old, new } => old.asks.requests != new.asks.requests,
            Change::PodAdded(_) => false,
        }
    }
}

/// Whether a node offers more of anything than before.
fn grew(old: &Node, new: &Node) -> bool {
    !new.allocatable.fits(&old.allocatable, &Resources::default())
}

struct Fitting<'a>(&'a Resources);

impl Filter for Fitting<'_> {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        let Some(node) = host.node() else { return Err(Refusal::unresolvable(TOO_MANY_PODS)) };
        let full = host.pods.len() >= node.pods;
        if !full && self.0.fits(&node.allocatable, &host.requested) {
            return Ok(());
        }
        let short = self.0.shortages(&node.allocatable, &host.requested);
        let code = match short.iter().any(|short| short.forever) {
            true => Code::UnschedulableAndUnresolvable,
            false => Code::Unschedulable,
        };
        let mut reasons: Vec<_> = full.then(|| TOO_MANY_PODS.into()).into_iter().collect();
        reasons.extend(short.into_iter().map(|short| format!("Insufficient {}", short.resource).into()));
        Err(Refusal { code, reasons })
    }
}

struct LeastAllocated<'a>(&'a Resources);

impl Score for LeastAllocated<'_> {
    fn score(&self, host: &Host) -> i64 {
        let Some(node) = host.node() else { return 0 };
        let resources = [
            (node.allocatable.cpu_milli, host.scored.cpu_milli + self.0.cpu_milli),
            (node.allocatable.memory, host.scored.memory + self.0.memory),
        ];
        let offered = resources.into_iter().filter(|(capacity, _)| *capacity > 0);
        let (sum, count) = offered.fold((0, 0), |(sum, count), (capacity, wanted)| (sum + free(capacity, wanted), count + 1));
        if count == 0 { 0 } else { sum / count }
    }
}

fn free(capacity: i64, wanted: i64) -> i64 {
    if wanted > capacity { 0 } else { ((capacity - wanted) as i128 * i128::from(MAX_NODE_SCORE) / i128::from(capacity)) as i64 }
}
