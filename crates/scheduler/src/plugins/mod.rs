//! The plugins of upstream's default profile (kubernetes pkg/scheduler/apis/config/v1/default_plugins.go). Two extension
//! points take exactly one plugin and are functions: queue sort (PrioritySort) and bind (DefaultBinder).

pub mod default_binder;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_unschedulable;
pub mod priority_sort;
mod scheduling_gates;
mod taint_toleration;

use crate::framework::Plugin;

/// In the order in which they are asked.
pub const SCHEDULER_PLUGINS: &[&dyn Plugin] = &[
    &scheduling_gates::SchedulingGates,
    &node_unschedulable::NodeUnschedulable,
    &node_name::NodeName,
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_ports::NodePorts,
    &node_resources_fit::NodeResourcesFit,
    &node_resources_balanced_allocation::NodeResourcesBalancedAllocation,
];
