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
        if host.is_cordoned { Err(Refusal::unresolvable(REASON)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_node, incoming, verdicts};
    use serde_json::json;

    #[test]
    fn a_cordoned_node_takes_who_tolerates_it() {
        let mut cluster = Cluster::default();
        add_node(&mut cluster, "a", json!({"spec": {"unschedulable": true}}));
        add_node(&mut cluster, "b", json!({}));
        let tolerates = json!({"tolerations": [{"key": TAINT, "operator": "Exists", "effect": "NoSchedule"}]});
        for (spec, expected) in [(json!({}), "a=node(s) were unschedulable b=ok"), (tolerates, "skip")] {
            assert_eq!(verdicts(&NodeUnschedulable, &mut cluster, &incoming(json!({}), spec)), expected);
        }
    }
}
