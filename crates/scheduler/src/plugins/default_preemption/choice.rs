//! On which node room is made (kubernetes pkg/scheduler/framework/preemption pickOneNodeForPreemption).

use crate::cluster::NodeId;
use crate::model::Pod;
use std::cmp::Reverse;
use std::sync::Arc;

#[derive(Debug)]
pub struct Candidate {
    pub node: NodeId,
    /// The most important first.
    pub victims: Vec<Arc<Pod>>,
    /// How many of them a budget protects.
    pub violations: usize,
}

/// The least harm: fewest budgets broken; then the least important victims; then the least importance in sum; then the
/// fewest victims; then the most important ones having started last.
pub fn best(candidates: Vec<Candidate>) -> Option<Candidate> {
    candidates.into_iter().min_by_key(harm)
}

fn harm(candidate: &Candidate) -> (usize, i32, i64, usize, Reverse<i64>) {
    let highest = candidate.victims.first().map_or(i32::MIN, |victim| victim.asks.priority);
    // Moved above zero, so that more victims never are the smaller sum.
    let sum = candidate.victims.iter().map(|victim| i64::from(victim.asks.priority) + (1 << 31)).sum();
    let oldest = candidate.victims.iter().filter(|victim| victim.asks.priority == highest).map(|victim| victim.since).min();
    (candidate.violations, highest, sum, candidate.victims.len(), Reverse(oldest.unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use serde_json::json;

    /// Victims as `(priority, started)`.
    fn candidate(node: NodeId, violations: usize, victims: &[(i32, &str)]) -> Candidate {
        let victim = |(priority, started): &(i32, &str)| {
            let started = format!("2026-01-01T00:00:{started}Z");
            pod(json!({"metadata": {"name": "v"}, "spec": {"priority": priority}, "status": {"startTime": started}}))
        };
        Candidate { node, violations, victims: victims.iter().map(victim).collect() }
    }

    #[test]
    fn the_least_harm_is_chosen() {
        for (candidates, chosen) in [
            (vec![candidate(0, 1, &[(0, "01")]), candidate(1, 0, &[(9, "01")])], 1),
            (vec![candidate(0, 0, &[(5, "01")]), candidate(1, 0, &[(4, "01"), (4, "01")])], 1),
            (vec![candidate(0, 0, &[(5, "01"), (5, "01")]), candidate(1, 0, &[(5, "01"), (1, "01")])], 1),
            (vec![candidate(0, 0, &[(5, "01"), (-5, "01")]), candidate(1, 0, &[(5, "01")])], 1),
            (vec![candidate(0, 0, &[(5, "01")]), candidate(1, 0, &[(5, "09")])], 1),
            (vec![candidate(0, 0, &[(5, "01")]), candidate(1, 0, &[(5, "01")])], 0),
        ] {
            let text = format!("{candidates:?}");
            assert_eq!(best(candidates).map(|best| best.node), Some(chosen), "{text}");
        }
    }
}
