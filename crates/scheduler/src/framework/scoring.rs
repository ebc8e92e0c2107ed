//! Which of the nodes that fit is best (kubernetes pkg/scheduler/schedule_one.go prioritizeNodes, selectHost).

use super::{MAX_NODE_SCORE, Plugin};
use crate::cluster::{Cluster, NodeId};
use crate::model::Pod;

/// The best of the nodes; `draw(n)` picks one of n that are equally good.
pub fn best(
    plugins: &[&'static dyn Plugin],
    cluster: &Cluster,
    pod: &Pod,
    feasible: &[NodeId],
    mut draw: impl FnMut(usize) -> usize,
) -> Option<NodeId> {
    if feasible.len() < 2 {
        return feasible.first().copied();
    }
    let totals = totals(plugins, cluster, pod, feasible);
    let highest = totals.iter().max()?;
    let best: Vec<NodeId> = feasible.iter().zip(&totals).filter(|(_, total)| *total == highest).map(|(node, _)| *node).collect();
    best.get(draw(best.len())).copied()
}

fn totals(plugins: &[&'static dyn Plugin], cluster: &Cluster, pod: &Pod, feasible: &[NodeId]) -> Vec<i64> {
    let mut totals = vec![0; feasible.len()];
    let mut scores = vec![0; feasible.len()];
    for plugin in plugins {
        let Some(score) = plugin.pre_score(cluster, pod, feasible) else { continue };
        for (place, node) in scores.iter_mut().zip(feasible) {
            *place = score.score(cluster.host(*node));
        }
        score.normalize(feasible, &mut scores);
        for (total, score) in totals.iter_mut().zip(&scores) {
            *total += score * plugin.weight();
        }
    }
    totals
}

/// Scales so that the highest is 100; `reverse` if little is good (upstream's DefaultNormalizeScore).
pub fn normalize(scores: &mut [i64], reverse: bool) {
    let highest = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if highest == 0 { 0 } else { MAX_NODE_SCORE * *score / highest };
        *score = if reverse { MAX_NODE_SCORE - scaled } else { scaled };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_scaled() {
        for (scores, reverse, scaled) in [
            (vec![1, 2, 4], false, vec![25, 50, 100]),
            (vec![1, 2, 4], true, vec![75, 50, 0]),
            (vec![0, 0], false, vec![0, 0]),
            (vec![0, 0], true, vec![100, 100]),
        ] {
            let mut found = scores.clone();
            normalize(&mut found, reverse);
            assert_eq!(found, scaled, "{scores:?} {reverse}");
        }
    }
}
