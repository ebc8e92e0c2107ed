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
pub use records::{NETWORK_ACLS, REGIONS, ROUTE_TABLES, SECURITY_GROUPS, SUBNETS, VPCS, records};
pub use service::Ec2;
pub use zones::{Region, zone_id};
