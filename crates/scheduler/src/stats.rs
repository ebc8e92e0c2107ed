//! What the scheduler has done, for metrics and benchmarks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Stats {
    /// Pods bound.
    pub(crate) scheduled: AtomicU64,
    /// Attempts that found no node.
    pub(crate) unschedulable: AtomicU64,
    /// Attempts that failed otherwise.
    pub(crate) errors: AtomicU64,
    /// Pods that wait, wherever in the queue.
    pub(crate) pending: AtomicU64,
    cycles: AtomicU64,
    cycle_nanos: AtomicU64,
}

impl Stats {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn cycle(&self, took: Duration) {
        Self::count(&self.cycles);
        self.cycle_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub fn scheduled(&self) -> u64 {
        self.scheduled.load(Ordering::Relaxed)
    }
    pub fn unschedulable(&self) -> u64 {
        self.unschedulable.load(Ordering::Relaxed)
    }
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// How long a scheduling cycle takes on average, binding apart.
    pub fn mean_cycle(&self) -> Duration {
        let cycles = self.cycles.load(Ordering::Relaxed).max(1);
        Duration::from_nanos(self.cycle_nanos.load(Ordering::Relaxed) / cycles)
    }
}
