//! DefaultBinder: the one write that places a pod (kubernetes pkg/scheduler/framework/plugins/defaultbinder).

use crate::model::Pod;
use client::{Call, Client, Resource, Verb};
use meta::status::Result;
use serde_json::json;

const PODS: Resource = Resource::new("", "v1", "pods");

pub const NAME: &str = "DefaultBinder";

/// Refused by the API server if the pod is another by now, on its way out, or bound already.
pub async fn bind(client: &Client, pod: &Pod, node: &str) -> Result<()> {
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": { "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid() },
        "target": { "kind": "Node", "name": node },
    });
    let call = Call::new(Verb::Create, PODS.gvr(), pod.namespace(), pod.name()).subresource("binding").body(binding);
    client.call(call).await.map(drop)
}
