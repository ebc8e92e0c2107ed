//! When a daemon's failed pod may be replaced on a node again: after 1 s, 2 s, 4 s, up to 15 min. A kubelet that refuses
//! a pod would otherwise get it back at once, for ever.

use meta::Time;
use parking_lot::Mutex;
use std::collections::HashMap;

const FIRST_SECONDS: i64 = 1;
const LONGEST_SECONDS: i64 = 15 * 60;

/// A set by UID, its generation and a node.
type Key = (String, i64, String);

#[derive(Clone, Copy)]
struct Pause {
    since: Time,
    seconds: i64,
}

#[derive(Default)]
pub(super) struct FailedPods(Mutex<HashMap<Key, Pause>>);

impl FailedPods {
    /// Seconds left until the pod on this node may be replaced.
    pub fn seconds_left(&self, key: &Key, now: Time) -> i64 {
        let left = |pause: &Pause| pause.seconds - now.seconds_since(pause.since);
        self.0.lock().get(key).map_or(0, left).max(0)
    }

    /// It is replaced now. Twice the longest pause without a failure and the first one counts again.
    pub fn replaced(&self, key: Key, now: Time) {
        let mut pauses = self.0.lock();
        pauses.retain(|_, pause| now.seconds_since(pause.since) <= 2 * LONGEST_SECONDS);
        let seconds = pauses.get(&key).map_or(FIRST_SECONDS, |pause| (pause.seconds * 2).min(LONGEST_SECONDS));
        pauses.insert(key, Pause { since: now, seconds });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_forgotten() {
        let failed = FailedPods::default();
        let key = || ("u".to_owned(), 1, "n".to_owned());
        let mut now = Time::from_unix(0);
        assert_eq!(failed.seconds_left(&key(), now), 0);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            failed.replaced(key(), now);
            assert_eq!(failed.seconds_left(&key(), now), seconds);
            now = now.plus_seconds(seconds);
            assert_eq!(failed.seconds_left(&key(), now), 0);
        }
        now = now.plus_seconds(2000);
        failed.replaced(key(), now);
        assert_eq!(failed.seconds_left(&key(), now), 1);
    }
}
