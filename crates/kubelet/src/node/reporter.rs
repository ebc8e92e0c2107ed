//! Registers the node and keeps its status and its lease true. Promise: the lease is renewed every 10 s; the status is
//! written when something changed, and every 5 minutes.

use super::document::{self, Measured};
use super::lease;
use crate::pods::cx::Cx;
use client::Resource;
use meta::status::Result;
use meta::{Doc, Object, Reason};
use reconcile::EventType::Normal;
use reconcile::Informer;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const NODES: Resource = Resource::new("", "v1", "nodes");
/// kubelet's `nodeLeaseDurationSeconds` of 40, a quarter of it.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// kubelet's `nodeStatusReportFrequency`.
const REPORT_EVERY: Duration = Duration::from_secs(300);
/// Upstream's registration doubles from 100 ms to 7 s.
const REGISTER_FIRST: Duration = Duration::from_millis(100);
const REGISTER_MAX: Duration = Duration::from_secs(7);

pub struct Reporter {
    cx: Arc<Cx>,
    nodes: Arc<Informer>,
    uid: String,
    /// As last written, with the conditions that others have written since.
    status: Doc,
    /// Of the node that `status` is from.
    revision: u64,
    /// What `status` says, once that is known.
    said: Option<Measured>,
    written_at: Instant,
}

/// Registers the node, then reports until stopped.
pub async fn run(cx: Arc<Cx>, nodes: Arc<Informer>, stop: CancellationToken) {
    watch_labels(&cx, &nodes);
    tell_of_cordons(&cx, &nodes);
    let work = async {
        cx.events.node(Normal, "Starting", "Starting kubelet.");
        let mut reporter = register(cx.clone(), nodes).await;
        loop {
            reporter.beat().await;
            tokio::time::sleep(RENEW_EVERY).await;
        }
    };
    // Stopped: the lease runs out by itself.
    stop.run_until_cancelled(work).await;
}

fn watch_labels(cx: &Arc<Cx>, nodes: &Informer) {
    let admission = Arc::downgrade(cx);
    nodes.on_change(move |change| {
        if let (Some(cx), Some(node)) = (admission.upgrade(), &change.new) {
            let labels = node.meta.labels.iter().map(|(key, value)| (key.to_string(), value.to_string()));
            cx.admission.set_labels(labels.collect());
        }
    });
}

/// Who cordons a node changes its spec; that it is so is the kubelet's news (`recordNodeSchedulableEvent`).
fn tell_of_cordons(cx: &Arc<Cx>, nodes: &Informer) {
    let cx = Arc::downgrade(cx);
    nodes.on_change(move |change| {
        let (Some(cx), Some(old), Some(new)) = (cx.upgrade(), &change.old, &change.new) else { return };
        if new.meta.name != cx.config.node_name {
            return;
        }
        let is_cordoned = |node: &Object| node.get("/spec/unschedulable") == true;
        let (before, now) = (is_cordoned(old), is_cordoned(new));
        if before != now {
            let said = if now { "NodeNotSchedulable" } else { "NodeSchedulable" };
            cx.events.node(Normal, said, format!("Node {} status is now: {said}", cx.config.node_name));
        }
    });
}

async fn register(cx: Arc<Cx>, nodes: Arc<Informer>) -> Reporter {
    let mut pause = REGISTER_FIRST;
    loop {
        match try_register(&cx).await {
            Ok(node) => {
                let status = node.get("/status");
                let (uid, revision) = (node.meta.uid.clone(), node.revision);
                let (unsaid, written_at) = (Doc::Null, Instant::now());
                let mut reporter = Reporter { cx, nodes, uid, status: unsaid, revision, said: None, written_at };
                reporter.tell_changes(&status);
                reporter.status = status;
                return reporter;
            }
            Err(status) => tracing::warn!(%status, "the node is not registered, trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(REGISTER_MAX);
    }
}

async fn try_register(cx: &Cx) -> Result<Arc<Object>> {
    let now = cx.clock.now();
    let measured = measure(cx).await;
    match cx.client.create(NODES, "", document::node(&cx.config, &measured, now)).await {
        Err(status) if status.reason == Reason::AlreadyExists => {}
        other => return other,
    }
    // It was here before: labels and provider id are brought up to date, its taints are others' by now.
    let name = &cx.config.node_name;
    let patch = json!({ "metadata": { "labels": document::labels(&cx.config) } });
    let node = cx.client.patch(NODES, "", name, "", patch).await?;
    let known = node.get("/status/conditions");
    let status = document::status(&cx.config, &measured, crate::pod::items(&known), now);
    write_status(cx, &status).await
}

async fn write_status(cx: &Cx, status: &Doc) -> Result<Arc<Object>> {
    let mut patch = status.clone();
    // A strategic merge joins addresses by type; there may be fewer than before.
    if let Some(addresses) = patch["addresses"].as_array_mut() {
        addresses.insert(0, json!({ "$patch": "replace" }));
    }
    cx.client.patch_strategic(NODES, "", &cx.config.node_name, "status", json!({ "status": patch })).await
}

async fn measure(cx: &Cx) -> Measured {
    let images = cx.images.list_images().await.unwrap_or_else(|error| {
        tracing::debug!(%error, "images are not listed");
        Vec::new()
    });
    Measured { images, runtime_version: cx.runtime.version(), pressure: cx.pressure.get(), not_ready: String::new() }
}

fn condition<'a>(status: &'a Doc, kind: &str) -> &'a Doc {
    let conditions = crate::pod::items(&status["conditions"]);
    conditions.iter().find(|condition| condition["type"] == kind).map_or(&Doc::Null, |condition| &condition["status"])
}

impl Reporter {
    fn tell_changes(&self, status: &Doc) {
        for (kind, yes, no) in CHANGES {
            let now = condition(status, kind);
            if now != condition(&self.status, kind) {
                let said = if now == "True" { yes } else { no };
                let message = format!("Node {} status is now: {said}", self.cx.config.node_name);
                self.cx.events.node(Normal, said, message);
            }
        }
    }

    /// Whoever has not heard of this node for a while says so in its conditions, which must not stay.
    fn take_notice(&mut self) {
        let Some(node) = self.nodes.get("", &self.cx.config.node_name).filter(|node| node.revision > self.revision) else {
            return;
        };
        let shown = node.get("/status/conditions");
        for known in self.status["conditions"].as_array_mut().into_iter().flatten() {
            let found = crate::pod::items(&shown).iter().find(|condition| condition["type"] == known["type"]);
            *known = found.cloned().unwrap_or_default();
        }
        (self.revision, self.said) = (node.revision, None);
    }

    async fn beat(&mut self) {
        let now = self.cx.clock.now();
        if let Err(status) = lease::renew(&self.cx.client, &self.cx.config.node_name, &self.uid, now).await {
            tracing::warn!(%status, "the lease is not renewed");
        }
        self.take_notice();
        let measured = measure(&self.cx).await;
        let due = self.written_at.elapsed() >= REPORT_EVERY;
        // Thousands of nodes in one process: a document is made when there may be something to say.
        if !due && self.said.as_ref() == Some(&measured) {
            return;
        }
        let status = document::status(&self.cx.config, &measured, crate::pod::items(&self.status["conditions"]), now);
        if !due && !changed(&self.status, &status) {
            self.said = Some(measured);
            return;
        }
        match write_status(&self.cx, &status).await {
            Ok(node) => {
                self.tell_changes(&status);
                (self.status, self.revision, self.said) = (status, node.revision, Some(measured));
                self.written_at = Instant::now();
            }
            Err(status) => tracing::warn!(%status, "the node's status is not written"),
        }
    }
}

/// What events say when a condition becomes true, and when it becomes false.
const CHANGES: [(&str, &str, &str); 4] = [
    ("MemoryPressure", "NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
    ("DiskPressure", "NodeHasDiskPressure", "NodeHasNoDiskPressure"),
    ("PIDPressure", "NodeHasInsufficientPID", "NodeHasSufficientPID"),
    ("Ready", "NodeReady", "NodeNotReady"),
];

/// Whether more than heartbeats differs.
fn changed(before: &Doc, after: &Doc) -> bool {
    let without_beats = |status: &Doc| {
        let mut status = status.clone();
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastHeartbeatTime"] = Doc::Null;
        }
        status
    };
    let (before, after) = (without_beats(before), without_beats(after));
    ["conditions", "images", "nodeInfo"].iter().any(|field| before[*field] != after[*field])
}
