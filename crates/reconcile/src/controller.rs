//! The one loop: take a key, reconcile it, hand the outcome to the queue's backoff policy.

use crate::{Informer, ObjectChange, ObjectKey, Queue};
use futures::FutureExt;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// When a reconciled key wants to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something it watches changes.
    OnChange,
    /// At a promised hour (a lease, a deadline), or on change.
    After(Duration),
}

/// Why a pass failed. The queue tries again after a pause.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Api(#[from] meta::Status),
    #[error("{0}")]
    Waiting(String),
    /// As `Waiting`, and it is known how long that may take: the pauses grow to this at most.
    #[error("{what}")]
    WaitingAtMost { what: String, pause: Duration },
    #[error("the pass panicked")]
    Panicked,
}

impl Error {
    /// Conflicts and waits are how level-triggered work goes, not news.
    fn is_news(&self) -> bool {
        match self {
            Self::Waiting(_) | Self::WaitingAtMost { .. } => false,
            Self::Api(status) => status.reason != meta::Reason::Conflict,
            Self::Panicked => true,
        }
    }

    /// The namespace of what the pass was about is going away, and with it all there was to do.
    fn is_moot(&self) -> bool {
        matches!(self, Self::Api(status) if status.is_namespace_terminating())
    }
}

/// Where controllers run: a task tree with one end.
#[derive(Clone)]
pub struct Runtime {
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

impl Runtime {
    pub fn new() -> Self {
        Self { tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// A runtime that ends with this one or before it.
    pub fn child(&self) -> Self {
        Self { tasks: self.tasks.clone(), stop: self.stop.child_token() }
    }

    /// Stops every task and waits for the last.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new()
    }
}

/// A named queue, fed by informers and emptied by workers.
pub struct Controller<K = ObjectKey> {
    name: &'static str,
    queue: Arc<Queue<K>>,
    runtime: Runtime,
    /// Whether each watched informer has its first list.
    synced: Vec<watch::Receiver<bool>>,
}

impl<K: Clone + Eq + Hash + Send + std::fmt::Debug + 'static> Controller<K> {
    pub fn new(name: &'static str, runtime: &Runtime) -> Self {
        let queue = Queue::new(runtime.tasks.clone(), runtime.stop.clone());
        Self { name, queue, runtime: runtime.clone(), synced: Vec::new() }
    }

    pub fn queue(&self) -> &Arc<Queue<K>> {
        &self.queue
    }

    /// Queues what `keys_of` makes of each change.
    pub fn watches<I>(mut self, informer: &Informer, keys_of: impl Fn(&ObjectChange) -> I + Send + Sync + 'static) -> Self
    where
        I: IntoIterator<Item = K>,
    {
        self.synced.push(informer.synced_receiver());
        let queue = self.queue.clone();
        informer.on_change(move |change| keys_of(change).into_iter().for_each(|key| queue.add(key)));
        self
    }

    /// Starts `workers` tasks that reconcile until the runtime stops, once every watched informer has its first list:
    /// a pass that looks at half-filled caches would do again what is done.
    pub fn run<F, Fut>(self, workers: usize, reconcile: F)
    where
        F: Fn(K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Next, Error>> + Send + 'static,
    {
        let reconcile = Arc::new(reconcile);
        for _ in 0..workers {
            let (queue, reconcile, name) = (self.queue.clone(), reconcile.clone(), self.name);
            let (synced, stop) = (self.synced.clone(), self.runtime.stop.clone());
            self.runtime.tasks.spawn(async move {
                stop.run_until_cancelled(all_true(synced)).await;
                while let Some(key) = queue.next().await {
                    // Boxed: an idle worker should not hold room for a whole pass.
                    let outcome = AssertUnwindSafe(Box::pin(reconcile(key.clone()))).catch_unwind().await;
                    // A bug met on one key must not end the work on all others.
                    let outcome = match outcome.unwrap_or(Err(Error::Panicked)) {
                        Err(error) if error.is_moot() => Ok(Next::OnChange),
                        other => other,
                    };
                    match &outcome {
                        Ok(Next::OnChange) => {}
                        Err(Error::WaitingAtMost { pause, .. }) => queue.add_after(key.clone(), *pause),
                        Ok(Next::After(delay)) => queue.add_after(key.clone(), *delay),
                        Err(error) if error.is_news() => tracing::warn!(controller = name, ?key, %error, "reconcile failed"),
                        Err(error) => tracing::debug!(controller = name, ?key, %error, "trying again"),
                    }
                    queue.done(key, outcome.is_ok());
                }
            });
        }
    }
}

async fn all_true(flags: Vec<watch::Receiver<bool>>) {
    for mut flag in flags {
        // A closed channel means the informer is gone with its control plane, and the queue ends the worker.
        drop(flag.wait_for(|done| *done).await);
    }
}

impl Controller<ObjectKey> {
    /// Queues each changed object under its own key.
    pub fn watches_own(self, informer: &Informer) -> Self {
        self.watches(informer, |change| [ObjectKey::of(change.object())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::{Reason, Status};
    use serde_json::json;

    #[test]
    fn failures_are_news_unless_they_are_how_work_goes() {
        let terminating = json!([{"reason": "NamespaceTerminating"}]);
        for (error, is_news, is_moot) in [
            (Error::Waiting("for it".into()), false, false),
            (Error::WaitingAtMost { what: "for it".into(), pause: Duration::ZERO }, false, false),
            (Status::new(Reason::Conflict, "changed").into(), false, false),
            (Status::new(Reason::Forbidden, "no").into(), true, false),
            (Status::new(Reason::Forbidden, "going").with_causes(terminating).into(), true, true),
            (Error::Panicked, true, false),
        ] {
            assert_eq!((error.is_news(), error.is_moot()), (is_news, is_moot), "{error}");
        }
    }
}
