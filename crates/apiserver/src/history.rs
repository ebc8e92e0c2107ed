//! How long things are kept: five minutes of history, as upstream's compaction has it, and events for an hour.

use crate::keys;
use crate::server::ApiServer;
use meta::{Gvr, Object, Time};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use storage::{Compare, Txn, Write};

const RETAINED: Duration = Duration::from_secs(300);
/// kube-apiserver's `--event-ttl`.
const EVENT_SECONDS: i64 = 3600;
/// Events that expire within this of each other go together.
const EVENT_SLACK: Duration = Duration::from_secs(30);

fn events() -> Gvr {
    Gvr::new("", "v1", "events")
}

impl ApiServer {
    /// Called after every committed write.
    pub(crate) fn wrote(&self, kind: &str) {
        self.compaction.set(RETAINED);
        if kind == "Event" {
            self.expiry.set(Duration::from_secs(EVENT_SECONDS.unsigned_abs()) + EVENT_SLACK);
        }
    }

    /// Forgets what happened before the last alarm, and sets the next one when something has happened since.
    pub(crate) async fn compact(self: Arc<Self>) {
        let now = self.caches.applied();
        let before = self.compacted.swap(now, Ordering::Relaxed);
        if let Err(error) = self.caches.store().compact(before).await {
            tracing::warn!(%error, "compaction failed");
        }
        self.caches.compact(before);
        if now > before {
            self.compaction.set(RETAINED);
        }
    }

    /// Deletes the events that have had their time, and sets the alarm for the next one.
    pub(crate) async fn expire_events(self: Arc<Self>) {
        let Some(cache) = self.caches.of(&events()) else { return };
        let deadline = self.clock.now().plus_seconds(-EVENT_SECONDS);
        let (expired, left): (Vec<_>, Vec<_>) = cache.all().into_iter().partition(|event| last_seen(event) <= deadline);
        for event in expired {
            let key = format!("{}{}", keys::prefix(&events()), keys::local(&event.meta.namespace, &event.meta.name));
            let compares = vec![Compare::ModRevision(key.clone(), event.revision)];
            // An event that was just repeated stays; the store's own trouble shows in readiness.
            if let Err(error) = self.caches.store().txn(Txn { compares, writes: vec![Write::Delete { key }] }).await {
                tracing::warn!(%error, "events could not be expired");
                return;
            }
        }
        if let Some(oldest) = left.iter().map(|event| last_seen(event)).min() {
            let wait = oldest.seconds_since(deadline).max(0).unsigned_abs();
            self.expiry.set(Duration::from_secs(wait) + EVENT_SLACK);
        }
    }
}

/// etcd renews an event's lease with each write; the last time it was seen stands for that.
fn last_seen(event: &Object) -> Time {
    let doc = event.to_doc();
    let times = ["/lastTimestamp", "/series/lastObservedTime", "/eventTime", "/metadata/creationTimestamp"];
    let seen = times.iter().filter_map(|at| doc.pointer(at).and_then(meta::Doc::as_str)).filter_map(Time::parse);
    seen.max().unwrap_or(Time::from_unix(0))
}
