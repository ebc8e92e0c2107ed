//! Nodes and the pods on them, as tests make them.

use crate::world::{NODES, PODS, SERVICE_ACCOUNTS, World};
use meta::{Clock, Doc, Object};
use serde_json::json;
use std::sync::Arc;

/// A condition that has just been posted: no two have the same hour.
pub fn condition(kind: &str, status: &str) -> Doc {
    let now = meta::SystemClock.now().micro();
    json!({ "type": kind, "status": status, "reason": "Test", "lastHeartbeatTime": now, "lastTransitionTime": now })
}

impl World {
    /// A node that its kubelet calls ready, known to the controllers. Pods may be made from then on.
    pub async fn node(&self, name: &str, zone: &str) -> Arc<Object> {
        self.there(SERVICE_ACCOUNTS, "default", "default").await;
        let doc = json!({ "metadata": { "name": name, "labels": { "topology.kubernetes.io/zone": zone } } });
        self.admin.create(NODES, "", doc).await.expect("a node");
        let node = self.node_is(name, "True").await;
        self.heard(name, "linux").await;
        node
    }

    /// Waits until the node controller must have seen all that was written so far: it answers to a change of a node, and
    /// hears of nodes and leases on one thread.
    pub async fn heard(&self, node: &str, word: &str) {
        let label = json!({ "metadata": { "labels": { "kubernetes.io/os": word } } });
        self.admin.patch(NODES, "", node, "", label).await.expect("a node");
        let followed = |doc: Option<&Doc>| doc.is_some_and(|doc| doc["metadata"]["labels"]["beta.kubernetes.io/os"] == word);
        self.until((NODES, "", node), followed).await;
    }

    /// Has its kubelet post condition Ready.
    pub async fn node_is(&self, name: &str, ready: &str) -> Arc<Object> {
        let status = json!({ "status": { "conditions": [condition("Ready", ready)] } });
        self.admin.patch(NODES, "", name, "status", status).await.expect("a node's status")
    }

    /// A pod on a node, with labels `app=<app>`.
    pub async fn pod(&self, name: &str, app: &str, node: &str) -> Arc<Object> {
        let containers = json!([{ "name": "app", "image": "example/app", "ports": [{ "name": "http", "containerPort": 8080 }] }]);
        let doc = json!({ "metadata": { "name": name, "labels": { "app": app } }, "spec": { "nodeName": node, "containers": containers } });
        self.admin.create(PODS, "default", doc).await.expect("a pod")
    }

    /// Has its kubelet say that it runs at an address.
    pub async fn pod_runs(&self, name: &str, ip: &str, ready: bool) -> Arc<Object> {
        let ready = condition("Ready", if ready { "True" } else { "False" });
        let status = json!({ "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }], "conditions": [ready] });
        self.admin.patch(PODS, "default", name, "status", json!({ "status": status })).await.expect("a pod's status")
    }
}
