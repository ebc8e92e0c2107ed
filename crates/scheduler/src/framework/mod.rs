//! Extension points of a scheduling cycle, with upstream's names (k8s.io/kube-scheduler framework/interface.go).

mod diagnosis;
mod filtering;
mod refusal;
mod scoring;

pub use diagnosis::Diagnosis;
pub use filtering::{Filters, feasible};
pub use refusal::{Code, Refusal};
pub use scoring::{best, normalize};

use crate::cluster::{Cluster, Host, NodeId};
use crate::model::{Node, Pod};
use meta::Object;

pub const MAX_NODE_SCORE: i64 = 100;

/// Decides about one thing that matters to where pods go. It keeps nothing between pods.
pub trait Plugin: Sync {
    fn name(&self) -> &'static str;

    /// How much its scores count.
    fn weight(&self) -> i64 {
        1
    }

    /// Whether the pod may be tried at all.
    fn pre_enqueue(&self, _pod: &Pod) -> bool {
        true
    }

    /// Has the cluster count what [`Plugin::pre_filter`] and [`Plugin::pre_score`] will ask for.
    fn prepare(&self, _cluster: &mut Cluster, _pod: &Pod) {}

    /// Looks at the pod before any node.
    fn pre_filter<'a>(&self, _cluster: &'a Cluster, _pod: &'a Pod) -> PreFilter<'a> {
        PreFilter::Skip
    }

    /// Looks at the pod and the nodes that remain. None: all nodes are alike.
    fn pre_score<'a>(&self, _cluster: &'a Cluster, _pod: &'a Pod, _feasible: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        None
    }

    /// Whether the change may make a pod schedulable that this plugin refused: upstream's queueing hint.
    fn wakes(&self, _cluster: &Cluster, _pod: &Pod, _change: &Change<'_>) -> bool {
        false
    }
}

/// What a plugin says before any node is looked at.
pub enum PreFilter<'a> {
    /// No node would be refused.
    Skip,
    Filter(Box<dyn Filter + 'a>),
    /// Only these nodes can pass.
    Only(Vec<NodeId>, Box<dyn Filter + 'a>),
    /// None can.
    Refuse(Refusal),
}

/// One plugin's filter for one pod.
pub trait Filter {
    fn filter(&self, host: &Host) -> Result<(), Refusal>;
    /// What if this other pod were on the node? Undone by [`Filter::remove_pod`], and the other way round.
    fn add_pod(&mut self, _other: &Pod, _host: &Host) {}
    /// What if it were not?
    fn remove_pod(&mut self, _other: &Pod, _host: &Host) {}
}

/// One plugin's score for one pod.
pub trait Score {
    fn score(&self, host: &Host) -> i64;
    /// Brings scores, in the order of the feasible nodes, into 0..=100.
    fn normalize(&self, _nodes: &[NodeId], _scores: &mut [i64]) {}
}

/// What happened to the cluster.
pub enum Change<'a> {
    NodeAdded(&'a Node),
    NodeUpdated {
        old: &'a Node,
        new: &'a Node,
    },
    /// Placed on a node, by whomever.
    PodAdded(&'a Pod),
    PodUpdated {
        old: &'a Pod,
        new: &'a Pod,
    },
    /// Gone from its node, which shows that already.
    PodRemoved {
        pod: &'a Pod,
        from: &'a Host,
    },
    /// A PersistentVolumeClaim came, or is another.
    Claim(&'a Object),
    StorageClass,
}

impl<'a> Change<'a> {
    /// The node as it is, and as it was.
    pub fn node(&self) -> Option<(&'a Node, Option<&'a Node>)> {
        match self {
            Self::NodeAdded(node) => Some((node, None)),
            Self::NodeUpdated { old, new } => Some((new, Some(old))),
            _ => None,
        }
    }
}
