//! What is left on a real node: of its instance's memory, of its volume, and of the host beneath.

use super::signal::{Level, Levels, NodeStats, Signal};
use crate::config::{Capacity, Config};
use images::ImageService;
use node_os::cgroup::Cgroup;
use node_os::disk;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Beneath the instance's cgroup, where pods are.
const PODS: &str = "kubepods";

pub struct HostStats {
    cgroup: Cgroup,
    root: PathBuf,
    capacity: Capacity,
    images: Arc<dyn ImageService>,
}

impl HostStats {
    /// `cgroup`: everything of the instance.
    pub fn new(config: &Config, cgroup: Cgroup, images: Arc<dyn ImageService>) -> Self {
        Self { cgroup, root: config.root.clone(), capacity: config.capacity, images }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn level(capacity: u64, available: u64) -> Level {
    Level { available: signed(available.min(capacity)), capacity: signed(capacity) }
}

/// None: this kernel does not say.
fn number(path: &str, read: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    read(&fs::read_to_string(path).ok()?)
}

/// `MemAvailable:   1024 kB`
fn host_memory() -> Option<u64> {
    number("/proc/meminfo", |text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    })
}

fn max_pid() -> Option<u64> {
    number("/proc/sys/kernel/pid_max", |text| text.trim().parse().ok())
}

/// An instance's memory and its volume are promises that the host may not be able to keep: what is left of either is what is
/// left of both.
fn measure(cgroup: &Cgroup, root: &Path, capacity: Capacity) -> Levels {
    let (all, pods) = (cgroup.usage(), cgroup.child(PODS).usage());
    let mut levels = Levels::new();
    let free = capacity.memory_bytes.saturating_sub(all.working_set_bytes);
    let free = host_memory().map_or(free, |host| free.min(host));
    levels.insert(Signal::MemoryAvailable, level(capacity.memory_bytes, free));
    let for_pods = capacity.memory_for_pods();
    let free = for_pods.saturating_sub(pods.working_set_bytes);
    levels.insert(Signal::AllocatableMemoryAvailable, level(for_pods, free));
    if let Some(most) = max_pid() {
        levels.insert(Signal::PidAvailable, level(most, most.saturating_sub(all.pids)));
    }
    match disk::space(root) {
        Ok(space) => {
            levels.insert(Signal::NodeFsAvailable, level(capacity.ephemeral_bytes, space.available_bytes));
            // Some file systems have as many as they like.
            if space.inodes > 0 {
                levels.insert(Signal::NodeFsInodesFree, level(space.inodes, space.inodes_free));
                levels.insert(Signal::ImageFsInodesFree, level(space.inodes, space.inodes_free));
            }
        }
        Err(error) => tracing::warn!(%error, root = %root.display(), "the node's disk cannot be measured"),
    }
    levels
}

#[async_trait::async_trait]
impl NodeStats for HostStats {
    async fn levels(&self) -> Levels {
        let (cgroup, root, capacity) = (self.cgroup.clone(), self.root.clone(), self.capacity);
        // A measurement that panics has measured nothing.
        let mut levels = tokio::task::spawn_blocking(move || measure(&cgroup, &root, capacity)).await.unwrap_or_default();
        if let Ok((used, free)) = self.images.file_system().await {
            levels.insert(Signal::ImageFsAvailable, level(used.saturating_add(free), free));
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_can_be_measured() {
        let capacity = Config::new("n", "/").capacity;
        let levels = measure(&Cgroup::new("pilothouse-no-such-group"), Path::new("/"), capacity);
        for signal in [Signal::MemoryAvailable, Signal::AllocatableMemoryAvailable, Signal::NodeFsAvailable, Signal::PidAvailable] {
            let level = levels.get(&signal).unwrap_or_else(|| panic!("{signal:?} is measured"));
            assert!((0..=level.capacity).contains(&level.available), "{signal:?} {level:?}");
        }
        assert_eq!(levels[&Signal::NodeFsAvailable].capacity, signed(capacity.ephemeral_bytes));
    }
}
