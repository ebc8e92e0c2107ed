//! What all controllers of pods share: the pods they own, claiming, creation and deletion, and the wait for one's own writes.

mod batch;
mod claim;
mod conditions;
mod control;
mod events;
mod expectations;
mod int_or_percent;
mod owners;
mod pod;
mod pods;
mod ranking;
mod status;
mod template;

pub(crate) use batch::slow_start;
pub(crate) use claim::{Claimant, claim};
pub(crate) use conditions::{condition, remove_condition, set_condition};
pub(crate) use control::PodControl;
pub(crate) use events::Events;
pub(crate) use expectations::Expectations;
pub(crate) use int_or_percent::int_or_percent;
pub(crate) use owners::{Owners, selector_of};
pub(crate) use pod::{Phase, Pod};
pub(crate) use pods::{PODS, Pods};
pub(crate) use ranking::deletion_order;
pub(crate) use status::StatusWriter;
pub(crate) use template::{controller_reference, fnv32a, pod_from_template, safe_encode};

use client::Resource;

/// A kind of owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub resource: Resource,
    pub api_version: &'static str,
    pub kind: &'static str,
}

/// How many pods a pass creates or deletes at most (`BurstReplicas` of kubernetes `pkg/controller/replicaset/replica_set.go`).
pub(crate) const BURST: usize = 500;
