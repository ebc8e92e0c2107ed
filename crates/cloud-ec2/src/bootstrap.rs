//! The default VPC of a region: made once; whoever deletes it later keeps it deleted.
//!
//! All ids are chosen first and kept in the Region record, so that a start that was cut short continues with the same ones.

use crate::records::{API_VERSION, NETWORK_ACLS, REGIONS, ROUTE_TABLES, SECURITY_GROUPS, SUBNETS, VPCS};
use crate::zones::Region;
use aws_service::records::{ensure, ensure_namespace, regional_namespace};
use aws_service::{Random, ids};
use client::{Client, Resource};
use meta::{Doc, Status};
use serde_json::json;

const CIDR: &str = "172.31.0.0/16";
/// A /20 has 4096 addresses, of which AWS keeps five.
const ADDRESSES_PER_SUBNET: u32 = 4091;

pub async fn bootstrap(client: &Client, account: &str, region: &Region, random: &dyn Random) -> Result<(), Status> {
    let namespace = regional_namespace(account, &region.name);
    ensure_namespace(client, &namespace).await?;
    let fresh = json!({"defaultNetwork": choose_ids(region, random), "defaultNetworkMade": false});
    ensure(client, REGIONS, &namespace, record("Region", &region.name, fresh)).await?;
    let stored = client.get(REGIONS, &namespace, &region.name).await?.to_doc();
    if stored["spec"]["defaultNetworkMade"] == true {
        return Ok(());
    }
    for (resource, doc) in default_network(account, region, &stored["spec"]["defaultNetwork"]) {
        ensure(client, resource, &namespace, doc).await?;
    }
    let made = json!({"spec": {"defaultNetworkMade": true}});
    client.patch(REGIONS, &namespace, &region.name, "", made).await.map(|_| ())
}

fn record(kind: &str, name: &str, spec: Doc) -> Doc {
    json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn choose_ids(region: &Region, random: &dyn Random) -> Doc {
    let id = |prefix| ids::ec2_id(random, prefix);
    let per_zone = |prefix| region.zones.iter().map(|_| id(prefix)).collect::<Vec<_>>();
    json!({
        "vpc": id("vpc"), "cidrAssociation": id("vpc-cidr-assoc"), "dhcpOptions": id("dopt"), "securityGroup": id("sg"),
        "routeTable": id("rtb"), "routeTableAssociation": id("rtbassoc"), "networkAcl": id("acl"),
        "subnets": per_zone("subnet"), "networkAclAssociations": per_zone("aclassoc"),
    })
}

/// Everything in the default VPC, the VPC first.
fn default_network(account: &str, region: &Region, ids: &Doc) -> Vec<(Resource, Doc)> {
    let mut out = vec![(VPCS, vpc(account, ids))];
    out.extend(region.zones().enumerate().map(|(index, zone)| (SUBNETS, subnet(account, region, ids, index, zone))));
    out.push((SECURITY_GROUPS, security_group(account, region, ids)));
    out.push((ROUTE_TABLES, route_table(account, ids)));
    out.push((NETWORK_ACLS, network_acl(account, ids)));
    out
}

fn name(id: &Doc) -> &str {
    id.as_str().unwrap_or_default()
}

fn vpc(account: &str, ids: &Doc) -> Doc {
    let spec = json!({
        "vpcId": ids["vpc"], "cidrBlock": CIDR, "state": "available", "dhcpOptionsId": ids["dhcpOptions"],
        "instanceTenancy": "default", "isDefault": true, "ownerId": account, "tags": {},
        "cidrBlockAssociationSet": [{
            "associationId": ids["cidrAssociation"], "cidrBlock": CIDR, "cidrBlockState": {"state": "associated"},
        }],
        "attributes": {"enableDnsSupport": true, "enableDnsHostnames": true, "enableNetworkAddressUsageMetrics": false},
    });
    record("Vpc", name(&ids["vpc"]), spec)
}

fn subnet(account: &str, region: &Region, ids: &Doc, index: usize, (zone, zone_id): (&str, String)) -> Doc {
    let id = name(&ids["subnets"][index]);
    let spec = json!({
        "subnetId": id, "subnetArn": format!("arn:aws:ec2:{}:{account}:subnet/{id}", region.name), "vpcId": ids["vpc"],
        "cidrBlock": format!("172.31.{}.0/20", index * 16), "state": "available", "ownerId": account,
        "availabilityZone": zone, "availabilityZoneId": zone_id, "availableIpAddressCount": ADDRESSES_PER_SUBNET,
        "defaultForAz": true, "mapPublicIpOnLaunch": true, "mapCustomerOwnedIpOnLaunch": false,
        "assignIpv6AddressOnCreation": false, "ipv6CidrBlockAssociationSet": [], "ipv6Native": false, "enableDns64": false,
        "privateDnsNameOptionsOnLaunch": {
            "hostnameType": "ip-name", "enableResourceNameDnsARecord": false, "enableResourceNameDnsAAAARecord": false,
        },
        "tags": {},
    });
    record("Subnet", id, spec)
}

/// Members may talk to each other, and to anyone outside.
fn security_group(account: &str, region: &Region, ids: &Doc) -> Doc {
    let id = name(&ids["securityGroup"]);
    let spec = json!({
        "groupId": id, "groupName": "default", "description": "default VPC security group", "vpcId": ids["vpc"],
        "ownerId": account, "securityGroupArn": format!("arn:aws:ec2:{}:{account}:security-group/{id}", region.name),
        "ipPermissions": [{
            "ipProtocol": "-1", "ipRanges": [], "ipv6Ranges": [], "prefixListIds": [],
            "userIdGroupPairs": [{"groupId": id, "userId": account}],
        }],
        "ipPermissionsEgress": [{
            "ipProtocol": "-1", "ipRanges": [{"cidrIp": "0.0.0.0/0"}], "ipv6Ranges": [], "prefixListIds": [],
            "userIdGroupPairs": [],
        }],
        "tags": {},
    });
    record("SecurityGroup", id, spec)
}

/// Only the local route: a VPC here has no uplink.
fn route_table(account: &str, ids: &Doc) -> Doc {
    let spec = json!({
        "routeTableId": ids["routeTable"], "vpcId": ids["vpc"], "ownerId": account, "propagatingVgws": [], "tags": {},
        "routes": [{"destinationCidrBlock": CIDR, "gatewayId": "local", "origin": "CreateRouteTable", "state": "active"}],
        "associations": [{
            "main": true, "routeTableAssociationId": ids["routeTableAssociation"], "routeTableId": ids["routeTable"],
            "associationState": {"state": "associated"},
        }],
    });
    record("RouteTable", name(&ids["routeTable"]), spec)
}

fn network_acl(account: &str, ids: &Doc) -> Doc {
    let entry = |egress: bool, number: u32, action: &str| json!({"cidrBlock": "0.0.0.0/0", "egress": egress, "protocol": "-1", "ruleAction": action, "ruleNumber": number});
    let subnets =
        ids["subnets"].as_array().into_iter().flatten().zip(ids["networkAclAssociations"].as_array().into_iter().flatten());
    let association = |(subnet, id): (&Doc, &Doc)| json!({"networkAclAssociationId": id, "networkAclId": ids["networkAcl"], "subnetId": subnet});
    let spec = json!({
        "networkAclId": ids["networkAcl"], "vpcId": ids["vpc"], "ownerId": account, "isDefault": true, "tags": {},
        "associations": subnets.map(association).collect::<Vec<_>>(),
        "entries": [entry(true, 100, "allow"), entry(true, 32767, "deny"), entry(false, 100, "allow"), entry(false, 32767, "deny")],
    });
    record("NetworkAcl", name(&ids["networkAcl"]), spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::shape;
    use aws_service::SystemRandom;
    use aws_wire::{Model, check_output};

    #[test]
    fn the_default_network_is_what_ec2_can_describe() {
        let region = Region::unconfigured("us-east-1");
        let network = default_network("123456789012", &region, &choose_ids(&region, &SystemRandom));
        let model = Model::load("ec2").expect("a built-in model");
        let mut kinds = Vec::new();
        for (resource, doc) in &network {
            let (operation, output) = match resource.plural {
                "vpcs" => ("DescribeVpcs", "Vpcs"),
                "subnets" => ("DescribeSubnets", "Subnets"),
                "securitygroups" => ("DescribeSecurityGroups", "SecurityGroups"),
                "routetables" => ("DescribeRouteTables", "RouteTables"),
                _ => ("DescribeNetworkAcls", "NetworkAcls"),
            };
            let described = json!({output: [shape(&doc["spec"])]});
            let known = check_output(model, model.operation(operation).expect("modelled"), &described);
            assert_eq!(known, Ok(()), "{operation}");
            assert!(meta::names::dns_subdomain(doc["metadata"]["name"].as_str().unwrap_or_default()).is_empty());
            kinds.push(resource.plural);
        }
        assert_eq!(kinds, ["vpcs", "subnets", "subnets", "subnets", "securitygroups", "routetables", "networkacls"]);
        assert_eq!(network[2].1["spec"]["cidrBlock"], "172.31.16.0/20");
        assert_eq!(network[2].1["spec"]["availabilityZoneId"], "use1-az2");
    }
}
