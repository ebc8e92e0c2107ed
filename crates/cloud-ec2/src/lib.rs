//! Amazon EC2: networks, network interfaces and instances as records, the operations over them, and the reconcilers that
//! give interfaces their addresses and instances their interfaces.
//!
//! A record's specification is EC2's own description of the resource with lower-case first letters, and its tags as a map.

mod addresses;
mod bootstrap;
mod describe;
mod filter;
mod instances;
mod interfaces;
mod lookup;
mod operations;
mod records;
mod service;
mod tags;
mod zones;

pub use bootstrap::bootstrap;
pub use instances::{InstanceControl, State as InstanceState};
pub use interfaces::InterfaceControl;
pub use records::{
    ADDRESSES_FINALIZER, AGENT_ENI_FINALIZER, AGENT_INSTANCE_FINALIZER, INSTANCE_FINALIZER, INSTANCE_LABEL, INSTANCES,
    INTERFACE_LABEL, NETWORK_ACLS, NETWORK_INTERFACES, PRIVATE_ADDRESSES, REGIONS, ROUTE_TABLES, SECURITY_GROUPS, SUBNET_LABEL,
    SUBNETS, VPCS, records,
};
pub use service::service;
pub use zones::{Region, zone_id};
