//! Letting a group fill up: those just answered often come back at once, and one sync for all beats two.
//!
//! Without it the first to come back starts a sync alone, while the others queue behind it: with 64 writers in a loop,
//! groups of 64 fall apart into a small one and a large one, and half of the syncs are wasted.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Never waits longer than this, nor than a quarter of what the last sync took.
const MAX_WAIT: Duration = Duration::from_micros(500);
/// With syncs faster than this there is nothing to win.
const MIN_SYNC: Duration = Duration::from_micros(40);

/// The meeting point of the log's thread and those who submit jobs.
pub(crate) struct Gather {
    /// How many queued jobs the log's thread waits for; `usize::MAX` when it does not.
    target: AtomicUsize,
    waiter: OnceLock<Thread>,
}

impl Default for Gather {
    fn default() -> Self {
        Self { target: AtomicUsize::new(usize::MAX), waiter: OnceLock::new() }
    }
}

impl Gather {
    /// Called by the log's thread after a sync: waits until `target` jobs are queued, but not for long.
    pub fn wait(&self, target: usize, queued: impl Fn() -> usize, sync: Duration) {
        if target <= 1 || sync < MIN_SYNC || queued() >= target {
            return;
        }
        self.waiter.get_or_init(thread::current);
        self.target.store(target, Ordering::SeqCst);
        let deadline = Instant::now() + (sync / 4).min(MAX_WAIT);
        while queued() < target {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        self.target.store(usize::MAX, Ordering::SeqCst);
    }

    /// Called after queueing a job.
    pub fn arrived(&self, queued: usize) {
        if queued >= self.target.load(Ordering::SeqCst)
            && let Some(waiter) = self.waiter.get()
        {
            waiter.unpark();
        }
    }
}
