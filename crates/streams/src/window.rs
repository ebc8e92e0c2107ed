//! How much may be sent to a peer before it says that it has read some.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// SPDY/3.1's window until a peer says otherwise.
pub(crate) const INITIAL: i64 = 64 << 10;

/// Counts from the start, and holds back only for a peer that takes part: SPDY clients of Kubernetes (moby/spdystream)
/// never send a WINDOW_UPDATE, and would starve. What bounds those is the connection itself.
pub(crate) struct Window {
    left: Mutex<Left>,
    changed: Notify,
}

struct Left {
    bytes: i64,
    enforced: bool,
    broken: bool,
}

impl Window {
    pub fn new(bytes: i64, enforced: bool) -> Self {
        Self { left: Mutex::new(Left { bytes, enforced, broken: false }), changed: Notify::new() }
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something may be sent; how much of `wanted`.
    pub async fn take(&self, wanted: usize) -> io::Result<usize> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut left = self.left();
                if left.broken {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                if !left.enforced || left.bytes > 0 {
                    let granted = if left.enforced { wanted.min(left.bytes.unsigned_abs() as usize) } else { wanted };
                    left.bytes -= granted as i64;
                    return Ok(granted);
                }
            }
            changed.await;
        }
    }

    /// The peer has read so much, or wants its window to change by so much.
    pub fn give(&self, bytes: i64) {
        let mut left = self.left();
        left.bytes = left.bytes.saturating_add(bytes);
        left.enforced = true;
        drop(left);
        self.changed.notify_waiters();
    }

    /// What was taken and not sent.
    pub fn put_back(&self, bytes: usize) {
        self.left().bytes += bytes as i64;
        self.changed.notify_waiters();
    }

    /// Nothing can be sent any more, and what waits fails.
    pub fn fail(&self) {
        self.left().broken = true;
        self.changed.notify_waiters();
    }

    pub fn is_broken(&self) -> bool {
        self.left().broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn only_a_peer_that_takes_part_is_held_to_its_window() {
        let window = Window::new(10, false);
        assert_eq!(window.take(100).await.expect("open"), 100);
        window.give(95);
        assert_eq!(window.take(100).await.expect("five are left"), 5);
        assert!(window.take(1).now_or_never().is_none());
        let (taken, ()) = tokio::join!(window.take(8), async { window.give(3) });
        assert_eq!(taken.expect("three came"), 3);
        let (taken, ()) = tokio::join!(window.take(8), async { window.fail() });
        assert!(taken.is_err());
    }
}
