//! One file per operation.

pub mod describe_availability_zones;
pub mod describe_network_acls;
pub mod describe_regions;
pub mod describe_route_tables;
pub mod describe_security_groups;
pub mod describe_subnets;
pub mod describe_vpc_attribute;
pub mod describe_vpcs;
