//! Amazon EC2's network records: VPCs, subnets, security groups, route tables and network ACLs, and the operations over them.
//!
//! A record's specification is EC2's own description of the resource with lower-case first letters, and its tags as a map.

mod bootstrap;
mod describe;
mod filter;
mod operations;
mod records;
mod service;
mod zones;

pub use bootstrap::bootstrap;
pub use records::{
    ADDRESSES_FINALIZER, AGENT_ENI_FINALIZER, AGENT_INSTANCE_FINALIZER, INSTANCE_FINALIZER, INSTANCE_LABEL, INSTANCES,
    INTERFACE_LABEL, NETWORK_ACLS, NETWORK_INTERFACES, PRIVATE_ADDRESSES, REGIONS, ROUTE_TABLES, SECURITY_GROUPS,
    SUBNET_LABEL, SUBNETS, VPCS, records,
};
pub use service::Ec2;
pub use zones::{Region, zone_id};
