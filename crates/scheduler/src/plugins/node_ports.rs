//! NodePorts: a host port is taken once per address and protocol (kubernetes pkg/scheduler/framework/plugins/nodeports).

use crate::cluster::{Cluster, Host};
use crate::framework::{Change, Filter, Plugin, PreFilter, Refusal};
use crate::model::{HostPort, Pod};

const REASON: &str = "node(s) didn't have free ports for the requested pod ports";

pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn pre_filter<'a>(&self, _: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        if pod.asks.ports.is_empty() { PreFilter::Skip } else { PreFilter::Filter(Box::new(Wanting(&pod.asks.ports))) }
    }

    fn wakes(&self, _: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        match change {
            Change::NodeAdded(_) => true,
            Change::PodRemoved(other) => {
                pod.asks.ports.iter().any(|port| other.asks.ports.iter().any(|taken| taken.conflicts(port)))
            }
            _ => false,
        }
    }
}

struct Wanting<'a>(&'a [HostPort]);

impl Filter for Wanting<'_> {
    fn filter(&self, host: &Host) -> Result<(), Refusal> {
        if host.has_port_taken(self.0) { Err(Refusal::unschedulable(REASON)) } else { Ok(()) }
    }
}
