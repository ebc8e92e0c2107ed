//! What can be looked at in a fresh account: IAM, EC2, and EKS's own lists.

use crate::sandbox;
use crate::world::{ACCOUNT, REGIONAL, World, role_arn, user_arn};
use meta::Doc;
use serde_json::json;

/// The texts at `member` of each item, sorted and joined.
fn column(list: &Doc, member: &str) -> String {
    let mut texts: Vec<&str> = list.as_array().into_iter().flatten().filter_map(|item| item[member].as_str()).collect();
    texts.sort_unstable();
    texts.join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_and_ec2() {
    if !sandbox::contained("describe::iam_and_ec2") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let user = aws.ok("iam", "GetUser", json!({})).await;
    assert_eq!(user["User"]["Arn"], user_arn("pilothouse"));
    assert_eq!(user, aws.ok("iam", "GetUser", json!({"UserName": "pilothouse"})).await);
    let role = aws.ok("iam", "GetRole", json!({"RoleName": "eksClusterRole"})).await;
    assert_eq!(role["Role"]["Arn"], role_arn("eksClusterRole"));
    let trust = role["Role"]["AssumeRolePolicyDocument"].as_str().expect("a document");
    assert!(trust.starts_with("%7B%22"), "IAM encodes documents as in URLs: {trust}");
    roles_in_pages(&world).await;
    let ids = default_network(&world).await;
    subnets(&world, &ids).await;
    world.service.stop().await;
}

async fn roles_in_pages(world: &World) {
    let aws = world.administrator();
    let all = aws.ok("iam", "ListRoles", json!({})).await;
    assert_eq!(all["IsTruncated"], false);
    let names = "AWSServiceRoleForAmazonEKS AmazonEKSFargatePodExecutionRole AmazonEKSNodeRole eksClusterRole viewer";
    assert_eq!(column(&all["Roles"], "RoleName"), names);
    let (mut seen, mut input) = (Vec::new(), json!({"MaxItems": 2}));
    loop {
        let page = aws.ok("iam", "ListRoles", input.clone()).await;
        let roles = page["Roles"].as_array().expect("roles").clone();
        assert!(!roles.is_empty() && roles.len() <= 2, "{page}");
        seen.extend(roles);
        if page["IsTruncated"] == false {
            break;
        }
        input["Marker"] = page["Marker"].clone();
    }
    assert_eq!(json!(seen), all["Roles"]);
    let service_roles = aws.ok("iam", "ListRoles", json!({"PathPrefix": "/aws-service-role/"})).await;
    assert_eq!(column(&service_roles["Roles"], "RoleName"), "AWSServiceRoleForAmazonEKS");
}

struct Network {
    vpc: Doc,
    subnet: Doc,
}

async fn default_network(world: &World) -> Network {
    let aws = world.administrator();
    let vpcs = aws.ok("ec2", "DescribeVpcs", json!({"Filters": [{"Name": "is-default", "Values": ["true"]}]})).await;
    let vpc = vpcs["Vpcs"][0]["VpcId"].clone();
    assert_eq!((vpcs["Vpcs"].as_array().map(Vec::len), &vpcs["Vpcs"][0]["CidrBlock"]), (Some(1), &json!("172.31.0.0/16")));
    let none = aws.ok("ec2", "DescribeVpcs", json!({"Filters": [{"Name": "is-default", "Values": ["false"]}]})).await;
    assert_eq!(column(&none["Vpcs"], "VpcId"), "");
    let in_vpc = json!({"Filters": [{"Name": "vpc-id", "Values": [vpc]}]});
    for (operation, member, count) in [
        ("DescribeSubnets", "Subnets", 3),
        ("DescribeSecurityGroups", "SecurityGroups", 1),
        ("DescribeRouteTables", "RouteTables", 1),
        ("DescribeNetworkAcls", "NetworkAcls", 1),
    ] {
        let listed = aws.ok("ec2", operation, in_vpc.clone()).await;
        assert_eq!(listed[member].as_array().map(Vec::len), Some(count), "{operation}: {listed}");
    }
    let zones = aws.ok("ec2", "DescribeAvailabilityZones", json!({})).await;
    assert_eq!(column(&zones["AvailabilityZones"], "ZoneName"), "us-east-1a us-east-1b us-east-1c");
    assert_eq!(column(&zones["AvailabilityZones"], "ZoneId"), "use1-az1 use1-az2 use1-az3");
    let regions = aws.ok("ec2", "DescribeRegions", json!({})).await;
    assert_eq!(column(&regions["Regions"], "RegionName"), "us-east-1");
    let named = aws.ok("ec2", "DescribeSecurityGroups", json!({"GroupNames": ["default"]})).await;
    assert_eq!(named["SecurityGroups"][0]["VpcId"], vpc);
    let dns = aws.ok("ec2", "DescribeVpcAttribute", json!({"VpcId": vpc, "Attribute": "enableDnsSupport"})).await;
    assert_eq!(dns["EnableDnsSupport"]["Value"], true);
    let subnets = aws.ok("ec2", "DescribeSubnets", json!({})).await;
    Network { vpc, subnet: subnets["Subnets"][0].clone() }
}

/// Filters are joined by AND, their values by OR; pages cover the list once.
async fn subnets(world: &World, network: &Network) {
    for n in 0..9 {
        let id = format!("subnet-0000000000000000{n}");
        let spec = json!({
            "subnetId": id, "vpcId": network.vpc, "cidrBlock": format!("172.31.{}.0/24", 100 + n), "state": "available",
            "ownerId": ACCOUNT, "availabilityZone": "us-east-1a", "tags": {"team": if n < 4 { "a" } else { "b" }},
        });
        world.create(cloud_ec2::SUBNETS, REGIONAL, "Subnet", &id, spec).await;
    }
    let aws = world.administrator();
    for (filters, count) in [
        (json!([{"Name": "availability-zone", "Values": ["us-east-1b"]}]), 1),
        (json!([{"Name": "availability-zone", "Values": ["us-east-1b", "us-east-1c"]}]), 2),
        (json!([{"Name": "tag:team", "Values": ["a"]}]), 4),
        (json!([{"Name": "tag:team", "Values": ["a"]}, {"Name": "availability-zone", "Values": ["us-east-1b"]}]), 0),
        (json!([{"Name": "tag-key", "Values": ["team"]}, {"Name": "cidr-block", "Values": ["172.31.10?.0/24"]}]), 9),
        (json!([{"Name": "subnet-id", "Values": [network.subnet["SubnetId"]]}]), 1),
    ] {
        let listed = aws.ok("ec2", "DescribeSubnets", json!({"Filters": filters})).await;
        assert_eq!(listed["Subnets"].as_array().map(Vec::len), Some(count), "{filters}");
    }
    let (mut sizes, mut ids, mut token) = (Vec::new(), Vec::new(), Doc::Null);
    loop {
        let page = aws.ok("ec2", "DescribeSubnets", json!({"MaxResults": 5, "NextToken": token})).await;
        let listed = page["Subnets"].as_array().expect("subnets");
        sizes.push(listed.len());
        ids.extend(listed.iter().map(|subnet| subnet["SubnetId"].to_string()));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [5, 5, 2]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_eks() {
    if !sandbox::contained("describe::lists_of_eks") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let versions = aws.ok("eks", "DescribeClusterVersions", json!({})).await;
    let shown: Vec<&str> = versions["clusterVersions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|version| version["clusterVersion"].as_str())
        .collect();
    assert_eq!(shown, ["1.37", "1.36", "1.35", "1.34"]);
    let default = aws.ok("eks", "DescribeClusterVersions", json!({"defaultOnly": true})).await;
    assert_eq!(column(&default["clusterVersions"], "clusterVersion"), "1.36");
    let first = aws.ok("eks", "DescribeClusterVersions", json!({"maxResults": 3})).await;
    let rest = aws.ok("eks", "DescribeClusterVersions", json!({"maxResults": 3, "nextToken": first["nextToken"]})).await;
    assert_eq!((column(&rest["clusterVersions"], "clusterVersion").as_str(), &rest["nextToken"]), ("1.34", &Doc::Null));
    let policies = aws.ok("eks", "ListAccessPolicies", json!({})).await;
    assert_eq!(policies["accessPolicies"].as_array().map(Vec::len), Some(cloud_eks::ACCESS_POLICIES.len()));
    assert_eq!(aws.ok("eks", "ListClusters", json!({})).await["clusters"], json!([]));
    world.service.stop().await;
}
