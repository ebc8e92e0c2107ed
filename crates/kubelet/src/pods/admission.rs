//! Which pods a node takes: what a scheduler checked is checked again where the pod arrives
//! (kubernetes pkg/kubelet/lifecycle/predicate.go, pkg/kubelet/kubelet.go rejectPod).

use super::affinity;
use crate::config::Capacity;
use crate::pod::{PodView, items};
use crate::status::Failure;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What an admitted pod takes.
#[derive(Clone, Debug, Default)]
struct Taken {
    cpu_milli: i64,
    memory_bytes: i64,
    ephemeral_bytes: i64,
    /// `(protocol, port)`
    ports: HashSet<(String, u64)>,
}

impl Taken {
    fn of(pod: &PodView) -> Self {
        let requests = pod.requests();
        let ports = pod.containers().chain(pod.init_containers().filter(|container| container.is_sidecar()));
        let ports = ports.flat_map(|container| items(&container.doc()["ports"]).iter());
        let host_port = |port: &meta::Doc| {
            let number = port["hostPort"].as_u64().filter(|number| *number > 0)?;
            Some((port["protocol"].as_str().unwrap_or("TCP").to_owned(), number))
        };
        Self {
            cpu_milli: requests.cpu_milli,
            memory_bytes: requests.memory_bytes,
            ephemeral_bytes: requests.ephemeral_bytes,
            ports: ports.filter_map(host_port).collect(),
        }
    }
}

/// The pods that this node has taken.
pub struct Admission {
    node_name: String,
    allocatable: Capacity,
    labels: Mutex<BTreeMap<String, String>>,
    taken: Mutex<HashMap<String, Taken>>,
}

impl Admission {
    pub fn new(node_name: &str, allocatable: Capacity, labels: BTreeMap<String, String>) -> Self {
        Self { node_name: node_name.into(), allocatable, labels: Mutex::new(labels), taken: Mutex::default() }
    }

    /// The node's labels changed.
    pub fn set_labels(&self, labels: BTreeMap<String, String>) {
        *self.labels.lock() = labels;
    }

    /// Takes the pod, or says why not. One that ran here before is taken in any case.
    pub fn admit(&self, pod: &PodView, runs: bool) -> Result<(), Failure> {
        let wanted = Taken::of(pod);
        let mut taken = self.taken.lock();
        if !runs && !taken.contains_key(pod.uid()) {
            self.fits(&wanted, &taken)?;
            if !affinity::matches(pod, &self.node_name, &self.labels.lock()) {
                return Err(predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector"));
            }
        }
        taken.insert(pod.uid().to_owned(), wanted);
        Ok(())
    }

    pub fn release(&self, uid: &str) {
        self.taken.lock().remove(uid);
    }

    fn fits(&self, wanted: &Taken, taken: &HashMap<String, Taken>) -> Result<(), Failure> {
        let sum = |field: fn(&Taken) -> i64| taken.values().map(field).sum::<i64>();
        let has = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let all = [
            ("pods", 1, taken.len() as i64, i64::from(self.allocatable.pods)),
            ("cpu", wanted.cpu_milli, sum(|t| t.cpu_milli), has(self.allocatable.cpu_milli)),
            ("memory", wanted.memory_bytes, sum(|t| t.memory_bytes), has(self.allocatable.memory_bytes)),
            ("ephemeral-storage", wanted.ephemeral_bytes, sum(|t| t.ephemeral_bytes), has(self.allocatable.ephemeral_bytes)),
        ];
        for (resource, requested, used, capacity) in all {
            if requested > 0 && requested > capacity - used {
                let numbers = format!("requested: {requested}, used: {used}, capacity: {capacity}");
                let message = format!("Node didn't have enough resource: {resource}, {numbers}");
                return Err(Failure { reason: format!("OutOf{resource}"), message, ..Failure::default() });
            }
        }
        if taken.values().any(|other| !other.ports.is_disjoint(&wanted.ports)) {
            return Err(predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports"));
        }
        Ok(())
    }
}

fn predicate(name: &str, why: &str) -> Failure {
    Failure { reason: name.into(), message: format!("Predicate {name} failed: {why}"), ..Failure::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(uid: &str, cpu: &str, port: u64) -> PodView {
        PodView::new(json!({"metadata": {"uid": uid}, "spec": {"containers":
            [{"ports": [{"hostPort": port}], "resources": {"requests": {"cpu": cpu}}}]}}))
    }

    #[test]
    fn a_node_takes_what_fits() {
        let capacity = Capacity { cpu_milli: 2000, memory_bytes: 1 << 30, ephemeral_bytes: 1 << 30, pods: 3 };
        let admission = Admission::new("n", capacity, BTreeMap::new());
        let text = |outcome: Result<(), Failure>| outcome.err().map(|failure| format!("{}: {}", failure.reason, failure.message));
        assert_eq!(text(admission.admit(&pod("a", "1500m", 80), false)), None);
        assert_eq!(text(admission.admit(&pod("a", "1500m", 80), false)), None, "it is here already");
        let cpu = "OutOfcpu: Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000";
        assert_eq!(text(admission.admit(&pod("b", "600m", 0), false)).as_deref(), Some(cpu));
        let ports = "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
        assert_eq!(text(admission.admit(&pod("b", "0", 80), false)).as_deref(), Some(ports));
        assert_eq!(text(admission.admit(&pod("b", "600m", 0), true)), None, "it ran before");
        assert_eq!(text(admission.admit(&pod("c", "0", 0), false)), None);
        let pods = "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3";
        assert_eq!(text(admission.admit(&pod("d", "0", 0), false)).as_deref(), Some(pods));
        admission.release("c");
        assert_eq!(text(admission.admit(&pod("d", "0", 0), false)), None);
    }
}
