//! Why a pod was not placed, in upstream's words (kubernetes pkg/scheduler/framework/types.go FitError).

use super::{Code, Refusal};
use crate::cluster::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// There is not a single node.
pub const NO_NODES: &str = "no nodes available to schedule pods";

#[derive(Debug, Default)]
pub struct Diagnosis {
    /// How many nodes there are.
    pub nodes: usize,
    pub refused: Vec<(NodeId, Refusal)>,
    /// Of nodes that were not even looked at.
    pub others: Option<Refusal>,
    /// Said before any node was looked at.
    pub pre_filter: String,
    /// What came of making room.
    pub post_filter: String,
    /// Plugins whose word it was.
    pub plugins: BTreeSet<&'static str>,
}

impl Diagnosis {
    /// Nodes on which it might help to make room.
    pub fn resolvable(&self, all: &[NodeId]) -> Vec<NodeId> {
        if self.others.as_ref().is_some_and(|refusal| refusal.code == Code::Unschedulable) {
            let refused: BTreeMap<NodeId, Code> = self.refused.iter().map(|(node, refusal)| (*node, refusal.code)).collect();
            let helps = |node: &&NodeId| refused.get(node).is_none_or(|code| *code == Code::Unschedulable);
            return all.iter().filter(helps).copied().collect();
        }
        self.refused.iter().filter(|(_, refusal)| refusal.code == Code::Unschedulable).map(|(node, _)| *node).collect()
    }

    pub fn message(&self) -> String {
        if self.nodes == 0 {
            return NO_NODES.into();
        }
        let mut text = format!("0/{} nodes are available:", self.nodes);
        if self.pre_filter.is_empty() {
            let reasons = self.histogram();
            if !reasons.is_empty() {
                text += &format!(" {}.", reasons.join(", "));
            }
        } else {
            text += &format!(" {}.", self.pre_filter);
        }
        if !self.post_filter.is_empty() {
            text += &format!(" {}", self.post_filter);
        }
        text
    }

    fn histogram(&self) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in self.refused.iter().flat_map(|(_, refusal)| refusal.reasons()) {
            *counts.entry(reason).or_default() += 1;
        }
        let unseen = self.nodes.saturating_sub(self.refused.len());
        for reason in self.others.iter().flat_map(|refusal| refusal.reasons()).filter(|_| unseen > 0) {
            *counts.entry(reason).or_default() += unseen;
        }
        let mut lines: Vec<String> = counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        lines.sort();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_upstream_prints_them() {
        let cpu = || Refusal::unschedulable("Insufficient cpu");
        let taint = || Refusal::unresolvable("node(s) had untolerated taint(s)");
        let both = || Refusal::all(Code::Unschedulable, ["Insufficient cpu".into(), "Too many pods".into()].into_iter());
        for (nodes, refused, others, pre_filter, post_filter, text) in [
            (0, vec![], None, "", "", "no nodes available to schedule pods"),
            (
                5,
                vec![cpu(), taint(), cpu(), taint(), cpu()],
                None,
                "",
                "preemption: not eligible due to preemptionPolicy=Never.",
                "0/5 nodes are available: 2 node(s) had untolerated taint(s), 3 Insufficient cpu. \
                    preemption: not eligible due to preemptionPolicy=Never.",
            ),
            (2, vec![both(), cpu()], None, "", "", "0/2 nodes are available: 1 Too many pods, 2 Insufficient cpu."),
            (
                3,
                vec![cpu()],
                Some(taint()),
                "",
                "",
                "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).",
            ),
            (3, vec![], Some(taint()), "pod has no luck", "", "0/3 nodes are available: pod has no luck."),
        ] {
            let refused = refused.into_iter().zip(0..).map(|(refusal, node)| (node, refusal)).collect();
            let (pre_filter, post_filter) = (pre_filter.to_owned(), post_filter.to_owned());
            let diagnosis = Diagnosis { nodes, refused, others, pre_filter, post_filter, plugins: BTreeSet::new() };
            assert_eq!(diagnosis.message(), text);
        }
    }

    #[test]
    fn making_room_helps_where_pods_are_in_the_way() {
        let (cpu, taint) = (Refusal::unschedulable("Insufficient cpu"), Refusal::unresolvable("tainted"));
        for (others, helps) in [(None, vec![0]), (Some(cpu.clone()), vec![0, 2]), (Some(taint.clone()), vec![0])] {
            let refused = vec![(0, cpu.clone()), (1, taint.clone())];
            let diagnosis = Diagnosis { nodes: 3, refused, others, ..Diagnosis::default() };
            assert_eq!(diagnosis.resolvable(&[0, 1, 2]), helps);
        }
    }
}
