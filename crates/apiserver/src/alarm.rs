//! Work that a write makes due later: at most one alarm of a kind is set, and an idle control plane has none.

use crate::server::ApiServer;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio_util::task::TaskTracker;

type Work = fn(Arc<ApiServer>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Alarm {
    is_set: Arc<AtomicBool>,
    tasks: TaskTracker,
    server: Weak<ApiServer>,
    work: Work,
}

impl Alarm {
    pub fn new(tasks: TaskTracker, server: Weak<ApiServer>, work: Work) -> Self {
        Self { is_set: Arc::default(), tasks, server, work }
    }

    /// Does the work after `delay`, unless it is already on its way. The work may set the alarm again.
    pub fn set(&self, delay: Duration) {
        if self.is_set.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(stop) = self.server.upgrade().map(|server| server.stop.clone()) else { return };
        let (is_set, server, work) = (self.is_set.clone(), self.server.clone(), self.work);
        self.tasks.spawn(async move {
            if stop.run_until_cancelled(tokio::time::sleep(delay)).await.is_none() {
                return;
            }
            is_set.store(false, Ordering::Relaxed);
            if let Some(server) = server.upgrade() {
                work(server).await;
            }
        });
    }
}
