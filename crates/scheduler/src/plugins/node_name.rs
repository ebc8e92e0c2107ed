//! NodeName: a pod that names its node goes nowhere else (kubernetes pkg/scheduler/framework/plugins/nodename).

use crate::cluster::{Cluster, Host};
use crate::framework::{Change, Filter, Plugin, PreFilter, Refusal};
use crate::model::Pod;

const REASON: &str = "node(s) didn't match the requested node name";

pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn pre_filter<'a>(&self, _: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        if pod.node_name.is_empty() { PreFilter::Skip } else { PreFilter::Filter(Box::new(Named(&pod.node_name))) }
    }

    fn wakes(&self, _: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        matches!(change, Change::NodeAdded(node) if node.name() == pod.node_name)
    }
}

struct Named<'a>(&'a str);

impl Filter for Named<'_> {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        if host.name == self.0 { Ok(()) } else { Err(Refusal::unresolvable(REASON)) }
    }
}
