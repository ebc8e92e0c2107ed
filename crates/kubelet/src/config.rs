//! What one node's kubelet is told, and EKS's arithmetic of what a node keeps for itself.

use crate::eviction::EvictionSettings;
use crate::image_gc::ImageGcPolicy;
use meta::Doc;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// EKS's bootstrap: `memory: 11Mi * max pods + 255Mi`.
const RESERVED_MEMORY_BASE: u64 = 255 * MIB;
const RESERVED_MEMORY_PER_POD: u64 = 11 * MIB;
const RESERVED_EPHEMERAL: u64 = GIB;
/// `memory.available<100Mi`
const EVICTION_MEMORY: u64 = 100 * MIB;
/// `nodefs.available<10%`
const EVICTION_EPHEMERAL_PERCENT: u64 = 10;

/// What the machine has, as Node.status.capacity says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    pub ephemeral_bytes: u64,
    pub pods: u32,
}

impl Capacity {
    /// CPU that EKS's AMIs keep for the system: 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 %
    /// of the rest. Two cores: 60m + 10m = 70m.
    pub fn reserved_cpu_milli(&self) -> u64 {
        let tiers = [(1000, 600), (1000, 100), (2000, 50), (u64::MAX, 25)];
        let mut left = self.cpu_milli;
        let mut hundredths_of_percent = 0;
        for (width, share) in tiers {
            let part = left.min(width);
            hundredths_of_percent += part * share;
            left -= part;
        }
        hundredths_of_percent / 10_000
    }

    /// What the node keeps for itself of its memory is not for pods.
    pub fn memory_for_pods(&self) -> u64 {
        let reserved = RESERVED_MEMORY_BASE + RESERVED_MEMORY_PER_POD * u64::from(self.pods);
        self.memory_bytes.saturating_sub(reserved)
    }

    /// What pods may have: the capacity without what is reserved and without the eviction thresholds.
    pub fn allocatable(&self) -> Self {
        let reserved_ephemeral = RESERVED_EPHEMERAL + self.ephemeral_bytes * EVICTION_EPHEMERAL_PERCENT / 100;
        Self {
            cpu_milli: self.cpu_milli - self.reserved_cpu_milli(),
            memory_bytes: self.memory_for_pods().saturating_sub(EVICTION_MEMORY),
            ephemeral_bytes: self.ephemeral_bytes.saturating_sub(reserved_ephemeral),
            pods: self.pods,
        }
    }

    /// As a ResourceList. `ephemeral`: capacities print it in Ki, allocatables in bytes, as upstream does.
    pub fn resource_list(&self, ephemeral_in_ki: bool) -> Doc {
        let cpu = if self.cpu_milli.is_multiple_of(1000) {
            (self.cpu_milli / 1000).to_string()
        } else {
            format!("{}m", self.cpu_milli)
        };
        let ephemeral =
            if ephemeral_in_ki { format!("{}Ki", self.ephemeral_bytes / 1024) } else { self.ephemeral_bytes.to_string() };
        json!({
            "cpu": cpu, "memory": format!("{}Ki", self.memory_bytes / 1024), "ephemeral-storage": ephemeral,
            "pods": self.pods.to_string(), "hugepages-1Gi": "0", "hugepages-2Mi": "0",
        })
    }
}

/// Everything that differs between nodes.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ip-10-0-1-23.ec2.internal`
    pub node_name: String,
    /// `aws:///us-east-1a/i-0123456789abcdef0`
    pub provider_id: String,
    pub zone: String,
    /// `use1-az1`; empty: no label.
    pub zone_id: String,
    pub region: String,
    pub instance_type: String,
    /// The node's own addresses, the first is the one pods of the host network have.
    pub addresses: Vec<IpAddr>,
    /// `InternalDNS` and `Hostname`.
    pub private_dns_name: String,
    /// Beside those that the kubelet sets itself.
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// `key=value:Effect`, parsed.
    pub taints: Vec<Doc>,
    pub capacity: Capacity,
    pub cluster_dns: Vec<IpAddr>,
    pub cluster_domain: String,
    /// The node's own root file system; empty: it has none, and keeps no logs (a simulated node).
    pub root: PathBuf,
    pub kubelet_version: String,
    /// Where the kubelet's server listens.
    pub kubelet_port: u16,
    pub pod_pids_limit: i64,
    pub container_log_max_bytes: u64,
    pub container_log_max_files: u32,
    pub eviction: EvictionSettings,
    pub image_gc: ImageGcPolicy,
    pub system: SystemInfo,
}

/// Node.status.nodeInfo.
#[derive(Clone, Debug, Default)]
pub struct SystemInfo {
    pub machine_id: String,
    pub system_uuid: String,
    pub boot_id: String,
    pub kernel_version: String,
    pub os_image: String,
    /// `amd64`, `arm64`
    pub architecture: String,
}

impl Config {
    /// With EKS's defaults for what few callers change.
    pub fn new(node_name: &str, root: impl Into<PathBuf>) -> Self {
        Self {
            node_name: node_name.into(),
            provider_id: String::new(),
            zone: String::new(),
            zone_id: String::new(),
            region: String::new(),
            instance_type: String::new(),
            addresses: Vec::new(),
            private_dns_name: node_name.into(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            taints: Vec::new(),
            capacity: Capacity { cpu_milli: 2000, memory_bytes: 4 * GIB, ephemeral_bytes: 20 * GIB, pods: 17 },
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".into(),
            root: root.into(),
            kubelet_version: "v1.36.0".into(),
            kubelet_port: 10250,
            pod_pids_limit: 0,
            container_log_max_bytes: 10 * MIB,
            container_log_max_files: 5,
            eviction: EvictionSettings::default(),
            image_gc: ImageGcPolicy::default(),
            system: SystemInfo::default(),
        }
    }

    /// The address that stands for the node.
    pub fn host_ip(&self) -> Option<IpAddr> {
        self.addresses.first().copied()
    }

    pub fn has_disk(&self) -> bool {
        !self.root.as_os_str().is_empty()
    }

    /// `<root>/var/lib/kubelet/pods/<uid>`
    pub fn pod_directory(&self, uid: &str) -> PathBuf {
        self.root.join("var/lib/kubelet/pods").join(uid)
    }

    /// `<root>/var/log/pods/<namespace>_<name>_<uid>`
    pub fn log_directory(&self, namespace: &str, name: &str, uid: &str) -> PathBuf {
        self.root.join("var/log/pods").join(format!("{namespace}_{name}_{uid}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_what_eks_keeps() {
        for (cores, reserved) in [(1, 60), (2, 70), (4, 80), (8, 90), (96, 310)] {
            let capacity = Capacity { cpu_milli: cores * 1000, ..Capacity::default() };
            assert_eq!(capacity.reserved_cpu_milli(), reserved, "{cores} cores");
        }
        let medium = Capacity { cpu_milli: 2000, memory_bytes: 4 * GIB, ephemeral_bytes: 20 * GIB, pods: 17 };
        let list = medium.allocatable().resource_list(false);
        assert_eq!(list["cpu"], "1930m");
        assert_eq!(list["memory"], format!("{}Ki", (4096 - 255 - 11 * 17 - 100) * 1024));
        assert_eq!(list["pods"], "17");
        assert_eq!(medium.resource_list(true)["cpu"], "2");
        assert_eq!(medium.resource_list(true)["ephemeral-storage"], "20971520Ki");
    }
}
