//! DescribeVpcs.

use crate::describe::{Kind, describe};
use crate::records::VPCS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use std::sync::Arc;

pub const KIND: Kind = Kind {
    resource: VPCS,
    id: "vpcId",
    prefix: "vpc",
    ids: "VpcIds",
    output: "Vpcs",
    error: "InvalidVpcID",
    malformed: "InvalidVpcID",
    called: "vpc ID",
    filters: &[
        ("cidr", "cidrBlock"),
        ("cidr-block-association.association-id", "cidrBlockAssociationSet.*.associationId"),
        ("cidr-block-association.cidr-block", "cidrBlockAssociationSet.*.cidrBlock"),
        ("cidr-block-association.state", "cidrBlockAssociationSet.*.cidrBlockState.state"),
        ("dhcp-options-id", "dhcpOptionsId"),
        ("ipv6-cidr-block-association.association-id", "ipv6CidrBlockAssociationSet.*.associationId"),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "ipv6CidrBlockAssociationSet.*.ipv6CidrBlock"),
        ("ipv6-cidr-block-association.ipv6-pool", "ipv6CidrBlockAssociationSet.*.ipv6Pool"),
        ("ipv6-cidr-block-association.state", "ipv6CidrBlockAssociationSet.*.ipv6CidrBlockState.state"),
        ("is-default", "isDefault"),
        ("isDefault", "isDefault"),
        ("owner-id", "ownerId"),
        ("state", "state"),
        ("vpc-id", "vpcId"),
    ],
};

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    describe(&cx, &request, &KIND).await
}
