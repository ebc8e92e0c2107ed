//! One file per operation.

pub mod assign_private_ip_addresses;
pub mod attach_network_interface;
pub mod create_network_interface;
pub mod create_tags;
pub mod delete_network_interface;
pub mod delete_tags;
pub mod describe_availability_zones;
pub mod describe_instance_status;
pub mod describe_instance_type_offerings;
pub mod describe_instance_types;
pub mod describe_instances;
pub mod describe_network_acls;
pub mod describe_network_interfaces;
pub mod describe_regions;
pub mod describe_route_tables;
pub mod describe_security_groups;
pub mod describe_subnets;
pub mod describe_tags;
pub mod describe_vpc_attribute;
pub mod describe_vpcs;
pub mod detach_network_interface;
pub mod modify_network_interface_attribute;
pub mod terminate_instances;
pub mod unassign_private_ip_addresses;
