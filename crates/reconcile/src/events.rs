//! Records `v1 Event`s, folding repetitions into a count as client-go's recorder does.

use client::{Client, Resource};
use meta::status::Result;
use meta::time::SharedClock;
use meta::{Doc, Object};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::VecDeque;

const EVENTS: Resource = Resource::new("", "v1", "events");
/// How many recent events are remembered for folding.
const REMEMBERED: usize = 256;
/// The longest DNS subdomain.
const MAX_NAME: usize = 253;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Normal,
    Warning,
}

#[derive(Clone, PartialEq, Eq)]
struct Fold {
    uid: String,
    reason: String,
    message: String,
}

struct Seen {
    fold: Fold,
    namespace: String,
    name: String,
    count: u64,
}

/// One component's voice.
pub struct Recorder {
    client: Client,
    component: &'static str,
    clock: SharedClock,
    recent: Mutex<VecDeque<Seen>>,
}

impl Recorder {
    pub fn new(client: Client, component: &'static str, clock: SharedClock) -> Self {
        Self { client, component, clock, recent: Mutex::default() }
    }

    /// Says `reason: message` about an object of the given apiVersion and kind.
    pub async fn record(&self, about: &Object, kind: (&str, &str), level: EventType, reason: &str, message: &str) -> Result<()> {
        let fold = Fold { uid: about.meta.uid.clone(), reason: reason.into(), message: message.into() };
        if let Some((namespace, name, count)) = self.repeat(&fold) {
            let patch = json!({ "count": count, "lastTimestamp": self.clock.now().to_string() });
            match self.client.patch(EVENTS, &namespace, &name, "", patch).await {
                Err(status) if status.reason == meta::Reason::NotFound => {}
                other => return other.map(drop),
            }
        }
        let namespace = if about.meta.namespace.is_empty() { "default" } else { &about.meta.namespace };
        let name = self.name_for(&about.meta.name);
        let doc = self.document(about, kind, level, (namespace, &name), (reason, message));
        self.client.create(EVENTS, namespace, doc).await?;
        self.remember(Seen { fold, namespace: namespace.into(), name, count: 1 });
        Ok(())
    }

    /// The object's name and the hour, as client-go's `GenerateEventName`; a fresh identifier where that is too long.
    fn name_for(&self, about: &str) -> String {
        let name = format!("{about}.{:016x}", self.clock.now().0.as_nanosecond());
        if name.len() <= MAX_NAME { name } else { self.clock.new_uid() }
    }

    fn document(&self, about: &Object, kind: (&str, &str), level: EventType, at: (&str, &str), text: (&str, &str)) -> Doc {
        let now = self.clock.now().to_string();
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "namespace": at.0, "name": at.1 },
            "involvedObject": {
                "apiVersion": kind.0, "kind": kind.1, "name": about.meta.name, "namespace": about.meta.namespace,
                "uid": about.meta.uid, "resourceVersion": about.resource_version(),
            },
            "type": format!("{level:?}"), "reason": text.0, "message": text.1, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": { "component": self.component }, "reportingComponent": self.component, "reportingInstance": "",
        })
    }

    fn repeat(&self, fold: &Fold) -> Option<(String, String, u64)> {
        let mut recent = self.recent.lock();
        let seen = recent.iter_mut().find(|s| s.fold == *fold)?;
        seen.count += 1;
        Some((seen.namespace.clone(), seen.name.clone(), seen.count))
    }

    fn remember(&self, seen: Seen) {
        let mut recent = self.recent.lock();
        recent.retain(|s| s.fold != seen.fold);
        recent.push_back(seen);
        if recent.len() > REMEMBERED {
            recent.pop_front();
        }
    }
}
