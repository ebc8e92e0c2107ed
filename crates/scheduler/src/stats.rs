//! What the scheduler has done, for metrics and benchmarks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Stats {
    /// Pods bound.
    pub scheduled: AtomicU64,
    /// Attempts that found no node.
    pub unschedulable: AtomicU64,
    /// Attempts that failed otherwise.
    pub errors: AtomicU64,
    /// Pods that wait, wherever in the queue.
    pub pending: AtomicU64,
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

    /// How long a scheduling cycle takes on average, binding apart.
    pub fn mean_cycle(&self) -> Duration {
        let cycles = self.cycles.load(Ordering::Relaxed).max(1);
        Duration::from_nanos(self.cycle_nanos.load(Ordering::Relaxed) / cycles)
    }
}
