//! Node groups from CreateNodegroup to their last trace, with hosts that do as they are told.

use crate::sandbox;
use crate::world::nodes::FakeHost;
use crate::world::{REGIONAL, World, eventually, role_arn, within};
use client::Options;
use cloud_ec2::{INSTANCES, NETWORK_INTERFACES, PRIVATE_ADDRESSES};
use cloud_eks::NODEGROUPS;
use meta::Doc;
use serde_json::json;
use std::collections::BTreeSet;

const WEB: &str = "demo--2eweb";

async fn input(world: &World, extra: Doc) -> Doc {
    let subnets = world.cluster_input("demo").await["resourcesVpcConfig"]["subnetIds"].take();
    let mut input = json!({
        "clusterName": "demo", "nodegroupName": "web", "nodeRole": role_arn("AmazonEKSNodeRole"), "subnets": subnets,
    });
    input.as_object_mut().expect("an object").extend(extra.as_object().cloned().unwrap_or_default());
    input
}

fn list<'a>(doc: &'a Doc, member: &str) -> &'a [Doc] {
    doc[member].as_array().map(Vec::as_slice).unwrap_or_default()
}

async fn instances(world: &World, state: &str) -> Vec<Doc> {
    let filters = json!([
        {"Name": "tag:eks:nodegroup-name", "Values": ["web"]}, {"Name": "instance-state-name", "Values": [state]},
    ]);
    let found = world.administrator().ok("ec2", "DescribeInstances", json!({"Filters": filters})).await;
    list(&found, "Reservations").iter().flat_map(|reservation| list(reservation, "Instances").to_vec()).collect()
}

async fn phase(world: &World, phase: &str, ready: u64) {
    let wanted = |doc: &Doc| doc["status"]["phase"] == phase && doc["status"]["readyNodes"] == ready;
    world.until(NODEGROUPS, WEB, |record| record.is_some_and(wanted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_node_to_the_last() {
    if !sandbox::contained("nodegroups::from_the_first_node_to_the_last") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    let host = FakeHost { world: &world, kube: world.kube(&cluster, &aws) };
    let sizes = json!({"scalingConfig": {"minSize": 1, "maxSize": 3, "desiredSize": 2}, "labels": {"tier": "front"}});
    let made = aws.ok("eks", "CreateNodegroup", input(&world, sizes).await).await["nodegroup"].take();
    assert_eq!((&made["status"], &made["capacityType"]), (&json!("CREATING"), &json!("ON_DEMAND")));
    assert_eq!(aws.refusal("eks", "CreateNodegroup", input(&world, json!({})).await).await, "409 ResourceInUseException");
    assert_eq!(aws.refusal("eks", "DeleteCluster", json!({"name": "demo"})).await, "409 ResourceInUseException");

    host.work_until(phase(&world, "ACTIVE", 2)).await;
    host.work_until(eventually(2, || async { instances(&world, "running").await.len() })).await;
    let running = instances(&world, "running").await;
    let zones: BTreeSet<&str> = running.iter().filter_map(|one| one["Placement"]["AvailabilityZone"].as_str()).collect();
    assert_eq!((running.len(), zones.len()), (2, 2), "two nodes in two zones");
    let (code, nodes) = host.kube.get("/api/v1/nodes").await;
    assert_eq!((code, list(&nodes, "items").len()), (200, 2));
    let entries = aws.ok("eks", "ListAccessEntries", json!({"clusterName": "demo"})).await;
    assert!(list(&entries, "accessEntries").contains(&json!(role_arn("AmazonEKSNodeRole"))), "{entries}");

    // One that somebody terminates is replaced, and its node goes.
    let first = running[0]["InstanceId"].clone();
    let changed = aws.ok("ec2", "TerminateInstances", json!({"InstanceIds": [first]})).await;
    assert_eq!(changed["TerminatingInstances"][0]["CurrentState"]["Name"], "shutting-down");
    let replaced = async {
        eventually(true, || async {
            let running = instances(&world, "running").await;
            let (_, nodes) = host.kube.get("/api/v1/nodes").await;
            running.len() == 2 && running.iter().all(|one| one["InstanceId"] != first) && list(&nodes, "items").len() == 2
        })
        .await;
    };
    host.work_until(replaced).await;

    let change = json!({
        "clusterName": "demo", "nodegroupName": "web", "scalingConfig": {"desiredSize": 1},
        "labels": {"addOrUpdateLabels": {"tier": "back"}},
    });
    let update = aws.ok("eks", "UpdateNodegroupConfig", change).await["update"].take();
    assert_eq!((&update["type"], &update["status"]), (&json!("ConfigUpdate"), &json!("InProgress")));
    let asked = json!({"name": "demo", "nodegroupName": "web", "updateId": update["id"]});
    let successful = eventually(json!("Successful"), || async {
        aws.ok("eks", "DescribeUpdate", asked.clone()).await["update"]["status"].take()
    });
    host.work_until(successful).await;
    host.work_until(eventually(1, || async {
        let (_, nodes) = host.kube.get("/api/v1/nodes?labelSelector=tier%3Dback").await;
        list(&nodes, "items").len()
    }))
    .await;

    let deleting = aws.ok("eks", "DeleteNodegroup", json!({"clusterName": "demo", "nodegroupName": "web"})).await;
    assert_eq!(deleting["nodegroup"]["status"], "DELETING");
    host.work_until(world.until(NODEGROUPS, WEB, |record| record.is_none())).await;
    let (_, nodes) = host.kube.get("/api/v1/nodes").await;
    assert_eq!(list(&nodes, "items").len(), 0, "no node without an instance");
    assert_eq!(instances(&world, "terminated").await.len(), 3, "as EC2 goes on describing them");
    let entries = aws.ok("eks", "ListAccessEntries", json!({"clusterName": "demo"})).await;
    assert!(!list(&entries, "accessEntries").contains(&json!(role_arn("AmazonEKSNodeRole"))), "{entries}");

    aws.ok("eks", "DeleteCluster", json!({"name": "demo"})).await;
    world.gone("demo").await;
    for resource in [INSTANCES, NETWORK_INTERFACES, PRIVATE_ADDRESSES] {
        let count = || async { world.admin().list(resource, REGIONAL, Options::default()).await.expect("a list").items.len() };
        within(resource.plural, eventually(0, count)).await;
    }
    world.service.stop().await;
}

/// A subnet of a default VPC's zone with eleven addresses.
async fn small_subnet(world: &World, id: &str, zone: &str, block: &str) -> Doc {
    let vpcs = world.administrator().ok("ec2", "DescribeVpcs", json!({})).await;
    let spec = json!({
        "subnetId": id, "vpcId": vpcs["Vpcs"][0]["VpcId"], "cidrBlock": block, "state": "available", "availabilityZone": zone,
        "tags": {}, "availableIpAddressCount": 11,
    });
    world.create(cloud_ec2::SUBNETS, REGIONAL, "Subnet", id, spec).await;
    json!(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_subnet_is_a_health_issue() {
    if !sandbox::contained("nodegroups::a_full_subnet_is_a_health_issue") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    world.cluster("demo").await;
    let subnet = small_subnet(&world, "subnet-0aaaaaaaaaaaaaaaa", "us-east-1a", "172.31.240.0/28").await;
    let free = || async {
        aws.ok("ec2", "DescribeSubnets", json!({"SubnetIds": [subnet]})).await["Subnets"][0]["AvailableIpAddressCount"].take()
    };
    assert_eq!(free().await, 11);
    let create = json!({"SubnetId": subnet, "SecondaryPrivateIpAddressCount": 9});
    let first = aws.ok("ec2", "CreateNetworkInterface", create.clone()).await["NetworkInterface"].take();
    assert_eq!((list(&first, "PrivateIpAddresses").len(), free().await), (10, json!(1)));
    assert_eq!(aws.refusal("ec2", "CreateNetworkInterface", create).await, "400 InsufficientFreeAddressesInSubnet");
    eventually(json!(1), free).await;
    aws.ok("ec2", "CreateNetworkInterface", json!({"SubnetId": subnet})).await;
    assert_eq!(free().await, 0);

    let asked =
        input(&world, json!({"subnets": [subnet], "scalingConfig": {"minSize": 1, "maxSize": 1, "desiredSize": 1}})).await;
    aws.ok("eks", "CreateNodegroup", asked).await;
    phase(&world, "CREATE_FAILED", 0).await;
    let name = json!({"clusterName": "demo", "nodegroupName": "web"});
    let failed = aws.ok("eks", "DescribeNodegroup", name.clone()).await["nodegroup"].take();
    let issue = &failed["health"]["issues"][0];
    assert_eq!((&issue["code"], &issue["resourceIds"]), (&json!("InsufficientFreeAddresses"), &json!([subnet])));

    // What is given back reaches the instance that waits for one of them.
    aws.ok("ec2", "DeleteNetworkInterface", json!({"NetworkInterfaceId": first["NetworkInterfaceId"]})).await;
    eventually(json!(9), free).await;
    let cluster = world.cluster_input("small").await;
    let other = small_subnet(&world, "subnet-0bbbbbbbbbbbbbbbb", "us-east-1b", "172.31.240.16/28").await;
    let all = json!({"SubnetId": other, "SecondaryPrivateIpAddressCount": 10});
    aws.ok("ec2", "CreateNetworkInterface", all).await;
    let mut starved = cluster;
    starved["resourcesVpcConfig"]["subnetIds"] = json!([subnet, other]);
    aws.ok("eks", "CreateCluster", starved).await;
    world.until(cloud_eks::CLUSTERS, "small", |record| record.is_some_and(|doc| doc["status"]["phase"] == "FAILED")).await;
    let described = aws.ok("eks", "DescribeCluster", json!({"name": "small"})).await["cluster"].take();
    assert_eq!(described["health"]["issues"][0]["code"], "InsufficientFreeAddresses");
    aws.ok("eks", "DeleteCluster", json!({"name": "small"})).await;
    world.gone("small").await;
    world.service.stop().await;
}

/// 40 callers with five addresses each, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn no_address_is_given_twice() {
    if !sandbox::contained("nodegroups::no_address_is_given_twice") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let subnets = aws.ok("ec2", "DescribeSubnets", json!({})).await;
    let subnet = &subnets["Subnets"][0]["SubnetId"];
    let make = |_| aws.ok("ec2", "CreateNetworkInterface", json!({"SubnetId": subnet}));
    let made = futures::future::join_all((0..40).map(make)).await;
    let more = made.iter().map(|made| {
        let id = &made["NetworkInterface"]["NetworkInterfaceId"];
        aws.ok("ec2", "AssignPrivateIpAddresses", json!({"NetworkInterfaceId": id, "SecondaryPrivateIpAddressCount": 4}))
    });
    let assigned = futures::future::join_all(more).await;
    let mut seen = BTreeSet::new();
    for interface in list(&aws.ok("ec2", "DescribeNetworkInterfaces", json!({})).await, "NetworkInterfaces") {
        let addresses = list(interface, "PrivateIpAddresses");
        assert_eq!(addresses.len(), 5);
        for address in addresses {
            assert!(seen.insert(address["PrivateIpAddress"].to_string()), "{address} twice");
        }
    }
    assert_eq!((assigned.len(), seen.len()), (40, 200));
    let one = &assigned[0];
    let gone = &one["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"];
    let back = json!({"NetworkInterfaceId": one["NetworkInterfaceId"], "PrivateIpAddresses": [gone]});
    aws.ok("ec2", "UnassignPrivateIpAddresses", back.clone()).await;
    assert_eq!(aws.refusal("ec2", "UnassignPrivateIpAddresses", back).await, "400 InvalidParameterValue");
    let after = aws.ok("ec2", "DescribeNetworkInterfaces", json!({"NetworkInterfaceIds": [one["NetworkInterfaceId"]]})).await;
    assert_eq!(list(&after["NetworkInterfaces"][0], "PrivateIpAddresses").len(), 4);
    world.service.stop().await;
}
