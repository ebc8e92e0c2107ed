//! Which thresholds are passed, since when, and what the node says of it: a pure function of what was measured and of what
//! was seen before (kubernetes pkg/kubelet/eviction/eviction_manager.go, synchronize).

use super::settings::{EvictionSettings, Threshold};
use super::signal::{Condition, Levels};
use meta::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What has been seen so far.
#[derive(Debug, Default)]
pub struct Watch {
    /// Passed for longer than their grace.
    met: Vec<Threshold>,
    since: Vec<(Threshold, Time)>,
    last_seen: BTreeMap<Condition, Time>,
}

/// What follows.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub conditions: BTreeSet<Condition>,
    /// What must be done something about, the most urgent first.
    pub reclaim: Vec<Threshold>,
}

impl Watch {
    pub fn observe(&mut self, settings: &EvictionSettings, levels: &Levels, now: Time) -> Seen {
        let mut passed = passed(&settings.thresholds, levels, false);
        // What was passed is over only when as much more is free as was asked for.
        for threshold in self::passed(&self.met, levels, true) {
            if !passed.contains(&threshold) {
                passed.push(threshold);
            }
        }
        let since = |threshold: &Threshold| self.since.iter().find(|(known, _)| known == threshold).map(|(_, since)| *since);
        self.since = passed.iter().map(|threshold| (*threshold, since(threshold).unwrap_or(now))).collect();
        for threshold in &passed {
            self.last_seen.insert(threshold.signal.condition(), now);
        }
        self.last_seen.retain(|_, seen| now.seconds_since(*seen) < settings.transition_s);
        let lasting = self.since.iter().filter(|(threshold, since)| now.seconds_since(*since) >= threshold.grace_s);
        self.met = lasting.map(|(threshold, _)| *threshold).collect();
        let mut reclaim = self.met.clone();
        reclaim.sort_by_key(|threshold| threshold.signal);
        Seen { conditions: self.last_seen.keys().copied().collect(), reclaim }
    }
}

/// `reclaim`: with what must be free beyond the threshold.
pub fn passed(thresholds: &[Threshold], levels: &Levels, reclaim: bool) -> Vec<Threshold> {
    let is_passed = |threshold: &&Threshold| {
        let Some(level) = levels.get(&threshold.signal) else { return false };
        let more = threshold.reclaim.filter(|_| reclaim).map_or(0, |more| more.of(*level));
        threshold.amount.of(*level) + more > level.available
    };
    thresholds.iter().filter(is_passed).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::signal::{Level, Signal};
    use super::*;
    use serde_json::json;

    /// Each step: the second, megabytes of memory free of 1000, and what follows.
    fn story(config: meta::Doc, steps: &[(i64, i64, &str)]) {
        let settings = EvictionSettings::from_config(&config).expect("settings");
        let mut watch = Watch::default();
        for (second, free, expected) in steps {
            let level = Level { available: free << 20, capacity: 1000 << 20 };
            let seen = watch.observe(&settings, &Levels::from([(Signal::MemoryAvailable, level)]), Time::from_unix(*second));
            let conditions: Vec<&str> = seen.conditions.iter().map(|condition| condition.name()).collect();
            let act = if seen.reclaim.is_empty() { "" } else { " evict" };
            assert_eq!(format!("{}{act}", conditions.join(",")), *expected, "second {second}");
        }
    }

    #[test]
    fn a_hard_threshold_acts_at_once_and_is_remembered() {
        let config = json!({"evictionHard": {"memory.available": "100Mi"}});
        let steps = [
            (0, 500, ""),
            (10, 100, ""),
            (20, 99, "MemoryPressure evict"),
            (30, 150, "MemoryPressure"),
            (319, 150, "MemoryPressure"),
            (320, 150, ""),
        ];
        story(config, &steps);
    }

    #[test]
    fn a_soft_threshold_waits() {
        let config = json!({
            "evictionHard": {}, "evictionSoft": {"memory.available": "20%"},
            "evictionSoftGracePeriod": {"memory.available": "30s"}, "evictionPressureTransitionPeriod": "10s",
        });
        let steps = [
            (0, 199, "MemoryPressure"),
            (20, 199, "MemoryPressure"),
            (25, 200, "MemoryPressure"),
            (40, 199, "MemoryPressure"),
            (69, 199, "MemoryPressure"),
            (70, 199, "MemoryPressure evict"),
            (80, 500, ""),
        ];
        story(config, &steps);
    }

    #[test]
    fn as_much_is_reclaimed_as_was_asked_for() {
        let config =
            json!({"evictionHard": {"memory.available": "100Mi"}, "evictionMinimumReclaim": {"memory.available": "50Mi"}});
        story(config, &[(0, 120, ""), (10, 99, "MemoryPressure evict"), (20, 149, "MemoryPressure evict"), (30, 150, "MemoryPressure")]);
    }
}
