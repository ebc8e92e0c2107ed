//! Amazon EC2: ec2 query protocol, version 2016-11-15.

use crate::operations::*;
use crate::zones::Region;
use aws_service::{Access, OperationEntry, Service, SharedRandom};
use aws_wire::Model;
use client::Client;
use std::sync::Arc;

pub struct Ec2 {
    operations: Vec<OperationEntry>,
    model: &'static Model,
}

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

impl Ec2 {
    /// `client` speaks as `system:cloud:ec2`. `None` when the model is not built in.
    pub fn new(client: Client, region: Region, random: SharedRandom) -> Option<Self> {
        let model = Model::load("ec2")?;
        Some(Self { operations: operations(&Arc::new(Cx { client, region, random })), model })
    }
}

fn operations(cx: &Arc<Cx>) -> Vec<OperationEntry> {
    let any = Access::Policy(crate::describe::everything);
    vec![
        OperationEntry::new(cx, "DescribeAvailabilityZones", any, describe_availability_zones::run),
        OperationEntry::new(cx, "DescribeNetworkAcls", any, describe_network_acls::run),
        OperationEntry::new(cx, "DescribeRegions", any, describe_regions::run),
        OperationEntry::new(cx, "DescribeRouteTables", any, describe_route_tables::run),
        OperationEntry::new(cx, "DescribeSecurityGroups", any, describe_security_groups::run),
        OperationEntry::new(cx, "DescribeSubnets", any, describe_subnets::run),
        OperationEntry::new(cx, "DescribeVpcAttribute", any, describe_vpc_attribute::run),
        OperationEntry::new(cx, "DescribeVpcs", any, describe_vpcs::run),
    ]
}

impl Service for Ec2 {
    fn model(&self) -> &'static Model {
        self.model
    }
    fn operations(&self) -> &[OperationEntry] {
        &self.operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::golden;
    use std::path::Path;

    #[test]
    fn what_is_not_built_is_listed() {
        let service = Ec2::new(golden::nowhere(), Region::unconfigured("us-east-1"), Arc::new(aws_service::SystemRandom)).expect("a built-in model");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("unbuilt-operations.txt");
        assert_eq!(golden::check_unbuilt(&service, &file), Ok(()));
    }
}
