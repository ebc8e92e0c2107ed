//! Keeps five minutes of history, as upstream's compaction does, without a timer on an idle control plane: a write arms
//! one alarm, and an alarm with nothing new to compact is the last.

use crate::server::ApiServer;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::task::TaskTracker;

const RETAINED: Duration = Duration::from_secs(300);

pub(crate) struct History {
    armed: AtomicBool,
    tasks: TaskTracker,
    server: Mutex<std::sync::Weak<ApiServer>>,
}

impl History {
    pub fn new(tasks: TaskTracker) -> Self {
        Self { armed: AtomicBool::new(false), tasks, server: Mutex::default() }
    }

    /// Lets the alarm reach its server. Until then writes do not arm it.
    pub fn attach(&self, server: &Arc<ApiServer>) {
        *self.server.lock() = Arc::downgrade(server);
    }

    /// Called after every committed write.
    pub fn wrote(&self, server: &ApiServer) {
        if self.armed.swap(true, Ordering::Relaxed) {
            return;
        }
        let (weak, stop, now) = (self.server.lock().clone(), server.stop.clone(), server.caches.applied());
        self.tasks.spawn(async move {
            if stop.run_until_cancelled(tokio::time::sleep(RETAINED)).await.is_none() {
                return;
            }
            let Some(server) = weak.upgrade() else { return };
            server.history.armed.store(false, Ordering::Relaxed);
            server.compact(now).await;
        });
    }
}

impl ApiServer {
    /// Forgets what happened before `revision`.
    async fn compact(&self, revision: u64) {
        if let Err(error) = self.caches.store().compact(revision).await {
            tracing::warn!(%error, "compaction failed");
        }
        self.caches.compact(revision);
        if self.caches.applied() > revision {
            self.history.wrote(self);
        }
    }
}
