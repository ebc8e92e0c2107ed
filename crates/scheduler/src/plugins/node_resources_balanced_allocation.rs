//! NodeResourcesBalancedAllocation: of a node's resources equal parts should be used
//! (kubernetes pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go).

use crate::cluster::{Cluster, Host, NodeId};
use crate::framework::{MAX_NODE_SCORE, Plugin, Score};
use crate::model::{Pod, Resources};

pub struct NodeResourcesBalancedAllocation;

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    /// A pod that asks for nothing would go wherever nodes happen to be balanced.
    fn pre_score<'a>(&self, _: &'a Cluster, pod: &'a Pod, _: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        let asks = &pod.asks.requests;
        (asks.cpu_milli > 0 || asks.memory > 0).then(|| Box::new(Balanced(asks)) as Box<dyn Score>)
    }
}

struct Balanced<'a>(&'a Resources);

impl Score for Balanced<'_> {
    /// 100 less the deviation of the used fractions, which for two of them is half their difference.
    fn score(&self, host: &Host) -> i64 {
        let Some(node) = host.node() else { return 0 };
        let fraction = |wanted: i64, capacity: i64| (capacity > 0).then(|| (wanted as f64 / capacity as f64).min(1.0));
        let cpu = fraction(host.requested.cpu_milli + self.0.cpu_milli, node.allocatable.cpu_milli);
        let memory = fraction(host.requested.memory + self.0.memory, node.allocatable.memory);
        let deviation = match (cpu, memory) {
            (Some(cpu), Some(memory)) => (cpu - memory).abs() / 2.0,
            _ => 0.0,
        };
        ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
    }
}
