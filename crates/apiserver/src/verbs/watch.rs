//! WATCH: what the watcher missed, then every change as it is committed, as its selectors see it.

use crate::cache::{CachedChange, Caches, Subscription};
use crate::filter::Filter;
use crate::server::{ApiServer, Cx};
use client::{Event, EventKind, VersionMatch, WatchItem, WatchStream};
use futures::stream;
use meta::status::Result;
use meta::{Object, Status};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// How often a quiet watch that asked for bookmarks learns how far it has come, as upstream.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);

impl ApiServer {
    pub(crate) async fn open_watch(&self, cx: &Cx<'_>) -> Result<WatchStream> {
        let options = &cx.call.options;
        let filter = self.filter(cx)?;
        let cache = self.cache_of(&cx.def)?;
        let wants_initial = initial_events(options.send_initial_events, options.version_match, &options.resource_version)?;
        let mut queue = VecDeque::new();
        let subscription = if wants_initial {
            let floor = match options.resource_version.as_str() {
                "" => self.caches.fresh().await?,
                "0" => self.caches.applied(),
                version => self.caches.reached(self.known_version(version)?).await?,
            };
            let (slice, subscription) = cache.subscribe_now(&filter.scope(), filter.lookup().as_ref());
            let present = slice.under(&filter.prefix, "").filter(|(_, object)| filter.matches(object));
            queue.extend(present.map(|(_, object)| added(object)));
            if options.send_initial_events == Some(true) && options.allow_bookmarks {
                let revision = floor.max(slice.changed);
                queue.push_back(WatchItem::Bookmark { revision, initial_events_end: true });
            }
            subscription
        } else {
            let after = match options.resource_version.as_str() {
                "" | "0" => self.caches.applied(),
                // Until the cache has reached it, what the caller knows already would come as news.
                version => self.known_version(version)?,
            };
            self.caches.reached(after).await?;
            cache.subscribe(&filter.scope(), after)?
        };
        Ok(self.stream(filter, queue, subscription, options.allow_bookmarks, options.timeout_seconds))
    }

    fn stream(
        &self,
        filter: Filter,
        mut queue: VecDeque<WatchItem>,
        subscription: Subscription,
        bookmarks: bool,
        timeout_seconds: Option<u64>,
    ) -> WatchStream {
        queue.extend(subscription.missed.iter().filter_map(|change| filter.see(change)));
        let watcher = Watcher {
            queue,
            live: subscription.live,
            filter,
            caches: self.caches.clone(),
            bookmarks: bookmarks.then(|| {
                let mut ticks = tokio::time::interval_at(Instant::now() + BOOKMARK_PERIOD, BOOKMARK_PERIOD);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                ticks
            }),
            deadline: timeout_seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            stop: self.stop.clone(),
        };
        Box::pin(stream::unfold(watcher, |mut watcher| async move { watcher.next().await.map(|item| (item, watcher)) }))
    }
}

/// Whether the present state comes first (`metav1.ListOptions` validation in k8s.io/apimachinery).
fn initial_events(asked: Option<bool>, matching: Option<VersionMatch>, version: &str) -> Result<bool> {
    match (asked, matching) {
        (Some(_), None) => {
            Err(Status::bad_request("sendInitialEvents is forbidden for watch unless resourceVersionMatch is provided"))
        }
        (Some(_), Some(VersionMatch::Exact)) | (None, Some(_)) => {
            Err(Status::bad_request("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
        }
        (Some(asked), _) => Ok(asked),
        (None, None) => Ok(matches!(version, "" | "0")),
    }
}

fn added(object: &Arc<Object>) -> WatchItem {
    WatchItem::Event(Arc::new(Event::new(EventKind::Added, object.clone())))
}

struct Watcher {
    queue: VecDeque<WatchItem>,
    live: tokio::sync::mpsc::Receiver<Arc<CachedChange>>,
    filter: Filter,
    caches: Arc<Caches>,
    bookmarks: Option<Interval>,
    deadline: Option<Instant>,
    stop: tokio_util::sync::CancellationToken,
}

impl Watcher {
    /// None ends the stream: time is up, the server stops, or this watcher fell too far behind.
    async fn next(&mut self) -> Option<WatchItem> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Some(item);
            }
            tokio::select! {
                biased;
                change = self.live.recv() => {
                    let change = change?;
                    self.queue.extend(self.filter.see(&change));
                }
                () = at(self.deadline) => return None,
                () = self.stop.cancelled() => return None,
                () = tick(&mut self.bookmarks) => self.bookmark(),
            }
        }
    }

    /// Everything up to `applied` was put into `live` before `applied` rose, so an empty `live` means all was delivered.
    fn bookmark(&mut self) {
        let revision = self.caches.applied();
        match self.live.try_recv() {
            Ok(change) => self.queue.extend(self.filter.see(&change)),
            Err(_) => self.queue.push_back(WatchItem::Bookmark { revision, initial_events_end: false }),
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => std::future::pending().await,
    }
}

impl Filter {
    /// A change as this filter sees it: an object that starts to match is added, one that ceases to is deleted.
    fn see(&self, change: &CachedChange) -> Option<WatchItem> {
        if self.is_everything() {
            return Some(WatchItem::Event(change.event.clone()));
        }
        let object = &change.event.object;
        let before = change.previous.as_ref().is_some_and(|previous| self.matches(previous));
        let now = change.event.kind != EventKind::Deleted && self.matches(object);
        match (before, now) {
            (true, true) => Some(WatchItem::Event(change.event.clone())),
            (false, true) => Some(added(object)),
            (true, false) => {
                let last = change.previous.as_ref().map_or_else(|| object.clone(), |p| Arc::new(p.at_revision(change.revision)));
                Some(WatchItem::Event(Arc::new(Event::new(EventKind::Deleted, last))))
            }
            (false, false) => None,
        }
    }
}
