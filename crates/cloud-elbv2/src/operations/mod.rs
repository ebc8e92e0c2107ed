//! One file per operation.

pub mod add_tags;
pub mod create_listener;
pub mod create_load_balancer;
pub mod create_target_group;
pub mod delete_listener;
pub mod delete_load_balancer;
pub mod delete_target_group;
pub mod deregister_targets;
pub mod describe_listener_attributes;
pub mod describe_listeners;
pub mod describe_load_balancer_attributes;
pub mod describe_load_balancers;
pub mod describe_tags;
pub mod describe_target_group_attributes;
pub mod describe_target_groups;
pub mod describe_target_health;
pub mod modify_listener;
pub mod modify_listener_attributes;
pub mod modify_load_balancer_attributes;
pub mod modify_target_group;
pub mod modify_target_group_attributes;
pub mod register_targets;
pub mod remove_tags;
pub mod set_subnets;
