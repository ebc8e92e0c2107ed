//! The kinds this service stores, in the namespace of account and region; each is named by its id.

use api::{RecordKind, ResourceDef};
use aws_service::records::property::{any, flag, list, map, number, text, texts};
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
pub const NETWORK_INTERFACES: Resource = Resource::new(GROUP, "v1", "networkinterfaces");
/// Named `<subnet-id>.<a.b.c.d>`: creating one is taking the address, deleting it is giving it back.
pub const PRIVATE_ADDRESSES: Resource = Resource::new(GROUP, "v1", "privateaddresses");
pub const INSTANCES: Resource = Resource::new(GROUP, "v1", "instances");

/// On PrivateAddress: whose it is, so that a subnet's and an interface's addresses can be listed.
pub const SUBNET_LABEL: &str = "ec2.pilothouse.dev/subnet";
pub const INTERFACE_LABEL: &str = "ec2.pilothouse.dev/network-interface";
/// On NetworkInterface: the instance it is attached to.
pub const INSTANCE_LABEL: &str = "ec2.pilothouse.dev/instance";

/// Keeps a NetworkInterface until its addresses are given back; every creator sets it.
pub const ADDRESSES_FINALIZER: &str = "ec2.pilothouse.dev/addresses";
/// Keeps an Instance until its interfaces are dealt with; every creator sets it.
pub const INSTANCE_FINALIZER: &str = "ec2.pilothouse.dev/instance";
/// Keep a record until nothing of it is left on its host. Whoever writes `spec.host` sets the first, whoever creates an
/// Instance the second; the agent takes them away.
pub const AGENT_ENI_FINALIZER: &str = "agent.pilothouse.dev/eni";
pub const AGENT_INSTANCE_FINALIZER: &str = "agent.pilothouse.dev/instance";

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
        network_interface(),
        private_address(),
        instance(),
    ]
}

/// `addressCount` is how many addresses it is to have, the primary among them; `requestedAddresses` those of them that a
/// client chose, the primary first if it was chosen; `releasing` those that are to go. A detached one has the host `""`
/// and no attachment.
fn network_interface() -> RecordKind {
    let spec = json!({
        "networkInterfaceId": text(), "subnetId": text(), "vpcId": text(), "availabilityZone": text(), "description": text(),
        "interfaceType": text(), "ownerId": text(), "requesterId": text(), "requesterManaged": flag(), "groups": texts(),
        "macAddress": text(), "sourceDestCheck": flag(), "tags": map(), "addressCount": number(),
        "requestedAddresses": texts(), "releasing": texts(), "host": text(), "attachment": any(), "clientRequest": any(),
    });
    let status = json!({
        "phase": text(), "privateIpAddresses": list(), "issue": any(), "realised": flag(),
    });
    let def = ResourceDef::record(API_VERSION, "NetworkInterface", "networkinterfaces")
        .status()
        .category("ec2")
        .column("Subnet", "/spec/subnetId")
        .column("Instance", "/spec/attachment/instanceId")
        .column("Address", "/status/privateIpAddresses/0/privateIpAddress")
        .column("Phase", "/status/phase");
    RecordKind { def, schema: schema(spec, status) }
}

fn private_address() -> RecordKind {
    kind(
        ResourceDef::record(API_VERSION, "PrivateAddress", "privateaddresses")
            .column("Subnet", "/spec/subnetId")
            .column("Address", "/spec/address")
            .column("Interface", "/spec/networkInterfaceId"),
        json!({"subnetId": text(), "address": text(), "networkInterfaceId": text()}),
    )
}

/// `network`, `issue` and `terminatedTime` are written by this service, `state`, `message` and `stateReason` by the agent.
fn instance() -> RecordKind {
    let spec = json!({
        "instanceId": text(), "host": text(), "imageId": text(), "instanceType": text(), "subnetId": text(), "vpcId": text(),
        "availabilityZone": text(), "groups": texts(), "networkInterfaceId": text(), "iamInstanceProfile": any(),
        "roleArn": text(), "launchTime": text(), "reservationId": text(), "ownerId": text(), "tags": map(), "userData": text(),
        "architecture": text(), "capacityType": text(), "terminate": flag(), "terminateReason": any(),
    });
    let status = json!({
        "network": any(), "issue": any(), "terminatedTime": text(), "state": text(), "message": text(), "stateReason": any(),
    });
    let def = ResourceDef::record(API_VERSION, "Instance", "instances")
        .status()
        .category("ec2")
        .column("Type", "/spec/instanceType")
        .column("Zone", "/spec/availabilityZone")
        .column("Address", "/status/network/privateIpAddress")
        .column("State", "/status/state");
    RecordKind { def, schema: schema(spec, status) }
}

fn kind(def: ResourceDef, spec: Doc) -> RecordKind {
    RecordKind { def: def.category("ec2"), schema: schema(spec, Doc::Null) }
}
