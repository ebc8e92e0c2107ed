//! DescribeSubnets: how many addresses are free is counted, not stored.

use crate::addresses::{self, taken_by_subnet};
use crate::describe::{Kind, all, answer, check_combination, refuse_dry_run, select};
use crate::records::SUBNETS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use std::sync::Arc;

pub const KIND: Kind = Kind {
    resource: SUBNETS,
    id: "subnetId",
    prefix: "subnet",
    ids: "SubnetIds",
    output: "Subnets",
    error: "InvalidSubnetID",
    malformed: "InvalidSubnetID",
    called: "subnet ID",
    filters: &[
        ("availability-zone", "availabilityZone"),
        ("availabilityZone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("availabilityZoneId", "availabilityZoneId"),
        ("available-ip-address-count", "availableIpAddressCount"),
        ("cidr-block", "cidrBlock"),
        ("cidr", "cidrBlock"),
        ("cidrBlock", "cidrBlock"),
        ("customer-owned-ipv4-pool", "customerOwnedIpv4Pool"),
        ("default-for-az", "defaultForAz"),
        ("defaultForAz", "defaultForAz"),
        ("enable-dns64", "enableDns64"),
        ("enable-lni-at-device-index", "enableLniAtDeviceIndex"),
        ("ipv6-cidr-block-association.association-id", "ipv6CidrBlockAssociationSet.*.associationId"),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "ipv6CidrBlockAssociationSet.*.ipv6CidrBlock"),
        ("ipv6-cidr-block-association.state", "ipv6CidrBlockAssociationSet.*.ipv6CidrBlockState.state"),
        ("ipv6-native", "ipv6Native"),
        ("map-customer-owned-ip-on-launch", "mapCustomerOwnedIpOnLaunch"),
        ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
        ("outpost-arn", "outpostArn"),
        ("owner-id", "ownerId"),
        (
            "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
            "privateDnsNameOptionsOnLaunch.enableResourceNameDnsARecord",
        ),
        (
            "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
            "privateDnsNameOptionsOnLaunch.enableResourceNameDnsAAAARecord",
        ),
        ("private-dns-name-options-on-launch.hostname-type", "privateDnsNameOptionsOnLaunch.hostnameType"),
        ("state", "state"),
        ("subnet-arn", "subnetArn"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
    ],
};

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let ids = request.texts(KIND.ids);
    check_combination(&request, &KIND, &ids)?;
    let mut subnets = select(all(&cx, &request, &KIND).await?, &ids, &KIND)?;
    let taken = taken_by_subnet(&cx.client, &request.namespace()).await?;
    for subnet in &mut subnets {
        if let Some(block) = addresses::block(subnet) {
            let taken = subnet["subnetId"].as_str().and_then(|id| taken.get(id)).copied().unwrap_or(0);
            subnet["availableIpAddressCount"] = block.usable().saturating_sub(taken).into();
        }
    }
    Ok(answer(&request, &KIND, subnets)?)
}
