//! What an eviction says (kubernetes pkg/kubelet/eviction/helpers.go, evictionMessage).

use super::rank::{Candidate, ContainerUse};
use super::settings::Threshold;
use super::signal::{Condition, Level, Signal};
use crate::pod::{PodView, quantity};
use meta::quantity::{Format, Quantity};
use std::collections::BTreeSet;

/// `100Mi`, as Go prints a number of bytes.
fn bytes(value: i64) -> Quantity {
    Quantity::from_value(value, Format::Binary)
}

pub fn condition(conditions: &BTreeSet<Condition>) -> String {
    let names: Vec<&str> = conditions.iter().map(|condition| condition.name()).collect();
    format!("The node had condition: [{}]. ", names.join(" "))
}

pub fn reclaiming(signal: Signal) -> String {
    format!("Attempting to reclaim {}", signal.resource())
}

/// Why this pod: what the node lacks, and which of its containers took more than they asked for.
pub fn low(threshold: &Threshold, level: Level, candidate: &Candidate) -> String {
    let resource = threshold.signal.resource();
    let amount = |value: i64| match threshold.signal {
        Signal::NodeFsInodesFree | Signal::ImageFsInodesFree | Signal::PidAvailable => {
            Quantity::from_value(value, Format::Decimal)
        }
        _ => bytes(value),
    };
    let (wanted, available) = (amount(threshold.amount.of(level)), amount(level.available));
    let mut text =
        format!("The node was low on resource: {resource}. Threshold quantity: {wanted}, available: {available}. ");
    for used in candidate.usage.iter().flat_map(|usage| &usage.containers) {
        text.push_str(&greedy(&candidate.pod, used, resource).unwrap_or_default());
    }
    text
}

/// None: it took no more than it asked for.
fn greedy(pod: &PodView, used: &ContainerUse, resource: &str) -> Option<String> {
    let container = pod.containers().chain(pod.init_containers()).find(|container| container.name() == used.name)?;
    let usage = match resource {
        "memory" => used.memory,
        "ephemeral-storage" => used.disk,
        _ => return None,
    };
    let request = quantity(&container.resources()["requests"][resource]).unwrap_or(Quantity::ZERO);
    (usage > request.value()).then(|| {
        let name = container.name();
        format!("Container {name} was using {}, request is {request}, has larger consumption of {resource}. ", bytes(usage))
    })
}

pub fn empty_dir(volume: &str, limit: Quantity) -> String {
    format!("Usage of EmptyDir volume {volume:?} exceeds the limit \"{limit}\". ")
}

pub fn container_storage(container: &str, limit: Quantity) -> String {
    format!("Container {container} exceeded its local ephemeral storage limit \"{limit}\". ")
}

pub fn pod_storage(limit_bytes: i64) -> String {
    format!("Pod ephemeral local storage usage exceeds the total limit of containers {}. ", bytes(limit_bytes))
}

#[cfg(test)]
mod tests {
    use super::super::rank::Usage;
    use super::super::settings::Amount;
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn reasons_read_as_upstreams() {
        let pod = PodView::new(json!({"spec": {"containers": [
            {"name": "a", "resources": {"requests": {"memory": "64Mi"}}}, {"name": "b"}]}}));
        let used = |name: &str, memory: i64| ContainerUse { name: name.into(), memory: memory << 20, disk: memory << 10 };
        let usage = Usage { containers: vec![used("a", 80), used("b", 3), used("debugger", 500)], ..Usage::default() };
        let candidate = Candidate { pod: Arc::new(pod), usage: Some(usage) };
        let level = Level { available: 50 << 20, capacity: 1000 << 20 };
        let threshold = |signal, amount| Threshold { signal, amount, grace_s: 0, reclaim: None };
        for (threshold, expected) in [
            (
                threshold(Signal::MemoryAvailable, Amount::Absolute(100 << 20)),
                "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. \
                 Container a was using 80Mi, request is 64Mi, has larger consumption of memory. \
                 Container b was using 3Mi, request is 0, has larger consumption of memory. ",
            ),
            (
                threshold(Signal::NodeFsAvailable, Amount::Percent(10.0)),
                "The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 50Mi. \
                 Container a was using 80Ki, request is 0, has larger consumption of ephemeral-storage. \
                 Container b was using 3Ki, request is 0, has larger consumption of ephemeral-storage. ",
            ),
            (
                threshold(Signal::PidAvailable, Amount::Absolute(10)),
                "The node was low on resource: pids. Threshold quantity: 10, available: 52428800. ",
            ),
        ] {
            assert_eq!(low(&threshold, level, &candidate), expected);
        }
    }
}
