//! Watches: history first, then live changes, through a bounded channel that cuts a slow reader off.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::mpsc;

use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::index::Index;
use crate::store::{Change, Revision};

/// What an engine implements to be watched.
pub trait WatchSource: Send {
    /// The next changes, in order; an error is the last item.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Arc<[Change]>>>>;

    /// The revision up to which everything has been handed out already; `None` while something is waiting.
    fn progress(&mut self) -> Option<Revision>;
}

/// The changes under one prefix. Ends with an error: lagged, cluster deleted, store closed or broken.
pub struct Watch(Box<dyn WatchSource>);

impl Watch {
    pub fn new(source: impl WatchSource + 'static) -> Self {
        Self(Box::new(source))
    }

    /// The next batch, never empty. Safe to cancel.
    pub async fn next(&mut self) -> Result<Arc<[Change]>> {
        std::future::poll_fn(|context| self.0.poll_next(context)).await.unwrap_or(Err(Error::Closed))
    }

    /// The revision of which this watch can say "you have seen everything up to here"; `None` while changes are waiting.
    pub fn progress(&mut self) -> Option<Revision> {
        self.0.progress()
    }
}

impl Stream for Watch {
    type Item = Result<Arc<[Change]>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

type Batch = Arc<[Change]>;
/// Why a watch ended; set before its channel closes.
type End = Arc<OnceLock<Error>>;

struct Subscriber {
    batches: mpsc::Sender<Batch>,
    end: End,
}

impl Subscriber {
    fn finish(self, error: Error) {
        // Only the first reason counts, and this is the only place that gives one.
        drop(self.end.set(error));
    }
}

/// The live watchers of one cluster, by prefix: those of one prefix share their batches.
#[derive(Default)]
pub(crate) struct Hub {
    by_prefix: HashMap<Arc<str>, Vec<Subscriber>>,
}

impl Hub {
    fn subscribe(&mut self, prefix: &str, backlog: usize) -> (mpsc::Receiver<Batch>, End) {
        let (batches, receiver) = mpsc::channel(backlog);
        let end = End::default();
        self.by_prefix.entry(prefix.into()).or_default().push(Subscriber { batches, end: end.clone() });
        (receiver, end)
    }

    /// Hands the changes to everyone they concern without ever waiting.
    pub fn publish(&mut self, changes: Vec<Change>) {
        self.by_prefix.retain(|_, subscribers| {
            subscribers.retain(|subscriber| !subscriber.batches.is_closed());
            !subscribers.is_empty()
        });
        if self.by_prefix.is_empty() || changes.is_empty() {
            return;
        }
        let all: Batch = changes.into();
        for (prefix, subscribers) in &mut self.by_prefix {
            let matching = all.iter().filter(|change| change.key.starts_with(&**prefix)).count();
            let batch = match matching {
                0 => continue,
                count if count == all.len() => all.clone(),
                _ => all.iter().filter(|change| change.key.starts_with(&**prefix)).cloned().collect(),
            };
            for index in (0..subscribers.len()).rev() {
                if subscribers[index].batches.try_send(batch.clone()).is_err() {
                    subscribers.swap_remove(index).finish(Error::Lagged);
                }
            }
        }
    }

    pub fn finish_all(&mut self, error: &Error) {
        for subscriber in self.by_prefix.drain().flat_map(|(_, subscribers)| subscribers) {
            subscriber.finish(error.clone());
        }
    }
}

/// The part of the history that a new watch has not told yet.
struct History {
    index: Index,
    position: usize,
}

pub(crate) struct EmbeddedWatch {
    cluster: Arc<Cluster>,
    prefix: Arc<str>,
    history: Option<History>,
    live: mpsc::Receiver<Batch>,
    end: End,
    finished: bool,
}

/// History is told in parts of this many changes, so that no poll runs long.
const HISTORY_BATCH: usize = 512;

impl EmbeddedWatch {
    /// Subscribes and takes the history in one critical section, so that nothing falls between the two.
    pub fn new(cluster: &Arc<Cluster>, prefix: &str, after: Revision, backlog: usize) -> Result<Self> {
        let mut state = cluster.state.write();
        if state.deleted {
            return Err(cluster.gone());
        }
        let after = state.index.readable(Some(after))?;
        let position = state.index.first_change_after(after);
        let history = (after < state.index.revision()).then(|| History { index: state.index.clone(), position });
        let (live, end) = state.hub.subscribe(prefix, backlog);
        let cluster = cluster.clone();
        Ok(Self { cluster, prefix: prefix.into(), history, live, end, finished: false })
    }

    fn next_history(&mut self) -> Option<Batch> {
        let history = self.history.as_mut()?;
        let mut batch = Vec::new();
        for _ in 0..HISTORY_BATCH {
            let Some(change) = history.index.change(history.position) else {
                self.history = None;
                break;
            };
            history.position += 1;
            if change.key.starts_with(&*self.prefix) {
                batch.push(change);
            }
        }
        Some(batch.into())
    }
}

impl WatchSource for EmbeddedWatch {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Batch>>> {
        if self.finished {
            return Poll::Ready(None);
        }
        if let Some(batch) = self.next_history() {
            if !batch.is_empty() {
                return Poll::Ready(Some(Ok(batch)));
            }
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.live.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(batch)) => Poll::Ready(Some(Ok(batch))),
            Poll::Ready(None) => {
                self.finished = true;
                Poll::Ready(Some(Err(self.end.get().cloned().unwrap_or(Error::Closed))))
            }
        }
    }

    fn progress(&mut self) -> Option<Revision> {
        // The order matters: what was visible before the queue was found empty has been handed out.
        let revision = self.cluster.state.read().index.revision();
        (self.history.is_none() && self.live.is_empty() && !self.finished && self.end.get().is_none()).then_some(revision)
    }
}
