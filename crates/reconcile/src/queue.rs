//! A work queue as client-go's: a key is queued once, never handed to two workers at a time, and queued again when it
//! changes while being worked on. Failed keys come back after an exponential pause.

use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const BASE_DELAY: Duration = Duration::from_millis(5);
/// client-go waits up to 1000 s; a person at a laptop should not.
const MAX_DELAY: Duration = Duration::from_secs(120);

struct State<K> {
    ready: VecDeque<K>,
    queued: HashSet<K>,
    working: HashSet<K>,
    failures: HashMap<K, u32>,
    /// When a key comes back by itself: its earliest hour, so that one timer per key counts.
    delayed: HashMap<K, Instant>,
}

pub struct Queue<K> {
    state: Mutex<State<K>>,
    wake: Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl<K: Clone + Eq + Hash + Send + 'static> Queue<K> {
    pub fn new(tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        let state = State {
            ready: VecDeque::new(),
            queued: HashSet::new(),
            working: HashSet::new(),
            failures: HashMap::new(),
            delayed: HashMap::new(),
        };
        Arc::new(Self { state: Mutex::new(state), wake: Notify::new(), tasks, stop })
    }

    pub fn add(&self, key: K) {
        let mut state = self.state.lock();
        if !state.queued.insert(key.clone()) {
            return;
        }
        if !state.working.contains(&key) {
            state.ready.push_back(key);
            self.wake.notify_one();
        }
    }

    /// Adds the key later. Of several such promises the earliest holds, as in client-go's delaying queue.
    pub fn add_after(self: &Arc<Self>, key: K, delay: Duration) {
        let due = Instant::now() + delay;
        {
            let mut state = self.state.lock();
            if state.delayed.get(&key).is_some_and(|earlier| *earlier <= due) {
                return;
            }
            state.delayed.insert(key.clone(), due);
        }
        let queue = self.clone();
        self.tasks.spawn(async move {
            if queue.stop.run_until_cancelled(tokio::time::sleep_until(due)).await.is_some() {
                queue.add_due(key, due);
            }
        });
    }

    /// Adds the key unless an earlier promise has already been kept.
    fn add_due(&self, key: K, due: Instant) {
        let mut state = self.state.lock();
        if state.delayed.get(&key) != Some(&due) {
            return;
        }
        state.delayed.remove(&key);
        drop(state);
        self.add(key);
    }

    /// The next key, which nobody else gets until [`Queue::done`]. None once stopped.
    pub async fn next(&self) -> Option<K> {
        loop {
            if self.stop.is_cancelled() {
                return None;
            }
            if let Some(key) = self.take() {
                return Some(key);
            }
            self.stop.run_until_cancelled(self.wake.notified()).await?;
        }
    }

    fn take(&self) -> Option<K> {
        let mut state = self.state.lock();
        let key = state.ready.pop_front()?;
        state.queued.remove(&key);
        state.working.insert(key.clone());
        if !state.ready.is_empty() {
            self.wake.notify_one();
        }
        Some(key)
    }

    pub fn done(self: &Arc<Self>, key: K, succeeded: bool) {
        let mut state = self.state.lock();
        state.working.remove(&key);
        if state.queued.contains(&key) {
            state.ready.push_back(key.clone());
            self.wake.notify_one();
        }
        if succeeded {
            state.failures.remove(&key);
            return;
        }
        let failures = state.failures.entry(key.clone()).or_insert(0);
        let delay = (BASE_DELAY * 2u32.pow((*failures).min(16))).min(MAX_DELAY);
        *failures += 1;
        drop(state);
        self.add_after(key, delay);
    }

    pub fn len(&self) -> usize {
        self.state.lock().ready.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Arc<Queue<&'static str>> {
        Queue::new(TaskTracker::new(), CancellationToken::new())
    }

    #[tokio::test]
    async fn a_key_is_queued_once_and_worked_on_alone() {
        let queue = queue();
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.next().await, Some("a"));
        queue.add("a");
        assert!(queue.is_empty(), "a key being worked on waits for its worker");
        queue.done("a", true);
        assert_eq!(queue.next().await, Some("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_come_back_later_and_later() {
        let queue = queue();
        queue.add("a");
        for expected_ms in [5, 10, 20, 40] {
            let key = queue.next().await.expect("the queue runs");
            let failed_at = tokio::time::Instant::now();
            queue.done(key, false);
            while queue.is_empty() {
                tokio::time::advance(Duration::from_millis(1)).await;
                tokio::task::yield_now().await;
            }
            let waited = failed_at.elapsed().as_millis();
            assert!((expected_ms..expected_ms + 3).contains(&waited), "{waited} ms instead of {expected_ms}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_promises_the_earliest_is_kept_once() {
        let queue = queue();
        for seconds in [60, 10, 300] {
            queue.add_after("a", Duration::from_secs(seconds));
        }
        let start = tokio::time::Instant::now();
        let key = queue.next().await.expect("the queue runs");
        assert_eq!(start.elapsed().as_secs(), 10);
        queue.done(key, true);
        let again = tokio::time::timeout(Duration::from_secs(1000), queue.next()).await;
        assert!(again.is_err(), "later promises of a key that came back early are void");
    }

    #[tokio::test]
    async fn stopping_releases_the_workers() {
        let queue = queue();
        queue.stop.cancel();
        assert_eq!(queue.next().await, None);
    }
}
