//! What a story needs of a cluster, be it simulated or real.

use crate::seen::Seen;
use client::{Client, Options, Resource};
use meta::{Doc, Object, Reason};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

pub const PODS: Resource = Resource::new("", "v1", "pods");
pub const NODES: Resource = Resource::new("", "v1", "nodes");
pub const SERVICES: Resource = Resource::new("", "v1", "services");
pub const DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments");
pub const BUDGETS: Resource = Resource::new("policy", "v1", "poddisruptionbudgets");
pub const SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
pub const NS: &str = "default";

/// Nodes can be lost here, and come back.
pub trait Stage {
    /// A member of `system:masters`.
    fn admin(&self) -> &Client;
    /// Its machine goes on, but nobody hears of it any more.
    fn silence(&self, node: &str);
    fn bring_back(&self, node: &str);
    /// A pod template of the application `web`: its image is of this version, and it is ready so many seconds after its start.
    fn template(&self, version: &str, ready_after: u32) -> Doc;
    /// How long those pods stay on a node that is silent.
    fn tolerated(&self) -> Duration;
    /// For what happens at an hour, and takes a moment.
    fn moment(&self) -> Duration;
    /// Far longer than anything here takes.
    fn patience(&self) -> Duration;
}

/// What stories do on a stage.
pub trait Acts: Stage {
    /// Everything of a kind, as it is and as it changes.
    async fn follow(&self, resource: Resource) -> Seen {
        let namespace = if resource == NODES { "" } else { NS };
        Seen::follow(self.admin(), resource, namespace, self.patience()).await
    }

    /// Deployment `web` of the image, with more in its spec, and a Service before it.
    async fn deploy(&self, replicas: usize, template: Doc, more: Doc) {
        let mut spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template});
        merge(&mut spec, more);
        let deployment = json!({"metadata": {"name": "web"}, "spec": spec});
        self.admin().create(DEPLOYMENTS, NS, deployment).await.expect("a deployment");
        let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        self.admin().create(SERVICES, NS, service).await.expect("a service");
    }

    async fn patch(&self, resource: Resource, name: &str, patch: Doc) -> Arc<Object> {
        let namespace = if resource == NODES { "" } else { NS };
        self.admin().patch(resource, namespace, name, "", patch).await.expect("a patch")
    }

    /// Until every pod is there, has a node, and is ready; and traffic goes to them all and to no other.
    async fn rolled_out(&self, replicas: usize) {
        let mut deployments = self.follow(DEPLOYMENTS).await;
        deployments.until("a rollout", |all| all.iter().any(|deployment| is_rolled_out(deployment, replicas))).await;
        let mut slices = self.follow(SLICES).await;
        slices.until("endpoints", |slices| ready_endpoints(slices).len() == replicas).await;
    }

    /// Asks for the eviction of a pod; false: its budget does not allow it now.
    async fn evict(&self, pod: &str) -> bool {
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NS}});
        let call = client::Call::new(client::Verb::Create, PODS.gvr(), NS, pod).subresource("eviction").body(eviction);
        match self.admin().call(call).await {
            Ok(_) => true,
            Err(status) if status.reason == Reason::TooManyRequests => false,
            // Gone meanwhile: that is what was asked for.
            Err(status) if status.reason == Reason::NotFound => true,
            Err(status) => panic!("{status}"),
        }
    }

    /// The names of the pods on a node that nobody has asked to go.
    async fn pods_on(&self, node: &str) -> Vec<String> {
        let options = Options { field_selector: format!("spec.nodeName={node}"), ..Options::default() };
        let pods = self.admin().list(PODS, NS, options).await.expect("a list").items;
        pods.iter().filter(|pod| !pod.meta.is_deleting()).map(|pod| pod.meta.name.to_string()).collect()
    }
}

impl<S: Stage> Acts for S {}

fn merge(into: &mut Doc, more: Doc) {
    for (field, value) in more.as_object().into_iter().flatten() {
        into[field] = value.clone();
    }
}

fn is_rolled_out(deployment: &Doc, replicas: usize) -> bool {
    let status = &deployment["status"];
    let all = ["replicas", "updatedReplicas", "availableReplicas", "readyReplicas"];
    status["observedGeneration"] == deployment["metadata"]["generation"] && all.iter().all(|field| status[field] == replicas)
}

/// The pods that the Service's traffic goes to.
pub fn ready_endpoints(slices: &[Doc]) -> Vec<&str> {
    let own = slices.iter().filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == "web");
    let endpoints = own.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
    ready.filter_map(|endpoint| endpoint["targetRef"]["name"].as_str()).collect()
}

/// The status of a condition.
pub fn condition<'a>(doc: &'a Doc, kind: &str) -> &'a str {
    let conditions = doc["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.into_iter().find(|condition| condition["type"] == kind);
    found.and_then(|condition| condition["status"].as_str()).unwrap_or_default()
}

pub fn is_leaving(doc: &Doc) -> bool {
    doc["metadata"]["deletionTimestamp"].is_string()
}

pub fn is_tainted(node: &Doc, key: &str, effect: &str) -> bool {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    taints.into_iter().any(|taint| taint["key"] == format!("node.kubernetes.io/{key}") && taint["effect"] == effect)
}

pub fn named<'a>(docs: &'a [Doc], name: &str) -> Option<&'a Doc> {
    docs.iter().find(|doc| doc["metadata"]["name"] == name)
}
