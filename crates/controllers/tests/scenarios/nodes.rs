//! Nodes and the pods on them, as tests make them.

use crate::world::{NODES, PODS, SERVICE_ACCOUNTS, World};
use meta::{Doc, Object};
use serde_json::json;
use std::sync::Arc;

pub fn condition(kind: &str, status: &str) -> Doc {
    json!({ "type": kind, "status": status, "reason": "Test", "lastHeartbeatTime": "2026-11-20T10:00:00Z",
        "lastTransitionTime": "2026-11-20T10:00:00Z" })
}

impl World {
    /// A node that its kubelet calls ready. Pods may be made from then on.
    pub async fn node(&self, name: &str, zone: &str) -> Arc<Object> {
        self.there(SERVICE_ACCOUNTS, "default", "default").await;
        let labels = json!({ "topology.kubernetes.io/zone": zone, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" });
        let doc = json!({ "metadata": { "name": name, "labels": labels } });
        self.admin.create(NODES, "", doc).await.expect("a node");
        self.node_is(name, "True").await
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
