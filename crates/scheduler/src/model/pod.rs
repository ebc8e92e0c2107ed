//! A pod as the scheduler sees it.

use super::document::{ConditionDoc, PodDoc, PodSpec, VolumeDoc};
use super::resources::{non_zero_requests, requests};
use super::{ParseError, Placement, PodTerms, Resources, SpreadConstraint, Toleration};
use meta::{Labels, Object, Time};
use std::sync::Arc;

const DEFAULT_SCHEDULER: &str = "default-scheduler";
pub const POD_SCHEDULED: &str = "PodScheduled";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// `0.0.0.0` is every address.
    pub ip: String,
    pub protocol: String,
    pub port: u16,
}

impl HostPort {
    pub fn conflicts(&self, other: &Self) -> bool {
        const ANY: &str = "0.0.0.0";
        let same_ip = self.ip == other.ip || self.ip == ANY || other.ip == ANY;
        self.port == other.port && self.protocol == other.protocol && same_ip
    }
}

/// A PersistentVolumeClaim that the pod mounts.
#[derive(Debug, PartialEq, Eq)]
pub struct ClaimName {
    pub name: String,
    /// Made for this very pod, from a template in it.
    pub is_ephemeral: bool,
}

/// What decides where the pod goes. Two pods that ask the same are alike to every plugin, but for their labels.
#[derive(Debug, PartialEq, Eq)]
pub struct Asks {
    pub priority: i32,
    /// `spec.preemptionPolicy` is not `Never`.
    pub preempts: bool,
    pub gates: Vec<String>,
    pub requests: Resources,
    /// With defaults for what is not said: for scores.
    pub scored: Resources,
    pub ports: Vec<HostPort>,
    pub claims: Vec<ClaimName>,
    /// As nodes list them, with a tag; of all containers.
    pub images: Vec<String>,
    pub tolerations: Vec<Toleration>,
    pub placement: Placement,
    pub terms: Option<Box<PodTerms>>,
    pub spread: Vec<SpreadConstraint>,
}

#[derive(Debug)]
pub struct Pod {
    object: Arc<Object>,
    pub asks: Asks,
    pub node_name: String,
    pub nominated_node: String,
    pub scheduler_name: String,
    /// `Succeeded` or `Failed`: it takes nothing any more.
    pub is_terminal: bool,
    pub scheduled: Option<ConditionDoc>,
    /// The scheduler deletes it in favour of another.
    pub is_victim: bool,
    /// When it started, or was made.
    pub since: i64,
}

impl Pod {
    pub fn parse(object: &Arc<Object>) -> Result<Self, ParseError> {
        let doc: PodDoc = serde_json::from_slice(object.stored())?;
        let (mut spec, status) = (doc.spec, doc.status);
        let node_name = std::mem::take(&mut spec.node_name);
        let scheduler_name = std::mem::take(&mut spec.scheduler_name);
        let scheduler_name = if scheduler_name.is_empty() { DEFAULT_SCHEDULER.into() } else { scheduler_name };
        let started = if status.start_time.is_empty() { &doc.metadata.creation_timestamp } else { &status.start_time };
        let since = Time::parse(started).map_or(0, Time::unix);
        let disrupted = |c: &ConditionDoc| c.kind == "DisruptionTarget" && c.reason == "PreemptionByScheduler";
        Ok(Self {
            asks: asks(object, spec),
            node_name,
            scheduler_name,
            nominated_node: status.nominated_node_name,
            is_terminal: matches!(status.phase.as_str(), "Succeeded" | "Failed"),
            is_victim: status.conditions.iter().any(|c| disrupted(c) && c.status == "True"),
            scheduled: status.conditions.into_iter().find(|c| c.kind == POD_SCHEDULED),
            since,
            object: object.clone(),
        })
    }

    pub fn object(&self) -> &Arc<Object> {
        &self.object
    }
    pub fn uid(&self) -> &str {
        &self.object.meta.uid
    }
    pub fn namespace(&self) -> &str {
        &self.object.meta.namespace
    }
    pub fn name(&self) -> &str {
        &self.object.meta.name
    }
    pub fn labels(&self) -> &Labels {
        &self.object.meta.labels
    }
    pub fn is_deleting(&self) -> bool {
        self.object.meta.is_deleting()
    }
    pub fn is_gated(&self) -> bool {
        !self.asks.gates.is_empty()
    }

    /// Whether the two look the same to plugins.
    pub fn same_to_plugins(&self, other: &Self) -> bool {
        self.is_deleting() == other.is_deleting() && self.labels() == other.labels() && self.asks == other.asks
    }
}

fn asks(object: &Object, spec: PodSpec) -> Asks {
    let (namespace, labels) = (&object.meta.namespace, &object.meta.labels);
    Asks {
        claims: claims(&object.meta.name, &spec.volumes),
        requests: requests(&spec),
        scored: non_zero_requests(&spec),
        ports: host_ports(&spec),
        images: spec.init_containers.iter().chain(&spec.containers).map(|c| normalized(&c.image)).collect(),
        priority: spec.priority,
        preempts: spec.preemption_policy != "Never",
        gates: spec.scheduling_gates.into_iter().map(|gate| gate.name).collect(),
        tolerations: spec.tolerations.into_iter().filter_map(Toleration::of).collect(),
        spread: spec
            .topology_spread_constraints
            .into_iter()
            .map(|constraint| SpreadConstraint::of(namespace, labels, constraint))
            .collect(),
        placement: Placement::of(spec.node_selector, spec.affinity.node_affinity),
        terms: PodTerms::of(namespace, spec.affinity.pod_affinity, spec.affinity.pod_anti_affinity),
    }
}

/// Those of generic ephemeral volumes are named after pod and volume (k8s.io/component-helpers storage/ephemeral).
fn claims(pod: &str, volumes: &[VolumeDoc]) -> Vec<ClaimName> {
    let claim = |volume: &VolumeDoc| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(ClaimName { name: claim.claim_name.clone(), is_ephemeral: false }),
        (None, Some(_)) => Some(ClaimName { name: format!("{pod}-{}", volume.name), is_ephemeral: true }),
        (None, None) => None,
    };
    volumes.iter().filter_map(claim).collect()
}

/// Of containers and of sidecars, which run as long (kubernetes pkg/scheduler/util GetHostPorts).
fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec.init_containers.iter().filter(|container| container.restart_policy == "Always");
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| &container.ports);
    let text = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    let used = ports.filter(|port| port.host_port > 0).map(|port| HostPort {
        ip: text(&port.host_ip, "0.0.0.0"),
        protocol: text(&port.protocol, "TCP"),
        port: port.host_port,
    });
    used.collect()
}

/// As upstream's normalizedImageName: without a tag it is the latest.
fn normalized(image: &str) -> String {
    let last = image.rfind('/').map_or(image, |slash| &image[slash..]);
    if last.contains(':') { image.to_owned() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_a_tag_as_nodes_list_them() {
        for (image, listed) in [
            ("nginx", "nginx:latest"),
            ("nginx:1", "nginx:1"),
            ("host:5000/nginx", "host:5000/nginx:latest"),
            ("host:5000/nginx@sha256:0", "host:5000/nginx@sha256:0"),
        ] {
            assert_eq!(normalized(image), listed);
        }
    }

    #[test]
    fn ports_conflict_where_addresses_meet() {
        let port = |ip: &str, protocol: &str, port: u16| HostPort { ip: ip.into(), protocol: protocol.into(), port };
        let taken = port("127.0.0.1", "TCP", 80);
        for (wanted, conflicts) in [
            (port("127.0.0.1", "TCP", 80), true),
            (port("0.0.0.0", "TCP", 80), true),
            (port("127.0.0.2", "TCP", 80), false),
            (port("127.0.0.1", "UDP", 80), false),
            (port("127.0.0.1", "TCP", 81), false),
        ] {
            assert_eq!((wanted.conflicts(&taken), taken.conflicts(&wanted)), (conflicts, conflicts), "{wanted:?}");
        }
    }
}
