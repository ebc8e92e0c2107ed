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
            Change::PodRemoved { pod: other, .. } => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{incoming, place, verdicts, zoned};
    use serde_json::json;

    #[test]
    fn a_port_is_taken_once() {
        let mut cluster = zoned("a:");
        let ports = |ip: &str, protocol: &str, port: u16| json!({"containers": [{"ports": [{"hostIP": ip, "protocol": protocol, "hostPort": port}]}]});
        place(&mut cluster, "a", json!({"metadata": {"name": "p"}, "spec": ports("127.0.0.1", "UDP", 8080)}));
        let taken = format!("a={REASON}");
        for (spec, expected) in [
            (json!({"containers": [{"ports": [{"containerPort": 8080}]}]}), "skip"),
            (ports("127.0.0.1", "UDP", 8080), &taken),
            (ports("", "UDP", 8080), &taken),
            (ports("127.0.0.1", "TCP", 8080), "a=ok"),
            (ports("127.0.0.2", "UDP", 8080), "a=ok"),
            (ports("127.0.0.1", "UDP", 8081), "a=ok"),
        ] {
            assert_eq!(verdicts(&NodePorts, &mut cluster, &incoming(json!({}), spec.clone())), expected, "{spec}");
        }
        cluster.take_off("p");
        assert_eq!(verdicts(&NodePorts, &mut cluster, &incoming(json!({}), ports("", "UDP", 8080))), "a=ok");
    }
}
