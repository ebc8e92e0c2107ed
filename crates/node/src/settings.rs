//! The kubelet's settings, as EKS's AMIs arrive at them (amazon-eks-ami `nodeadm/internal/kubelet/config.go`).

use crate::imds::{Imds, ImdsError};
use crate::user_data::NodeConfig;
use agent::instances::Machine;
use kubelet::eviction::EvictionSettings;
use kubelet::image_gc::ImageGcPolicy;
use kubelet::{Capacity, Config, SystemInfo};
use meta::Doc;
use std::net::IpAddr;
use std::path::Path;

/// Where the AMI table has no limit.
const FALLBACK_MAX_PODS: u32 = 110;
const CAPACITY_TYPE_VOLUME_BYTES: u64 = 20 << 30;
const OS_IMAGE: &str = "Pilothouse node";

/// Who this instance is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub instance_id: String,
    pub instance_type: String,
    pub region: String,
    pub zone: String,
    /// Empty where EC2 does not say.
    pub zone_id: String,
    pub address: IpAddr,
    pub private_dns_name: String,
    /// The first address of the VPC.
    pub vpc: std::net::Ipv4Addr,
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    Imds(#[from] ImdsError),
    #[error("the instance's {what} is no address: {text:?}")]
    Address { what: &'static str, text: String },
}

impl Identity {
    pub async fn read(imds: &Imds) -> Result<Self, IdentityError> {
        let text = async |path: &str| imds.meta_data(path).await.map(|text| text.trim().to_owned());
        let wrong = |what, text: &str| IdentityError::Address { what, text: text.to_owned() };
        let (address, mac) = (text("local-ipv4").await?, text("mac").await?);
        let range = text(&format!("network/interfaces/macs/{mac}/vpc-ipv4-cidr-block")).await?;
        let vpc: ipnet::Ipv4Net = range.parse().map_err(|_| wrong("VPC", &range))?;
        Ok(Self {
            instance_id: text("instance-id").await?,
            instance_type: text("instance-type").await?,
            region: text("placement/region").await?,
            zone: text("placement/availability-zone").await?,
            zone_id: text("placement/availability-zone-id").await.unwrap_or_default(), // not known everywhere
            address: address.parse().map_err(|_| wrong("address", &address))?,
            private_dns_name: text("local-hostname").await?,
            vpc: vpc.network(),
        })
    }
}

/// What the kubelet of this node is told.
pub fn settings(identity: &Identity, node: &NodeConfig, machine: &Machine, root: &Path, version: &str) -> Config {
    let mut config = Config::new(&identity.private_dns_name, root);
    config.provider_id = format!("aws:///{}/{}", identity.zone, identity.instance_id);
    config.zone.clone_from(&identity.zone);
    config.zone_id.clone_from(&identity.zone_id);
    config.region.clone_from(&identity.region);
    config.instance_type.clone_from(&identity.instance_type);
    config.addresses = vec![identity.address];
    config.labels.clone_from(&node.labels);
    config.taints.clone_from(&node.taints);
    config.capacity = capacity(machine, &node.kubelet);
    config.cluster_dns = addresses(&node.kubelet["clusterDNS"]).unwrap_or_else(|| vec![node.cluster_dns.into()]);
    if let Some(domain) = node.kubelet["clusterDomain"].as_str() {
        config.cluster_domain = domain.to_owned();
    }
    if let Some(limit) = node.kubelet["podPidsLimit"].as_i64() {
        config.pod_pids_limit = limit;
    }
    if let Some(files) = node.kubelet["containerLogMaxFiles"].as_u64().and_then(|files| u32::try_from(files).ok()) {
        config.container_log_max_files = files;
    }
    if let Some(bytes) = node.kubelet["containerLogMaxSize"].as_str().and_then(bytes) {
        config.container_log_max_bytes = bytes;
    }
    match EvictionSettings::from_config(&node.kubelet) {
        Ok(eviction) => config.eviction = eviction,
        Err(error) => tracing::warn!(error, "user data says nothing usable of evictions: as on every EKS node"),
    }
    config.image_gc = image_gc(&node.kubelet);
    config.kubelet_version = version.to_owned();
    config.system = system(&identity.instance_id);
    config
}

fn capacity(machine: &Machine, kubelet: &Doc) -> Capacity {
    let asked = kubelet["maxPods"].as_u64().and_then(|pods| u32::try_from(pods).ok());
    Capacity {
        cpu_milli: u64::from(machine.vcpus) * 1000,
        memory_bytes: machine.memory_bytes,
        ephemeral_bytes: CAPACITY_TYPE_VOLUME_BYTES,
        pods: asked.unwrap_or_else(|| max_pods(machine)),
    }
}

fn image_gc(kubelet: &Doc) -> ImageGcPolicy {
    let policy = ImageGcPolicy::default();
    let percent = |field: &str, default: u64| kubelet[field].as_u64().filter(|percent| *percent <= 100).unwrap_or(default);
    let age = kubelet["imageMinimumGCAge"].as_str().and_then(kubelet::eviction::seconds);
    ImageGcPolicy {
        high_percent: percent("imageGCHighThresholdPercent", policy.high_percent),
        low_percent: percent("imageGCLowThresholdPercent", policy.low_percent),
        min_age_s: age.unwrap_or(policy.min_age_s),
    }
}

/// t3.medium: 3 interfaces of 6 addresses, each without its own, and 2 pods of the host's network: 17.
fn max_pods(machine: &Machine) -> u32 {
    match machine.max_interfaces * machine.addresses_per_interface.saturating_sub(1) {
        0 => FALLBACK_MAX_PODS,
        addresses => addresses + 2,
    }
}

fn addresses(list: &Doc) -> Option<Vec<IpAddr>> {
    let list = list.as_array()?.iter().map(|text| text.as_str()?.parse().ok()).collect::<Option<Vec<IpAddr>>>()?;
    (!list.is_empty()).then_some(list)
}

/// `10Mi` and the like.
fn bytes(text: &str) -> Option<u64> {
    let units = [("Ki", 1u64 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];
    let unit = units.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1));
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn system(instance_id: &str) -> SystemInfo {
    // Each is for people to read; what the machine does not say stays empty.
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let id = instance_id.trim_start_matches("i-");
    SystemInfo {
        machine_id: format!("ec2{id:0>29}"),
        system_uuid: format!("ec2{id:0>29}"),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        kernel_version: read("/proc/sys/kernel/osrelease"),
        os_image: OS_IMAGE.into(),
        architecture: match std::env::consts::ARCH {
            "x86_64" => "amd64".into(),
            "aarch64" => "arm64".into(),
            other => other.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn capacities_follow_type_and_user_data() {
        let machine = Machine { vcpus: 2, memory_bytes: 4 << 30, max_interfaces: 3, addresses_per_interface: 6 };
        for (kubelet, pods) in [(json!(null), 17), (json!({"maxPods": 110}), 110), (json!({"maxPods": -1}), 17)] {
            let capacity = capacity(&machine, &kubelet);
            assert_eq!((capacity.cpu_milli, capacity.pods), (2000, pods), "{kubelet}");
        }
        assert_eq!(max_pods(&Machine::default()), FALLBACK_MAX_PODS);
        for (text, expected) in [("10Mi", Some(10 << 20)), ("5", Some(5)), ("x", None), ("99999999999Gi", None)] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
