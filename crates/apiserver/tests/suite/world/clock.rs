//! A clock that stands still until it is moved.

use meta::{Clock, Time};
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-11-20T10:00:00Z
const START: i64 = 1_795_168_800;

pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(START))
    }
}

impl TestClock {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time::from_unix(self.0.load(Ordering::SeqCst))
    }
}
