//! The fields of v1 Pod and Node that scheduling depends on, as they are stored.

use meta::quantity::Quantity;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An explicit null is nothing said.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Clone, Debug, Default)]
pub struct ResourceList(pub BTreeMap<String, Quantity>);

impl<'de> Deserialize<'de> for ResourceList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Option::<BTreeMap<String, &'de RawValue>>::deserialize(deserializer)?.unwrap_or_default();
        // The API server refuses quantities that do not parse; a bare number is one too.
        let parse = |value: &RawValue| Quantity::parse(value.get().trim_matches('"')).ok();
        Ok(Self(raw.into_iter().filter_map(|(name, value)| Some((name, parse(value)?))).collect()))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PodDoc {
    pub metadata: MetadataDoc,
    #[serde(deserialize_with = "or_default")]
    pub spec: PodSpec,
    #[serde(deserialize_with = "or_default")]
    pub status: PodStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetadataDoc {
    #[serde(deserialize_with = "or_default")]
    pub creation_timestamp: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    #[serde(deserialize_with = "or_default")]
    pub node_name: String,
    #[serde(deserialize_with = "or_default")]
    pub scheduler_name: String,
    #[serde(deserialize_with = "or_default")]
    pub priority: i32,
    #[serde(deserialize_with = "or_default")]
    pub preemption_policy: String,
    #[serde(deserialize_with = "or_default")]
    pub scheduling_gates: Vec<NameDoc>,
    #[serde(deserialize_with = "or_default")]
    pub node_selector: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub affinity: AffinityDoc,
    #[serde(deserialize_with = "or_default")]
    pub tolerations: Vec<TolerationDoc>,
    #[serde(deserialize_with = "or_default")]
    pub topology_spread_constraints: Vec<SpreadDoc>,
    #[serde(deserialize_with = "or_default")]
    pub containers: Vec<ContainerDoc>,
    #[serde(deserialize_with = "or_default")]
    pub init_containers: Vec<ContainerDoc>,
    #[serde(deserialize_with = "or_default")]
    pub resources: ResourcesDoc,
    #[serde(deserialize_with = "or_default")]
    pub volumes: Vec<VolumeDoc>,
    pub overhead: ResourceList,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeDoc {
    pub name: String,
    pub persistent_volume_claim: Option<ClaimDoc>,
    pub ephemeral: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimDoc {
    pub claim_name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    #[serde(deserialize_with = "or_default")]
    pub phase: String,
    #[serde(deserialize_with = "or_default")]
    pub nominated_node_name: String,
    #[serde(deserialize_with = "or_default")]
    pub start_time: String,
    #[serde(deserialize_with = "or_default")]
    pub conditions: Vec<ConditionDoc>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConditionDoc {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub status: String,
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(deserialize_with = "or_default")]
    pub last_transition_time: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NameDoc {
    pub name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerDoc {
    #[serde(deserialize_with = "or_default")]
    pub image: String,
    #[serde(deserialize_with = "or_default")]
    pub restart_policy: String,
    #[serde(deserialize_with = "or_default")]
    pub resources: ResourcesDoc,
    #[serde(deserialize_with = "or_default")]
    pub ports: Vec<PortDoc>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ResourcesDoc {
    pub requests: ResourceList,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortDoc {
    #[serde(deserialize_with = "or_default")]
    pub host_port: u16,
    #[serde(rename = "hostIP", deserialize_with = "or_default")]
    pub host_ip: String,
    #[serde(deserialize_with = "or_default")]
    pub protocol: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TolerationDoc {
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    #[serde(deserialize_with = "or_default")]
    pub operator: String,
    #[serde(deserialize_with = "or_default")]
    pub value: String,
    #[serde(deserialize_with = "or_default")]
    pub effect: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AffinityDoc {
    #[serde(deserialize_with = "or_default")]
    pub node_affinity: NodeAffinityDoc,
    #[serde(deserialize_with = "or_default")]
    pub pod_affinity: PodAffinityDoc,
    #[serde(deserialize_with = "or_default")]
    pub pod_anti_affinity: PodAffinityDoc,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NodeAffinityDoc {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Option<NodeSelectorDoc>,
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution", deserialize_with = "or_default")]
    pub preferred: Vec<PreferredNodeDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelectorDoc {
    #[serde(deserialize_with = "or_default")]
    pub node_selector_terms: Vec<NodeTermDoc>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PreferredNodeDoc {
    pub weight: i64,
    pub preference: NodeTermDoc,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeTermDoc {
    #[serde(deserialize_with = "or_default")]
    pub match_expressions: Vec<ExpressionDoc>,
    #[serde(deserialize_with = "or_default")]
    pub match_fields: Vec<ExpressionDoc>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ExpressionDoc {
    pub key: String,
    pub operator: String,
    #[serde(deserialize_with = "or_default")]
    pub values: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PodAffinityDoc {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution", deserialize_with = "or_default")]
    pub required: Vec<PodTermDoc>,
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution", deserialize_with = "or_default")]
    pub preferred: Vec<PreferredPodDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTermDoc {
    pub label_selector: Option<meta::Doc>,
    #[serde(deserialize_with = "or_default")]
    pub namespaces: Vec<String>,
    pub namespace_selector: Option<meta::Doc>,
    pub topology_key: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreferredPodDoc {
    pub weight: i64,
    pub pod_affinity_term: PodTermDoc,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpreadDoc {
    pub max_skew: i64,
    pub topology_key: String,
    pub when_unsatisfiable: String,
    pub label_selector: Option<meta::Doc>,
    #[serde(deserialize_with = "or_default")]
    pub min_domains: i64,
    #[serde(deserialize_with = "or_default")]
    pub node_affinity_policy: String,
    #[serde(deserialize_with = "or_default")]
    pub node_taints_policy: String,
    #[serde(deserialize_with = "or_default")]
    pub match_label_keys: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NodeDoc {
    #[serde(deserialize_with = "or_default")]
    pub spec: NodeSpec,
    #[serde(deserialize_with = "or_default")]
    pub status: NodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    #[serde(deserialize_with = "or_default")]
    pub unschedulable: bool,
    #[serde(deserialize_with = "or_default")]
    pub taints: Vec<TaintDoc>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TaintDoc {
    pub key: String,
    #[serde(deserialize_with = "or_default")]
    pub value: String,
    pub effect: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    pub allocatable: ResourceList,
    pub capacity: ResourceList,
    #[serde(deserialize_with = "or_default")]
    pub images: Vec<ImageDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageDoc {
    #[serde(deserialize_with = "or_default")]
    pub names: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub size_bytes: i64,
}
