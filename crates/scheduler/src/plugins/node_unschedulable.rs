//! NodeUnschedulable: a cordoned node takes only pods that tolerate it
//! (kubernetes pkg/scheduler/framework/plugins/nodeunschedulable).

use crate::cluster::{Cluster, Host};
use crate::framework::{Change, Filter, Plugin, PreFilter, Refusal};
use crate::model::{Effect, Pod, Taint, tolerated};

const REASON: &str = "node(s) were unschedulable";
const TAINT: &str = "node.kubernetes.io/unschedulable";

pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn pre_filter<'a>(&self, _: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        if tolerates(pod) { PreFilter::Skip } else { PreFilter::Filter(Box::new(Cordoned)) }
    }

    fn wakes(&self, _: &Cluster, _: &Pod, change: &Change<'_>) -> bool {
        change.node().is_some_and(|(new, old)| !new.unschedulable && old.is_none_or(|old| old.unschedulable))
    }
}

fn tolerates(pod: &Pod) -> bool {
    let taint = Taint { key: TAINT.into(), value: String::new(), effect: Effect::NoSchedule };
    tolerated(&taint, &pod.asks.tolerations)
}

struct Cordoned;

impl Filter for Cordoned {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        let cordoned = host.node().is_some_and(|node| node.unschedulable);
        if cordoned { Err(Refusal::unresolvable(REASON)) } else { Ok(()) }
    }
}
