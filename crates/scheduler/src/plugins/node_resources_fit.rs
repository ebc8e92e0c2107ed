//! NodeResourcesFit: a node has room for what a pod asks, and the emptier it is the better
//! (kubernetes pkg/scheduler/framework/plugins/noderesources fit.go, least_allocated.go).

use crate::cluster::{Cluster, Host, NodeId};
use crate::framework::{Change, Code, Filter, MAX_NODE_SCORE, Plugin, PreFilter, Refusal, Score};
use crate::model::{Node, Pod, Resources};
use std::borrow::Cow;

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
            Change::NodeUpdated { old, new } => could_fit(new) && (old.pods < new.pods || grew(old, new)),
            Change::PodRemoved { from, .. } => {
                from.pods.len() < from.pod_capacity && asks.fits(&from.allocatable, &from.requested)
            }
            Change::PodUpdated { old, new } => old.asks.requests != new.asks.requests,
            Change::PodAdded(_) | Change::Claim(_) | Change::StorageClass => false,
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
        let full = host.pods.len() >= host.pod_capacity;
        if !full && self.0.fits(&host.allocatable, &host.requested) {
            return Ok(());
        }
        let short = self.0.shortages(&host.allocatable, &host.requested);
        let code = match short.iter().any(|short| short.forever) {
            true => Code::UnschedulableAndUnresolvable,
            false => Code::Unschedulable,
        };
        let too_many = full.then(|| TOO_MANY_PODS.into()).into_iter();
        Err(Refusal::all(code, too_many.chain(short.into_iter().map(|short| insufficient(short.resource)))))
    }
}

fn insufficient(resource: Cow<'static, str>) -> Cow<'static, str> {
    match &*resource {
        "cpu" => "Insufficient cpu".into(),
        "memory" => "Insufficient memory".into(),
        "ephemeral-storage" => "Insufficient ephemeral-storage".into(),
        other => format!("Insufficient {other}").into(),
    }
}

struct LeastAllocated<'a>(&'a Resources);

impl Score for LeastAllocated<'_> {
    fn score(&self, host: &Host) -> i64 {
        let resources = [
            (host.allocatable.cpu_milli, host.scored.cpu_milli + self.0.cpu_milli),
            (host.allocatable.memory, host.scored.memory + self.0.memory),
        ];
        let offered = resources.into_iter().filter(|(capacity, _)| *capacity > 0);
        let (sum, count) = offered.fold((0, 0), |(sum, count), (capacity, wanted)| (sum + free(capacity, wanted), count + 1));
        if count == 0 { 0 } else { sum / count }
    }
}

fn free(capacity: i64, wanted: i64) -> i64 {
    if wanted > capacity { 0 } else { ((capacity - wanted) as i128 * i128::from(MAX_NODE_SCORE) / i128::from(capacity)) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_node, asking, incoming, place, scores, verdicts, zoned};
    use serde_json::json;

    fn offering(allocatable: meta::Doc) -> meta::Doc {
        json!({"status": {"allocatable": allocatable}})
    }

    #[test]
    fn everything_missing_is_named() {
        let mut cluster = Cluster::default();
        add_node(&mut cluster, "a", offering(json!({"cpu": "10", "memory": "20", "pods": "2", "example.com/gpu": "1"})));
        place(&mut cluster, "a", json!({"metadata": {"name": "p"}, "spec": {"containers": asking("8", "19")}}));
        let gpu = |count: &str| json!([{"resources": {"requests": {"example.com/gpu": count}}}]);
        for (containers, expected) in [
            (asking("2", "1"), "a=ok"),
            (asking("3", "1"), "a=Insufficient cpu"),
            (asking("1", "2"), "a=Insufficient memory"),
            (asking("3", "2"), "a=Insufficient cpu, Insufficient memory"),
            (gpu("1"), "a=ok"),
            (gpu("2"), "a=Insufficient example.com/gpu"),
            (json!([{}]), "a=ok"),
        ] {
            let pod = incoming(json!({}), json!({"containers": containers}));
            assert_eq!(verdicts(&NodeResourcesFit, &mut cluster, &pod), expected, "{containers}");
        }
        place(&mut cluster, "a", json!({"metadata": {"name": "q"}}));
        let pod = incoming(json!({}), json!({"containers": asking("3", "1")}));
        assert_eq!(verdicts(&NodeResourcesFit, &mut cluster, &pod), "a=Too many pods, Insufficient cpu");
    }

    #[test]
    fn emptier_nodes_score_higher() {
        for (large, small, taken, containers, expected) in [
            (("4", "10000Mi"), ("4", "10000Mi"), asking("0", "0"), asking("0", "0"), "a=100 b=100"),
            (("4", "10000Mi"), ("6", "10000Mi"), asking("0", "0"), asking("3", "5000Mi"), "a=37 b=50"),
            (("4", "10000Mi"), ("4", "10000Mi"), asking("2", "5000Mi"), asking("1", "1000Mi"), "a=32 b=82"),
            (("4", "10000Mi"), ("4", "10000Mi"), asking("4", "0"), asking("1", "1000Mi"), "a=45 b=82"),
        ] {
            let mut cluster = Cluster::default();
            add_node(&mut cluster, "a", offering(json!({"cpu": large.0, "memory": large.1, "pods": "9"})));
            add_node(&mut cluster, "b", offering(json!({"cpu": small.0, "memory": small.1, "pods": "9"})));
            place(&mut cluster, "a", json!({"metadata": {"name": "p"}, "spec": {"containers": taken}}));
            let pod = incoming(json!({}), json!({"containers": containers}));
            assert_eq!(scores(&NodeResourcesFit, &mut cluster, &pod), expected, "{taken} {containers}");
        }
    }

    #[test]
    fn what_makes_room_wakes_the_pod() {
        let pod = incoming(json!({}), json!({"containers": asking("4", "1Gi")}));
        let node = |cpu: &str| {
            Node::for_test(
                json!({"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "9"}}}),
            )
        };
        let (small, large, larger) = (node("2"), node("4"), node("8"));
        let (cluster, free, mut taken) = (Cluster::default(), zoned("a:"), zoned("a:"));
        place(&mut taken, "a", json!({"metadata": {"name": "p"}, "spec": {"containers": asking("1m", "1")}}));
        for (change, wakes) in [
            (Change::NodeAdded(&small), false),
            (Change::NodeAdded(&large), true),
            (Change::NodeUpdated { old: &small, new: &large }, true),
            (Change::NodeUpdated { old: &large, new: &larger }, true),
            (Change::NodeUpdated { old: &larger, new: &large }, false),
            (Change::PodRemoved { pod: &pod, from: free.host(0) }, true),
            (Change::PodRemoved { pod: &pod, from: taken.host(0) }, false),
            (Change::PodAdded(&pod), false),
        ] {
            assert_eq!(NodeResourcesFit.wakes(&cluster, &pod, &change), wakes);
        }
    }
}
