//! Elastic Load Balancing v2: network load balancers, listeners, target groups and their health, as records; the operations
//! over them, and the reconcilers that give load balancers their interfaces and names.
//!
//! **Invariant**: nothing here touches a packet. A load balancer is active when the agent of its host has said that it is
//! realised, and a target is healthy when that agent has seen it so.

mod arns;
mod attributes;
mod claims;
mod failures;
mod listeners;
mod load_balancers;
mod lookup;
mod merge;
mod operations;
mod records;
mod service;
mod stacks;
mod subnets;
mod tags;
mod target_groups;

pub use load_balancers::{LoadBalancerControl, State as LoadBalancerState};
pub use records::{
    AGENT_FINALIZER, INSTANCES, LISTENERS, LOAD_BALANCER_FINALIZER, LOAD_BALANCER_LABEL, LOAD_BALANCERS, LOOPBACK_ADDRESSES,
    NAMES, NETWORK_INTERFACES, STACK_LABEL, TARGET_GROUPS, records,
};
pub use service::service;
pub use stacks::{Change as StackChange, Removal, Stack, StackGroup, StackListener, Stacks};
pub use target_groups::TargetGroupControl;
