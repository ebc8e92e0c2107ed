//! Amazon EC2: ec2 query protocol, version 2016-11-15.

use crate::lookup::{arn, interface_arn};
use crate::operations::*;
use crate::tags;
use crate::zones::Region;
use aws_service::{Access, OperationEntry, Request, Service, SharedRandom};
use aws_wire::Model;
use client::Client;
use std::sync::Arc;

/// What handlers work with.
pub(crate) struct Cx {
    pub client: Client,
    /// The configured region.
    pub region: Region,
    pub random: SharedRandom,
}

impl Cx {
    /// The region of a request, with its zones.
    pub fn region(&self, name: &str) -> Region {
        if name == self.region.name { self.region.clone() } else { Region::unconfigured(name) }
    }
}

/// `client` speaks as `system:cloud:ec2`. `None` when the model is not built in.
pub fn service(client: Client, region: Region, random: SharedRandom) -> Option<Service> {
    let model = Model::load("ec2")?;
    Some(Service { operations: operations(&Arc::new(Cx { client, region, random })), model })
}

fn operations(cx: &Arc<Cx>) -> Vec<OperationEntry> {
    use Access::Policy;
    let any = Policy(crate::describe::everything);
    vec![
        OperationEntry::new(cx, "AssignPrivateIpAddresses", Policy(interface_arn), assign_private_ip_addresses::run),
        OperationEntry::new(
            cx,
            "AttachNetworkInterface",
            Policy(attach_network_interface::resources),
            attach_network_interface::run,
        ),
        OperationEntry::new(cx, "CreateNetworkInterface", Policy(new_interface), create_network_interface::run),
        OperationEntry::new(cx, "CreateTags", Policy(tags::resources), create_tags::run),
        OperationEntry::new(cx, "DeleteNetworkInterface", Policy(interface_arn), delete_network_interface::run),
        OperationEntry::new(cx, "DeleteTags", Policy(tags::resources), delete_tags::run),
        OperationEntry::new(cx, "DescribeAvailabilityZones", any, describe_availability_zones::run),
        OperationEntry::new(cx, "DescribeInstanceStatus", any, describe_instance_status::run),
        OperationEntry::new(cx, "DescribeInstanceTypeOfferings", any, describe_instance_type_offerings::run),
        OperationEntry::new(cx, "DescribeInstanceTypes", any, describe_instance_types::run),
        OperationEntry::new(cx, "DescribeInstances", any, describe_instances::run),
        OperationEntry::new(cx, "DescribeNetworkAcls", any, describe_network_acls::run),
        OperationEntry::new(cx, "DescribeNetworkInterfaces", any, describe_network_interfaces::run),
        OperationEntry::new(cx, "DescribeRegions", any, describe_regions::run),
        OperationEntry::new(cx, "DescribeRouteTables", any, describe_route_tables::run),
        OperationEntry::new(cx, "DescribeSecurityGroups", any, describe_security_groups::run),
        OperationEntry::new(cx, "DescribeSubnets", any, describe_subnets::run),
        OperationEntry::new(cx, "DescribeTags", any, describe_tags::run),
        OperationEntry::new(cx, "DescribeVpcAttribute", any, describe_vpc_attribute::run),
        OperationEntry::new(cx, "DescribeVpcs", any, describe_vpcs::run),
        OperationEntry::new(
            cx,
            "DetachNetworkInterface",
            Policy(detach_network_interface::resources),
            detach_network_interface::run,
        ),
        OperationEntry::new(
            cx,
            "ModifyNetworkInterfaceAttribute",
            Policy(interface_arn),
            modify_network_interface_attribute::run,
        ),
        OperationEntry::new(cx, "TerminateInstances", Policy(terminate_instances::resources), terminate_instances::run),
        OperationEntry::new(cx, "UnassignPrivateIpAddresses", Policy(interface_arn), unassign_private_ip_addresses::run),
    ]
}

/// An interface that is yet to be made, and its subnet.
fn new_interface(request: &Request) -> Vec<String> {
    vec![arn(request, "network-interface", None), arn(request, "subnet", request.text("SubnetId"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::golden;

    #[test]
    fn what_is_not_built_is_listed() {
        let service = service(golden::nowhere(), Region::unconfigured("us-east-1"), Arc::new(aws_service::SystemRandom))
            .expect("a built-in model");
        assert_eq!(golden::check_unbuilt(&service, env!("CARGO_MANIFEST_DIR")), Ok(()));
    }
}
