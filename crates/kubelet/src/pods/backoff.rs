//! Pauses that double while something keeps failing (k8s.io/client-go util/flowcontrol/backoff.go).

use meta::Time;
use std::collections::HashMap;

/// 10 s, 20 s, … 300 s.
const INITIAL_S: i64 = 10;
const MAX_S: i64 = 300;

#[derive(Clone, Copy, Debug)]
struct Entry {
    pause_s: i64,
    updated: Time,
}

/// By name of what fails: a container, an image.
#[derive(Clone, Debug, Default)]
pub struct Backoffs {
    entries: HashMap<String, Entry>,
}

impl Backoffs {
    /// Until when it must not be tried again, and the pause that is being kept, given when it last failed.
    pub fn waiting(&self, key: &str, failed_at: Time, now: Time) -> Option<(Time, i64)> {
        let entry = self.entries.get(key).filter(|entry| !expired(failed_at, entry.updated))?;
        let until = failed_at.plus_seconds(entry.pause_s);
        (now < until).then_some((until, entry.pause_s))
    }

    /// As [`Backoffs::waiting`], counted from the last failure noted here.
    pub fn waiting_since_noted(&self, key: &str, now: Time) -> Option<(Time, i64)> {
        self.waiting(key, self.entries.get(key)?.updated, now)
    }

    /// Notes one more failure, which happened at `failed_at`.
    pub fn next(&mut self, key: &str, failed_at: Time, now: Time) {
        let entry = self.entries.get(key).filter(|entry| !expired(failed_at, entry.updated));
        let pause_s = entry.map_or(INITIAL_S, |entry| (entry.pause_s * 2).min(MAX_S));
        self.entries.insert(key.to_owned(), Entry { pause_s, updated: now });
    }

    pub fn forget(&mut self, key: &str) {
        self.entries.remove(key);
    }
}

/// What ran for twice the longest pause is well again: ten minutes.
fn expired(failed_at: Time, updated: Time) -> bool {
    failed_at.seconds_since(updated) > 2 * MAX_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_five_minutes_and_end_after_ten_good_ones() {
        let at = |seconds: i64| Time::from_unix(1_000_000 + seconds);
        let mut backoffs = Backoffs::default();
        assert_eq!(backoffs.waiting("a", at(0), at(0)), None, "the first failure is tried again at once");
        let mut now = 0;
        for pause in [10, 20, 40, 80, 160, 300, 300] {
            backoffs.next("a", at(now), at(now));
            assert_eq!(backoffs.waiting("a", at(now), at(now)), Some((at(now + pause), pause)));
            now += pause;
            assert_eq!(backoffs.waiting("a", at(now - pause), at(now)), None, "after {pause} s");
        }
        assert_eq!(backoffs.waiting("a", at(now + 601), at(now + 601)), None, "it ran for more than ten minutes");
        backoffs.next("a", at(now + 601), at(now + 601));
        assert_eq!(backoffs.waiting("a", at(now + 601), at(now + 601)).map(|(_, pause)| pause), Some(10));
    }
}
