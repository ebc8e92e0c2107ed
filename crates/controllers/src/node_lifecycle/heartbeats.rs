//! When each node was last heard of: by its lease, or by the status that its kubelet posts. What counts is when this
//! controller saw it, not what the node's clock said.

use meta::{Doc, Object};
use parking_lot::Mutex;
use reconcile::ObjectChange;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Default)]
struct Heartbeat {
    at: Option<Instant>,
    /// What condition Ready was, `""` before there was one.
    status: Option<String>,
    /// `renewTime`.
    lease: Option<String>,
}

#[derive(Default)]
pub(super) struct Heartbeats(Mutex<HashMap<String, Heartbeat>>);

impl Heartbeats {
    pub fn node_changed(&self, change: &ObjectChange, node: Option<&Doc>) {
        let name = &change.object().meta.name;
        let condition = node.map(|node| crate::nodes::condition(node, "Ready"));
        let posted = condition.map(|condition| condition.map(posted).unwrap_or_default());
        match posted {
            // What this controller says of a silent node is no sign of life.
            Some(silent) if silent == SILENT && self.knows(name) => {
                self.0.lock().entry(name.clone()).or_default().status = Some(silent);
            }
            posted => self.note(name, posted, |heartbeat| &mut heartbeat.status),
        }
    }

    fn knows(&self, node: &str) -> bool {
        self.0.lock().get(node).is_some_and(|heartbeat| heartbeat.status.is_some())
    }

    pub fn lease_changed(&self, change: &ObjectChange) {
        let time = |lease: &Object| lease.get("/spec/renewTime").as_str().unwrap_or_default().to_owned();
        let time = change.new.as_ref().map(|lease| time(lease));
        self.note(&change.object().meta.name, time, |heartbeat| &mut heartbeat.lease);
    }

    fn note(&self, node: &str, time: Option<String>, field: impl Fn(&mut Heartbeat) -> &mut Option<String>) {
        let mut all = self.0.lock();
        let heartbeat = all.entry(node.to_owned()).or_default();
        if time.is_some() && *field(heartbeat) != time {
            heartbeat.at = Some(Instant::now());
        }
        *field(heartbeat) = time;
        if heartbeat.status.is_none() && heartbeat.lease.is_none() {
            all.remove(node);
        }
    }

    /// How long nothing has been heard of the node.
    pub fn silence(&self, node: &str, now: Instant) -> Duration {
        let at = self.0.lock().get(node).and_then(|heartbeat| heartbeat.at);
        at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    /// Every node gets its time again: it was the control plane that could not hear.
    pub fn forgive(&self) {
        let now = Instant::now();
        self.0.lock().values_mut().for_each(|heartbeat| heartbeat.at = Some(now));
    }
}

/// What is kept of a condition that no kubelet posts.
const SILENT: &str = "Unknown";

/// Heartbeats have whole seconds: one in the same second may still say something else.
fn posted(condition: &Doc) -> String {
    match condition["status"].as_str().unwrap_or_default() {
        SILENT => SILENT.into(),
        status => format!("{status} {}", condition["lastHeartbeatTime"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(doc: Doc) -> ObjectChange {
        let object = Object::from_doc(&doc, 1).expect("a valid object").shared();
        ObjectChange { old: Some(object.clone()), new: Some(object) }
    }

    #[tokio::test(start_paused = true)]
    async fn only_news_is_a_sign_of_life() {
        let heartbeats = Heartbeats::default();
        let node = |time: &str| json!({"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": time}]}});
        let lease = |time: &str| json!({"metadata": {"name": "a"}, "spec": {"renewTime": time}});
        for (seconds, status, renewal, silence) in [
            (0, Some("1"), None, 0),
            (10, Some("1"), None, 10),
            (10, None, Some("1"), 0),
            (10, None, Some("1"), 10),
            (10, None, Some("2"), 0),
            (10, Some("2"), None, 0),
        ] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            if let Some(time) = status {
                heartbeats.node_changed(&change(node(time)), Some(&node(time)));
            }
            if let Some(time) = renewal {
                heartbeats.lease_changed(&change(lease(time)));
            }
            assert_eq!(heartbeats.silence("a", Instant::now()).as_secs(), silence, "{status:?} {renewal:?}");
        }
    }
}
