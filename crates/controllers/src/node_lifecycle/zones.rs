//! How fast pods may be driven from nodes, by the state of each zone: the more is broken at once, the likelier it is that
//! the network is, and not the nodes (`handleDisruption` of kubernetes `pkg/controller/nodelifecycle`).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// `--node-eviction-rate` and `--secondary-node-eviction-rate`: nodes a second.
const RATE: f64 = 0.1;
const SECONDARY_RATE: f64 = 0.01;
/// `--large-cluster-size-threshold`: smaller zones in partial disruption evict nothing.
const LARGE_ZONE: usize = 50;
/// `--unhealthy-zone-threshold`.
const UNHEALTHY_SHARE: f64 = 0.55;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Normal,
    /// Too many nodes are not ready.
    Partial,
    /// None is ready.
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Now,
    After(Duration),
    /// Not as long as the zone is in this state.
    Refused,
}

/// Where a node is, and whether it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub zone: String,
    pub ready: bool,
}

#[derive(Default)]
struct Zone {
    ready: usize,
    not_ready: usize,
    limiter: Limiter,
}

/// A bucket of one token.
#[derive(Default)]
struct Limiter {
    spent: f64,
    at: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Zones {
    nodes: HashMap<String, Standing>,
    zones: BTreeMap<String, Zone>,
}

impl Zones {
    /// Takes note of a node (None: it is gone, or does not count), and names those whose eviction is decided anew by it.
    pub fn set(&mut self, node: &str, standing: Option<Standing>) -> Vec<String> {
        let old = self.nodes.get(node).cloned();
        if old == standing {
            return Vec::new();
        }
        let before = self.states();
        if let Some(old) = old {
            *self.count(&old) -= 1;
            self.nodes.remove(node);
        }
        if let Some(new) = standing {
            *self.count(&new) += 1;
            self.nodes.insert(node.to_owned(), new);
        }
        let after = self.states();
        match is_stopped(&before) == is_stopped(&after) {
            false => self.nodes.keys().cloned().collect(),
            true => {
                let changed = |zone: &str| before.get(zone) != after.get(zone);
                self.nodes.iter().filter(|(_, standing)| changed(&standing.zone)).map(|(name, _)| name.clone()).collect()
            }
        }
    }

    fn count(&mut self, standing: &Standing) -> &mut usize {
        let zone = self.zones.entry(standing.zone.clone()).or_default();
        if standing.ready { &mut zone.ready } else { &mut zone.not_ready }
    }

    fn states(&self) -> BTreeMap<String, State> {
        let counted = self.zones.iter().filter(|(_, zone)| zone.ready + zone.not_ready > 0);
        counted.map(|(name, zone)| (name.clone(), zone.state())).collect()
    }

    /// Not one node of the cluster is ready: it is the control plane that is cut off, and nothing is evicted.
    pub fn is_stopped(&self) -> bool {
        is_stopped(&self.states())
    }

    /// Whether a node of this zone may be evicted now. If so, the next one has to wait.
    pub fn admit(&mut self, zone: &str, now: Instant) -> Admission {
        let zone = self.zones.entry(zone.to_owned()).or_default();
        let rate = zone.rate();
        zone.limiter.take(rate, now)
    }
}

fn is_stopped(states: &BTreeMap<String, State>) -> bool {
    !states.is_empty() && states.values().all(|state| *state == State::Full)
}

impl Zone {
    fn state(&self) -> State {
        let share = self.not_ready as f64 / (self.not_ready + self.ready).max(1) as f64;
        match (self.ready, self.not_ready) {
            (0, 1..) => State::Full,
            (_, 3..) if share >= UNHEALTHY_SHARE => State::Partial,
            _ => State::Normal,
        }
    }

    fn rate(&self) -> f64 {
        match self.state() {
            State::Partial if self.ready + self.not_ready > LARGE_ZONE => SECONDARY_RATE,
            State::Partial => 0.0,
            // One zone alone that is all dark has no power: its pods are wanted elsewhere.
            State::Normal | State::Full => RATE,
        }
    }
}

impl Limiter {
    fn take(&mut self, rate: f64, now: Instant) -> Admission {
        if rate == 0.0 {
            return Admission::Refused;
        }
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.spent = (self.spent - passed.as_secs_f64() * rate).max(0.0);
        self.at = Some(now);
        // Timers are exact to a millisecond, and so is this.
        if self.spent < rate / 1000.0 {
            self.spent = 1.0;
            return Admission::Now;
        }
        Admission::After(Duration::from_secs_f64(self.spent / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a3/1`: zone a has three nodes, one of them ready.
    fn zones(text: &str) -> Zones {
        let mut zones = Zones::default();
        for part in text.split(' ') {
            let (zone, counts) = part.split_at(1);
            let (all, ready) = counts.split_once('/').expect("two counts");
            let (all, ready): (usize, usize) = (all.parse().expect("a count"), ready.parse().expect("a count"));
            for number in 0..all {
                zones.set(&format!("{zone}{number}"), Some(Standing { zone: zone.into(), ready: number < ready }));
            }
        }
        zones
    }

    #[test]
    fn the_state_of_zones_decides() {
        let second = |seconds: u64| Admission::After(Duration::from_secs(seconds));
        for (text, stopped, first, then) in [
            ("a1/0 b1/1", false, Admission::Now, second(10)),
            ("a2/1", false, Admission::Now, second(10)),
            ("a3/1", false, Admission::Now, second(10)),
            ("a4/1", false, Admission::Refused, Admission::Refused),
            ("a60/20", false, Admission::Now, second(100)),
            ("a60/40", false, Admission::Now, second(10)),
            ("a3/0 b3/2", false, Admission::Now, second(10)),
            ("a3/0 b1/0", true, Admission::Now, second(10)),
        ] {
            let (mut zones, now) = (zones(text), Instant::now());
            assert_eq!(zones.is_stopped(), stopped, "{text}");
            assert_eq!((zones.admit("a", now), zones.admit("a", now)), (first, then), "{text}");
        }
    }

    #[test]
    fn a_token_comes_back_in_its_time() {
        let (mut zones, start) = (zones("a2/1"), Instant::now());
        for (seconds, admission) in [
            (0, Admission::Now),
            (4, Admission::After(Duration::from_secs(6))),
            (10, Admission::Now),
            (60, Admission::Now),
            (61, Admission::After(Duration::from_secs(9))),
        ] {
            assert_eq!(zones.admit("a", start + Duration::from_secs(seconds)), admission, "{seconds}");
        }
    }

    #[test]
    fn changes_of_state_concern_the_zone_or_all() {
        let at = |zone: &str, ready| Some(Standing { zone: zone.into(), ready });
        for (text, node, standing, concerned) in [
            ("a2/2 b1/1", "a0", at("a", true), ""),
            ("a3/3 b1/1", "a0", at("a", false), ""),
            ("a2/1 b1/1", "a0", at("a", false), "a0 a1"),
            ("a2/1 b1/0", "a0", at("a", false), "a0 a1 b0"),
            ("a2/0 b1/0", "b0", at("b", true), "a0 a1 b0"),
            ("a2/0 b1/1", "b0", None, "a0 a1"),
            ("a2/1", "a0", at("b", true), "a1 a0"),
        ] {
            let mut named = zones(text).set(node, standing);
            named.sort();
            let mut expected: Vec<&str> = concerned.split_terminator(' ').collect();
            expected.sort_unstable();
            assert_eq!(named, expected, "{text}");
        }
    }
}
