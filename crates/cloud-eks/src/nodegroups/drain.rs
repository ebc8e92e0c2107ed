//! Asks the pods of a node to leave, by the eviction API, as `kubectl drain` does.

use super::{name, text};
use client::{Call, Client, Options, Resource, Verb};
use meta::{Doc, Reason, Status};
use serde_json::json;

pub const NODES: Resource = Resource::new("", "v1", "nodes");
const PODS: Resource = Resource::new("", "v1", "pods");

/// One round: no new pods, and every pod that is there is asked to leave. Says whether none is left.
pub async fn drain(client: &Client, node: &Doc) -> Result<bool, Status> {
    if node["spec"]["unschedulable"] != true {
        match client.patch(NODES, "", name(node), "", json!({"spec": {"unschedulable": true}})).await {
            Err(status) if status.reason == Reason::NotFound => return Ok(true),
            other => other?,
        };
    }
    let field_selector = format!("spec.nodeName={}", name(node));
    let pods = client.list(PODS, "", Options { field_selector, ..Options::default() }).await?;
    let mut empty = true;
    for pod in pods.items.iter().map(|pod| pod.to_doc()).filter(must_leave) {
        empty = false;
        if pod["metadata"]["deletionTimestamp"].is_null() {
            evict(client, &pod).await?;
        }
    }
    Ok(empty)
}

/// Pods of DaemonSets come back at once, mirrors cannot be moved, and what has ended is in nobody's way.
fn must_leave(pod: &Doc) -> bool {
    let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let daemon = owners.into_iter().any(|owner| owner["controller"] == true && owner["kind"] == "DaemonSet");
    let mirror = !pod["metadata"]["annotations"]["kubernetes.io/config.mirror"].is_null();
    let ended = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    !(daemon || mirror || ended)
}

/// A disruption budget that forbids it for now is not an error: the next round asks again.
async fn evict(client: &Client, pod: &Doc) -> Result<(), Status> {
    let (namespace, pod_name) = (text(pod, "/metadata/namespace"), name(pod));
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod_name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": pod["metadata"]["uid"]}},
    });
    let call = Call::new(Verb::Create, PODS.gvr(), namespace, pod_name).subresource("eviction").body(eviction);
    match client.call(call).await {
        Err(status) if !matches!(status.reason, Reason::NotFound | Reason::TooManyRequests | Reason::Conflict) => Err(status),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_must_leave() {
        for (pod, expected) in [
            (json!({"metadata": {}, "status": {"phase": "Running"}}), true),
            (json!({"metadata": {}, "status": {"phase": "Succeeded"}}), false),
            (json!({"metadata": {"ownerReferences": [{"kind": "DaemonSet", "controller": true}]}}), false),
            (json!({"metadata": {"ownerReferences": [{"kind": "ReplicaSet", "controller": true}]}}), true),
            (json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}), false),
        ] {
            assert_eq!(must_leave(&pod), expected, "{pod}");
        }
    }
}
