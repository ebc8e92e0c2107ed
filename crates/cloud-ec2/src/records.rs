//! The kinds this service stores, in the namespace of account and region; each is named by its id.

use api::{RecordKind, ResourceDef};
use aws_service::records::property::{any, flag, list, map, number, text};
use aws_service::records::schema;
use client::Resource;
use meta::Doc;
use serde_json::json;

pub const API_VERSION: &str = "ec2.pilothouse.dev/v1";
const GROUP: &str = "ec2.pilothouse.dev";

/// Named by the region; holds the ids of the default network while it is being made.
pub const REGIONS: Resource = Resource::new(GROUP, "v1", "regions");
pub const VPCS: Resource = Resource::new(GROUP, "v1", "vpcs");
pub const SUBNETS: Resource = Resource::new(GROUP, "v1", "subnets");
pub const SECURITY_GROUPS: Resource = Resource::new(GROUP, "v1", "securitygroups");
pub const ROUTE_TABLES: Resource = Resource::new(GROUP, "v1", "routetables");
pub const NETWORK_ACLS: Resource = Resource::new(GROUP, "v1", "networkacls");

pub fn records() -> Vec<RecordKind> {
    vec![
        kind(
            ResourceDef::record(API_VERSION, "Region", "regions"),
            json!({"defaultNetwork": any(), "defaultNetworkMade": flag()}),
        ),
        kind(
            ResourceDef::record(API_VERSION, "Vpc", "vpcs").column("Cidr", "/spec/cidrBlock"),
            json!({
                "vpcId": text(), "cidrBlock": text(), "state": text(), "dhcpOptionsId": text(), "instanceTenancy": text(),
                "isDefault": flag(), "ownerId": text(), "cidrBlockAssociationSet": list(), "ipv6CidrBlockAssociationSet": list(),
                "attributes": any(), "tags": map(),
            }),
        ),
        kind(
            ResourceDef::record(API_VERSION, "Subnet", "subnets")
                .column("Vpc", "/spec/vpcId")
                .column("Zone", "/spec/availabilityZone")
                .column("Cidr", "/spec/cidrBlock"),
            json!({
                "subnetId": text(), "subnetArn": text(), "vpcId": text(), "cidrBlock": text(), "state": text(), "ownerId": text(),
                "availabilityZone": text(), "availabilityZoneId": text(), "availableIpAddressCount": number(),
                "defaultForAz": flag(), "mapPublicIpOnLaunch": flag(), "mapCustomerOwnedIpOnLaunch": flag(),
                "assignIpv6AddressOnCreation": flag(), "ipv6CidrBlockAssociationSet": list(), "ipv6Native": flag(),
                "enableDns64": flag(), "privateDnsNameOptionsOnLaunch": any(), "tags": map(),
            }),
        ),
        kind(
            ResourceDef::record(API_VERSION, "SecurityGroup", "securitygroups")
                .column("Vpc", "/spec/vpcId")
                .column("Group", "/spec/groupName"),
            json!({
                "groupId": text(), "groupName": text(), "description": text(), "vpcId": text(), "ownerId": text(),
                "securityGroupArn": text(), "ipPermissions": list(), "ipPermissionsEgress": list(), "tags": map(),
            }),
        ),
        kind(
            ResourceDef::record(API_VERSION, "RouteTable", "routetables").column("Vpc", "/spec/vpcId"),
            json!({
                "routeTableId": text(), "vpcId": text(), "ownerId": text(), "routes": list(), "associations": list(),
                "propagatingVgws": list(), "tags": map(),
            }),
        ),
        kind(
            ResourceDef::record(API_VERSION, "NetworkAcl", "networkacls").column("Vpc", "/spec/vpcId"),
            json!({
                "networkAclId": text(), "vpcId": text(), "ownerId": text(), "isDefault": flag(), "associations": list(),
                "entries": list(), "tags": map(),
            }),
        ),
    ]
}

fn kind(def: ResourceDef, spec: Doc) -> RecordKind {
    RecordKind { def: def.category("ec2"), schema: schema(spec, Doc::Null) }
}
