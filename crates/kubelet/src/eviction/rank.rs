//! Who goes first (kubernetes pkg/kubelet/eviction/helpers.go, rankMemoryPressure and its neighbours).

use super::signal::Signal;
use crate::pod::PodView;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one container uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerUse {
    pub name: String,
    pub memory: i64,
    /// Its writable layer and its logs.
    pub disk: i64,
}

/// What a pod uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub memory: i64,
    pub processes: i64,
    pub disk: i64,
    pub inodes: i64,
    pub containers: Vec<ContainerUse>,
    /// Bytes in each volume that lies on the node's disk.
    pub volumes: BTreeMap<String, i64>,
}

#[derive(Clone, Debug)]
pub struct Candidate {
    pub pod: Arc<PodView>,
    /// None: nobody could say.
    pub usage: Option<Usage>,
}

/// Of a pod that nobody knows anything of, first; then of one that takes more than it asked for; then by priority; then by
/// how much more it takes.
pub fn rank(signal: Signal, candidates: &mut [Candidate]) {
    candidates.sort_by_cached_key(|candidate| {
        let request = candidate.pod.requests();
        let (used, asked) = match (&candidate.usage, signal) {
            (None, _) => return (false, false, candidate.pod.priority(), 0),
            (Some(usage), Signal::MemoryAvailable | Signal::AllocatableMemoryAvailable) => (usage.memory, request.memory_bytes),
            (Some(usage), Signal::NodeFsAvailable | Signal::ImageFsAvailable) => (usage.disk, request.ephemeral_bytes),
            (Some(usage), Signal::NodeFsInodesFree | Signal::ImageFsInodesFree) => (usage.inodes, 0),
            // Nobody asks for process ids: only priority and number count.
            (Some(usage), Signal::PidAvailable) => return (true, true, candidate.pod.priority(), -usage.processes),
        };
        (true, used <= asked, candidate.pod.priority(), asked - used)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, priority: i64, request: i64, used: Option<i64>) -> Candidate {
        let resources = json!({"requests": {"memory": request, "ephemeral-storage": request}});
        let doc = json!({"metadata": {"name": name}, "spec": {"priority": priority, "containers": [{"resources": resources}]}});
        let usage = used.map(|used| Usage { memory: used, processes: used, disk: used, inodes: used, ..Usage::default() });
        Candidate { pod: Arc::new(PodView::new(doc)), usage }
    }

    #[test]
    fn who_takes_more_than_asked_goes_first() {
        let pods = [
            pod("modest", 0, 100, Some(50)),
            pod("greedy", 0, 100, Some(200)),
            pod("greedier", 0, 0, Some(150)),
            pod("important", 1000, 0, Some(900)),
            pod("unknown", 1000, 0, None),
            pod("idle", -1, 0, Some(0)),
        ];
        for (signal, expected) in [
            (Signal::MemoryAvailable, "unknown greedier greedy important idle modest"),
            (Signal::NodeFsAvailable, "unknown greedier greedy important idle modest"),
            (Signal::NodeFsInodesFree, "unknown greedy greedier modest important idle"),
            (Signal::PidAvailable, "unknown idle greedy greedier modest important"),
        ] {
            let mut candidates = pods.to_vec();
            rank(signal, &mut candidates);
            let names: Vec<&str> = candidates.iter().map(|candidate| candidate.pod.name()).collect();
            assert_eq!(names.join(" "), expected, "{signal:?}");
        }
    }
}
