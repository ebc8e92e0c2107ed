//! What workload controllers look at in a pod, read once per version: a pass over thousands of pods parses none of them.

use meta::{Object, Time};
use serde::Deserialize;
use std::sync::{Arc, OnceLock};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    #[default]
    Pending,
    Unknown,
    Running,
    Succeeded,
    Failed,
}

#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub object: Arc<Object>,
    pub phase: Phase,
    /// Empty: not scheduled.
    pub node: Box<str>,
    /// Whether condition `Ready` is true, and since when.
    pub ready: bool,
    pub ready_since: Option<Time>,
    pub created: Option<Time>,
    /// The most restarts among the containers, and among the sidecars.
    pub restarts: (u32, u32),
    /// Annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: i32,
    bound_for: OnceLock<Option<Box<str>>>,
}

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Facts {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    creation_timestamp: Option<String>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: Option<String>,
    init_containers: Option<Vec<InitContainer>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct InitContainer {
    name: String,
    restart_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    conditions: Option<Vec<Condition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    r#type: String,
    status: String,
    last_transition_time: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    restart_count: i64,
}

impl Pod {
    /// A document that does not read as a pod counts as one that has just been made.
    pub fn of(object: &Arc<Object>) -> Self {
        let facts: Facts = serde_json::from_slice(object.stored()).unwrap_or_default();
        let ready = facts.status.conditions.iter().flatten().find(|c| c.r#type == "Ready" && c.status == "True");
        let annotations = facts.metadata.annotations.unwrap_or_default();
        Self {
            object: object.clone(),
            phase: phase(facts.status.phase.as_deref()),
            ready: ready.is_some(),
            ready_since: ready.and_then(|c| c.last_transition_time.as_deref()).and_then(Time::parse),
            created: facts.metadata.creation_timestamp.as_deref().and_then(Time::parse),
            restarts: restarts(&facts.spec, &facts.status),
            deletion_cost: annotations.get(DELETION_COST).and_then(|cost| cost.parse().ok()).unwrap_or(0),
            node: facts.spec.node_name.unwrap_or_default().into(),
            bound_for: OnceLock::new(),
        }
    }

    pub fn name(&self) -> &str {
        &self.object.meta.name
    }

    pub fn uid(&self) -> &str {
        &self.object.meta.uid
    }

    /// The node that the pod is on, or the only one that its affinity names (`GetTargetNodeName` of kubernetes
    /// `pkg/controller/daemon/util/daemonset_util.go`).
    pub fn target_node(&self) -> Option<&str> {
        if !self.node.is_empty() {
            return Some(&self.node);
        }
        self.bound_for.get_or_init(|| named_node(&self.object).map(String::into_boxed_str)).as_deref()
    }

    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    /// On its way out, while its containers may still run (`IsPodTerminating` of kubernetes `pkg/controller/controller_utils.go`).
    pub fn is_terminating(&self) -> bool {
        !self.is_finished() && self.object.meta.is_deleting()
    }

    /// Neither finished nor being deleted (`IsPodActive`).
    pub fn is_active(&self) -> bool {
        !self.is_finished() && !self.object.meta.is_deleting()
    }

    /// Ready for at least `min_ready_seconds` (`IsPodAvailable` of kubernetes `pkg/api/v1/pod/util.go`).
    pub fn is_available(&self, min_ready_seconds: i64, now: Time) -> bool {
        self.ready && (min_ready_seconds == 0 || self.available_in(min_ready_seconds, now) == Some(0))
    }

    /// Seconds until a ready pod counts as available; None for one that is not ready.
    pub fn available_in(&self, min_ready_seconds: i64, now: Time) -> Option<i64> {
        let since = self.ready_since.filter(|_| self.ready)?;
        Some((min_ready_seconds - now.seconds_since(since)).max(0))
    }
}

fn named_node(pod: &Object) -> Option<String> {
    let required = pod.get("/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    let terms = required["nodeSelectorTerms"].as_array()?;
    let mut fields = terms.iter().filter_map(|term| term["matchFields"].as_array()).flatten();
    let named = fields.find(|field| field["key"] == "metadata.name" && field["operator"] == "In")?;
    match named["values"].as_array()?.as_slice() {
        [name] => name.as_str().map(str::to_owned),
        _ => None,
    }
}

fn phase(text: Option<&str>) -> Phase {
    match text {
        Some("Running") => Phase::Running,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        Some("Unknown") => Phase::Unknown,
        _ => Phase::Pending,
    }
}

fn restarts(spec: &Spec, status: &Status) -> (u32, u32) {
    let most = |statuses: &mut dyn Iterator<Item = &ContainerStatus>| {
        statuses.map(|s| s.restart_count).max().and_then(|most| u32::try_from(most).ok()).unwrap_or(0)
    };
    let is_sidecar = |name: &str| {
        let mut containers = spec.init_containers.iter().flatten();
        containers.any(|container| container.name == name && container.restart_policy.as_deref() == Some("Always"))
    };
    let regular = most(&mut status.container_statuses.iter().flatten());
    let sidecars = most(&mut status.init_container_statuses.iter().flatten().filter(|s| is_sidecar(&s.name)));
    (regular, sidecars)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use meta::Doc;
    use serde_json::json;

    pub(crate) fn pod(doc: Doc) -> Arc<Pod> {
        Arc::new(Pod::of(&Object::from_doc(&doc, 1).expect("an object").shared()))
    }

    fn ready(at: &str) -> Doc {
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": at}]})
    }

    #[test]
    fn pods_are_active_until_they_end_or_are_deleted() {
        for (deleting, phase, active, terminating) in [
            (Doc::Null, "Pending", true, false),
            (Doc::Null, "Running", true, false),
            (Doc::Null, "Failed", false, false),
            (Doc::Null, "Succeeded", false, false),
            (json!("2026-01-01T00:00:00Z"), "Running", false, true),
            (json!("2026-01-01T00:00:00Z"), "Failed", false, false),
        ] {
            let pod = pod(json!({"metadata": {"deletionTimestamp": deleting}, "status": {"phase": phase}}));
            assert_eq!((pod.is_active(), pod.is_terminating()), (active, terminating), "{deleting} {phase}");
        }
    }

    #[test]
    fn availability_takes_readiness_and_time() {
        let now = Time::parse("2026-01-01T00:01:00Z").expect("a time");
        for (status, min_ready, available, within) in [
            (json!({}), 0, false, None),
            (ready("2026-01-01T00:01:00Z"), 0, true, Some(0)),
            (ready("2026-01-01T00:01:00Z"), 1, false, Some(1)),
            (ready("2026-01-01T00:00:30Z"), 30, true, Some(0)),
            (ready("2026-01-01T00:00:30Z"), 31, false, Some(1)),
            (json!({"conditions": [{"type": "Ready", "status": "True"}]}), 0, true, None),
            (json!({"conditions": [{"type": "Ready", "status": "True"}]}), 1, false, None),
            (json!({"conditions": [{"type": "Ready", "status": "False"}]}), 0, false, None),
        ] {
            let pod = pod(json!({"metadata": {}, "status": status}));
            assert_eq!((pod.is_available(min_ready, now), pod.available_in(min_ready, now)), (available, within), "{status}");
        }
    }

    #[test]
    fn facts_are_read_from_where_they_are() {
        let pod = pod(json!({
            "metadata": {"name": "a", "uid": "u", "annotations": {DELETION_COST: "-7"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "n", "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]},
            "status": {
                "containerStatuses": [{"name": "c", "restartCount": 1}, {"name": "d", "restartCount": 3}],
                "initContainerStatuses": [{"name": "i", "restartCount": 9}, {"name": "s", "restartCount": 2}],
            },
        }));
        assert_eq!((&*pod.node, pod.restarts, pod.deletion_cost, pod.phase), ("n", (3, 2), -7, Phase::Pending));
        assert_eq!(pod.created, Time::parse("2026-01-01T00:00:00Z"));
    }
}
