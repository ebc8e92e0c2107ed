//! Nodes that pods name and that are not there. One may only be late: it gets some time.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// `quarantineTime`.
const TIME: Duration = Duration::from_secs(40);

#[derive(Default)]
pub(super) struct Quarantine(Mutex<HashMap<String, Instant>>);

impl Quarantine {
    /// How long the node has to be waited for, counted from the first time that it was missed.
    pub fn left(&self, node: &str, now: Instant) -> Duration {
        let since = *self.0.lock().entry(node.to_owned()).or_insert(now);
        TIME.saturating_sub(now.saturating_duration_since(since))
    }

    pub fn leave(&self, node: &str) {
        self.0.lock().remove(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_node_is_waited_for_once() {
        let (quarantine, start) = (Quarantine::default(), Instant::now());
        for (seconds, left) in [(0, 40), (15, 25), (40, 0), (70, 0)] {
            assert_eq!(quarantine.left("a", start + Duration::from_secs(seconds)).as_secs(), left);
        }
        quarantine.leave("a");
        assert_eq!(quarantine.left("a", start + Duration::from_secs(80)).as_secs(), 40);
    }
}
