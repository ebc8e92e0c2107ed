//! Elastic Load Balancing v2: load balancers, listeners, target groups and their health, as records.

mod records;

pub use records::{
    AGENT_FINALIZER, INSTANCES, LISTENERS, LOAD_BALANCER_FINALIZER, LOAD_BALANCER_LABEL, LOAD_BALANCERS, LOOPBACK_ADDRESSES,
    NETWORK_INTERFACES, TARGET_GROUPS, records,
};
