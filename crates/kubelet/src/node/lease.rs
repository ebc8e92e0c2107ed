//! The node's heartbeat: a Lease in kube-node-lease (k8s.io/component-helpers apimachinery/lease/controller.go).

use client::{Client, Resource};
use meta::status::Result;
use meta::{Doc, Reason, Time};
use serde_json::json;

pub const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases");
const NAMESPACE: &str = "kube-node-lease";
/// A node that is silent for longer is not ready.
const DURATION_S: i64 = 40;

/// Renews it; makes it where it is missing.
pub async fn renew(client: &Client, node_name: &str, node_uid: &str, now: Time) -> Result<()> {
    let renewed = json!({ "spec": {
        "holderIdentity": node_name, "leaseDurationSeconds": DURATION_S, "renewTime": now.micro(),
    } });
    match client.patch(LEASES, NAMESPACE, node_name, "", renewed).await {
        Err(status) if status.reason == Reason::NotFound => {
            client.create(LEASES, NAMESPACE, lease(node_name, node_uid, now)).await.map(drop)
        }
        other => other.map(drop),
    }
}

fn lease(node_name: &str, node_uid: &str, now: Time) -> Doc {
    json!({
        "metadata": { "name": node_name, "namespace": NAMESPACE, "ownerReferences": [
            { "apiVersion": "v1", "kind": "Node", "name": node_name, "uid": node_uid },
        ] },
        "spec": { "holderIdentity": node_name, "leaseDurationSeconds": DURATION_S, "renewTime": now.micro() },
    })
}
