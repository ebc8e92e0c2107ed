//! What a host does for instances, without a host: their states, and the nodes that they become.

use super::kube::Kube;
use super::{REGIONAL, World};
use client::{Options, WatchItem};
use cloud_ec2::{AGENT_INSTANCE_FINALIZER, INSTANCES};
use futures::StreamExt;
use http::Method;
use meta::Doc;
use serde_json::json;
use std::future::Future;

const HOST: &str = "elsewhere";

pub struct FakeHost<'a> {
    pub world: &'a World,
    /// Where instances become nodes.
    pub kube: Kube,
}

impl FakeHost<'_> {
    /// Goes on until `wanted` is there.
    pub async fn work_until<T>(&self, wanted: impl Future<Output = T>) -> T {
        tokio::select! {
            _ = self.work() => panic!("the watch ended"),
            outcome = wanted => outcome,
        }
    }

    async fn work(&self) {
        let listed = self.world.admin().list(INSTANCES, REGIONAL, Options::default()).await.expect("a list");
        for record in &listed.items {
            self.look(&record.to_doc()).await;
        }
        let options = Options { resource_version: listed.revision.to_string(), ..Options::default() };
        let mut changes = self.world.admin().watch(INSTANCES, REGIONAL, options).await.expect("a watch");
        while let Some(item) = changes.next().await {
            if let WatchItem::Event(event) = item {
                self.look(&event.object.to_doc()).await;
            }
        }
    }

    async fn look(&self, record: &Doc) {
        // The agent of the service is not to launch anything here. What it has already begun to say is said again below.
        if record["spec"]["host"] != HOST {
            return self.patch(record, "", json!({"spec": {"host": HOST}})).await;
        }
        let ended = record["spec"]["terminate"] == true || !record["metadata"]["deletionTimestamp"].is_null();
        match record["status"]["state"].as_str() {
            Some("terminated") => {}
            _ if ended => self.end(record).await,
            Some("running") => {}
            _ if record["status"]["network"].is_object() => self.launch(record).await,
            _ => {}
        }
    }

    /// Whoever stops in the middle finds the rest to do next time: that it runs is said last.
    async fn launch(&self, record: &Doc) {
        let network = &record["status"]["network"];
        let id = record["metadata"]["name"].as_str().expect("a name");
        let zone = record["spec"]["availabilityZone"].as_str().expect("a zone");
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": network["privateDnsName"], "labels": {"from": "fake"}},
            "spec": {"providerID": format!("aws:///{zone}/{id}")},
        });
        let path = format!("/api/v1/nodes/{}", network["privateDnsName"].as_str().expect("a name"));
        let mut ready = match self.kube.post("/api/v1/nodes", node).await {
            (201, made) => made,
            (409, _) => self.kube.get(&path).await.1,
            (code, why) => panic!("{code} {why}"),
        };
        // Whoever else has changed the node meanwhile has not changed its status.
        ready["metadata"]["resourceVersion"] = Doc::Null;
        ready["status"]["conditions"] =
            json!([{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}]);
        let (code, made) = self.kube.request(Method::PUT, &format!("{path}/status"), Some(ready)).await.expect("an answer");
        assert_eq!(code, 200, "{made}");
        self.status(record, "running").await;
    }

    async fn end(&self, record: &Doc) {
        self.status(record, "terminated").await;
        let finalizers = record["metadata"]["finalizers"].as_array().into_iter().flatten();
        let rest: Vec<&Doc> = finalizers.filter(|finalizer| **finalizer != AGENT_INSTANCE_FINALIZER).collect();
        let patch = json!({"metadata": {"finalizers": rest}});
        self.patch(record, "", patch).await;
    }

    async fn status(&self, record: &Doc, state: &str) {
        self.patch(record, "status", json!({"status": {"state": state}})).await;
    }

    async fn patch(&self, record: &Doc, subresource: &str, patch: Doc) {
        let name = record["metadata"]["name"].as_str().expect("a name");
        self.world.admin().patch(INSTANCES, REGIONAL, name, subresource, patch).await.expect("a change");
    }
}
