//! The plugins of upstream's default profile (kubernetes pkg/scheduler/apis/config/v1/default_plugins.go). Three
//! extension points take exactly one plugin and are functions: queue sort (PrioritySort), post filter (DefaultPreemption)
//! and bind (DefaultBinder).

pub mod default_binder;
pub mod default_preemption;
mod image_locality;
mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_unschedulable;
mod pod_topology_spread;
pub mod priority_sort;
mod scheduling_gates;
mod taint_toleration;
mod volume_binding;

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
    &volume_binding::VolumeBinding,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
    &node_resources_balanced_allocation::NodeResourcesBalancedAllocation,
    &image_locality::ImageLocality,
];
