//! Mistakes: each gets the service's own code and status, and leaves nothing behind.

use crate::sandbox;
use crate::world::{ACCOUNT, REGIONAL, World, role_arn, user_arn};
use aws_wire::HttpRequest;
use http::Method;
use meta::Doc;
use serde_json::json;

/// `input` with the members of `change`, which may be nested; null takes one away.
fn changed(input: &Doc, change: &Doc) -> Doc {
    let mut out = input.clone();
    for (key, value) in change.as_object().into_iter().flatten() {
        out[key] = if value.is_object() && out[key].is_object() { changed(&out[key], value) } else { value.clone() };
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn create_cluster() {
    if !sandbox::contained("bad_input::create_cluster") {
        return;
    }
    let world = World::start().await;
    world.role("no-trust", json!({"Service": "ec2.amazonaws.com"})).await;
    let aws = world.administrator();
    let good = world.cluster_input("demo").await;
    let subnet = |n: usize| good["resourcesVpcConfig"]["subnetIds"][n].clone();
    let foreign = "subnet-0ffffffffffffffff";
    let spec = json!({"subnetId": foreign, "vpcId": "vpc-0ffffffffffffffff", "availabilityZone": "us-east-1c"});
    world.create(cloud_ec2::SUBNETS, REGIONAL, "Subnet", foreign, spec).await;
    let before = world.census().await;
    let vpc = |members: Doc| json!({"resourcesVpcConfig": members});
    let refused = "400 InvalidParameterException";
    for (change, expected, text) in [
        (json!({"roleArn": role_arn("nobody")}), refused, "could not be assumed"),
        (json!({"roleArn": role_arn("no-trust")}), refused, "could not be assumed"),
        (json!({"roleArn": user_arn("pilothouse")}), refused, "could not be assumed"),
        (json!({"roleArn": "arn:aws:iam::999999999999:role/eksClusterRole"}), refused, "could not be assumed"),
        (vpc(json!({"subnetIds": []})), refused, "at least two subnets"),
        (vpc(json!({"subnetIds": [subnet(0)]})), refused, "at least two different AZs"),
        (vpc(json!({"subnetIds": [subnet(0), subnet(0)]})), refused, "at least two different AZs"),
        (
            vpc(json!({"subnetIds": [subnet(0), "subnet-0badbadbadbadbad0"]})),
            refused,
            "'subnet-0badbadbadbadbad0' does not exist",
        ),
        (vpc(json!({"subnetIds": [subnet(0), foreign]})), refused, "same VPC"),
        (vpc(json!({"securityGroupIds": ["sg-0badbadbadbadbad0"]})), refused, "'sg-0badbadbadbadbad0' does not exist"),
        (vpc(json!({"endpointPublicAccess": false})), refused, "resourcesVpcConfig.endpointPublicAccess is not supported"),
        (vpc(json!({"publicAccessCidrs": ["10.0.0.0/8"]})), refused, "resourcesVpcConfig.publicAccessCidrs is not supported"),
        (json!({"version": "1.12"}), refused, "unsupported Kubernetes version"),
        (json!({"version": "latest"}), refused, "unsupported Kubernetes version"),
        (json!({"kubernetesNetworkConfig": {"ipFamily": "ipv6"}}), refused, "kubernetesNetworkConfig.ipFamily is not supported"),
        (json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "8.8.8.0/24"}}), refused, "private blocks"),
        (json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.31.0.0/24"}}), refused, "overlap"),
        (
            json!({"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "k"}}]}),
            refused,
            "encryptionConfig is not supported",
        ),
        (json!({"computeConfig": {"enabled": true}}), refused, "computeConfig.enabled is not supported"),
        (
            json!({"logging": {"clusterLogging": [{"types": ["api"], "enabled": true}]}}),
            refused,
            "logging.clusterLogging is not supported",
        ),
        (
            json!({"outpostConfig": {"outpostArns": ["o"], "controlPlaneInstanceType": "m5.large"}}),
            refused,
            "outpostConfig is not supported",
        ),
        (json!({"tags": {"aws:mine": "x"}}), refused, "aws:mine"),
        (json!({"name": "-starts-badly"}), refused, ""),
        (json!({"name": "n".repeat(101)}), refused, ""),
        (json!({"roleArn": null}), refused, "roleArn"),
        (json!({"resourcesVpcConfig": null}), refused, "resourcesVpcConfig"),
        (json!({"accessConfig": {"authenticationMode": "ANYTHING"}}), refused, ""),
    ] {
        let error = aws.call("eks", "CreateCluster", changed(&good, &change)).await.expect_err(&change.to_string());
        assert_eq!(format!("{} {}", error.status, error.code), expected, "{change}: {error}");
        assert!(error.message.contains(text), "{change}: {error}");
    }
    assert_eq!(world.census().await, before);
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_not_there_or_taken() {
    if !sandbox::contained("bad_input::names_that_are_not_there_or_taken") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    world.cluster("demo").await;
    let taken = world.cluster_input("demo").await;
    let mode = changed(&world.cluster_input("old").await, &json!({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}));
    aws.ok("eks", "CreateCluster", mode).await;
    world.active("old").await;
    let before = world.census().await;
    let viewer = role_arn("viewer");
    let demo_arn = format!("arn:aws:eks:us-east-1:{ACCOUNT}:cluster/demo");
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    let entry = |members: Doc| changed(&json!({"clusterName": "demo", "principalArn": viewer}), &members);
    let (missing, invalid) = ("404 ResourceNotFoundException", "400 InvalidParameterException");
    for (service, operation, input, expected) in [
        ("eks", "CreateCluster", taken, "409 ResourceInUseException"),
        ("eks", "DescribeCluster", json!({"name": "nosuch"}), missing),
        ("eks", "DeleteCluster", json!({"name": "nosuch"}), missing),
        ("eks", "ListClusters", json!({"nextToken": "%%%"}), invalid),
        ("eks", "ListClusters", json!({"maxResults": 0}), invalid),
        ("eks", "CreateAccessEntry", entry(json!({"clusterName": "nosuch"})), missing),
        ("eks", "CreateAccessEntry", entry(json!({"clusterName": "old"})), "400 InvalidRequestException"),
        ("eks", "ListAccessEntries", json!({"clusterName": "old"}), "400 InvalidRequestException"),
        ("eks", "CreateAccessEntry", entry(json!({"principalArn": user_arn("pilothouse")})), "409 ResourceInUseException"),
        ("eks", "CreateAccessEntry", entry(json!({"principalArn": role_arn("nobody")})), invalid),
        ("eks", "CreateAccessEntry", entry(json!({"principalArn": "nonsense"})), invalid),
        ("eks", "CreateAccessEntry", entry(json!({"type": "NOPE"})), invalid),
        ("eks", "CreateAccessEntry", entry(json!({"username": "system:me"})), invalid),
        ("eks", "CreateAccessEntry", entry(json!({"kubernetesGroups": ["system:masters"]})), invalid),
        ("eks", "DescribeAccessEntry", entry(json!({})), missing),
        ("eks", "UpdateAccessEntry", entry(json!({})), missing),
        ("eks", "DeleteAccessEntry", entry(json!({})), missing),
        ("eks", "AssociateAccessPolicy", entry(json!({"policyArn": policy, "accessScope": {"type": "cluster"}})), missing),
        ("eks", "DisassociateAccessPolicy", entry(json!({"policyArn": policy})), missing),
        ("eks", "ListAssociatedAccessPolicies", entry(json!({})), missing),
        ("eks", "ListTagsForResource", json!({"resourceArn": format!("{demo_arn}x")}), "404 NotFoundException"),
        ("eks", "TagResource", json!({"resourceArn": demo_arn, "tags": {"aws:x": "y"}}), "400 BadRequestException"),
        ("eks", "TagResource", json!({"resourceArn": "nonsense", "tags": {"x": "y"}}), "400 BadRequestException"),
        ("iam", "GetRole", json!({"RoleName": "nosuch"}), "404 NoSuchEntity"),
        ("iam", "GetUser", json!({"UserName": "nosuch"}), "404 NoSuchEntity"),
        ("iam", "ListRoles", json!({"Marker": "%%%"}), "400 ValidationError"),
        ("ec2", "DescribeVpcs", json!({"VpcIds": ["vpc-0badbadbadbadbad0"]}), "400 InvalidVpcID.NotFound"),
        ("ec2", "DescribeVpcs", json!({"VpcIds": ["bad"]}), "400 InvalidVpcID.Malformed"),
        ("ec2", "DescribeVpcs", json!({"DryRun": true}), "412 DryRunOperation"),
        ("ec2", "DescribeSubnets", json!({"Filters": [{"Name": "nope", "Values": ["x"]}]}), "400 InvalidParameterValue"),
        ("ec2", "DescribeSubnets", json!({"NextToken": "%%%"}), "400 InvalidParameterValue"),
        ("ec2", "DescribeSecurityGroups", json!({"GroupNames": ["nosuch"]}), "400 InvalidGroup.NotFound"),
        ("eks", "CreateNodegroup", json!({"clusterName": "demo", "nodegroupName": "n", "subnets": [], "nodeRole": "r"}), invalid),
        ("eks", "DescribeNodegroup", json!({"clusterName": "demo", "nodegroupName": "n"}), missing),
        ("eks", "DeleteNodegroup", json!({"clusterName": "nosuch", "nodegroupName": "n"}), missing),
        ("eks", "DescribeUpdate", json!({"name": "demo", "updateId": "n"}), missing),
        ("ec2", "DescribeInstances", json!({"InstanceIds": ["i-0badbadbadbadbad0"]}), "400 InvalidInstanceID.NotFound"),
        ("ec2", "DescribeInstances", json!({"InstanceIds": ["bad"]}), "400 InvalidInstanceID.Malformed"),
        ("ec2", "TerminateInstances", json!({"InstanceIds": ["../x"]}), "400 InvalidInstanceID.Malformed"),
        ("ec2", "DescribeInstanceTypes", json!({"InstanceTypes": ["t9.gigantic"]}), "400 InvalidParameterValue"),
        (
            "ec2",
            "DescribeNetworkInterfaces",
            json!({"NetworkInterfaceIds": ["eni-0badbadbad"]}),
            "400 InvalidNetworkInterfaceID.NotFound",
        ),
        ("ec2", "DetachNetworkInterface", json!({"AttachmentId": "x"}), "400 InvalidAttachmentID.NotFound"),
        ("ec2", "CreateNetworkInterface", json!({"SubnetId": "subnet-0badbadbad"}), "400 InvalidSubnetID.NotFound"),
        ("ec2", "CreateTags", json!({"Resources": ["../../x"], "Tags": [{"Key": "a", "Value": "b"}]}), "400 InvalidID"),
        ("ec2", "DescribeRegions", json!({"RegionNames": ["mars-1"]}), "400 InvalidParameterValue"),
        // Modelled by AWS, not built here.
        ("eks", "CreateAddon", json!({"clusterName": "demo", "addonName": "a"}), "400 InvalidRequestException"),
        ("iam", "CreateUser", json!({"UserName": "x"}), "400 UnsupportedOperation"),
        ("ec2", "RunInstances", json!({"MinCount": 1, "MaxCount": 1}), "400 UnsupportedOperation"),
    ] {
        assert_eq!(aws.refusal(service, operation, input.clone()).await, expected, "{operation} {input}");
    }
    assert_eq!(world.census().await, before);
    world.service.stop().await;
}

/// What no client of AWS's would send.
#[tokio::test(flavor = "multi_thread")]
async fn raw_requests() {
    if !sandbox::contained("bad_input::raw_requests") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let before = world.census().await;
    let megabyte = "x".repeat((1 << 20) + 1);
    let form = "application/x-www-form-urlencoded";
    for (service, method, path, body, status, code) in [
        ("eks", Method::POST, "/clusters", "{\"name\": ", 400, "SerializationException"),
        ("eks", Method::POST, "/clusters", "[]", 400, "SerializationException"),
        ("eks", Method::POST, "/clusters", "{\"name\": 7}", 400, "SerializationException"),
        ("eks", Method::POST, "/clusters", "{}", 400, "InvalidParameterException"),
        ("eks", Method::POST, "/clusters", "", 400, "InvalidParameterException"),
        ("eks", Method::GET, "/nothing/here", "", 403, "MissingAuthenticationTokenException"),
        ("eks", Method::PATCH, "/clusters", "", 403, "MissingAuthenticationTokenException"),
        ("eks", Method::GET, "/clusters/a%2fb%00", "", 404, "ResourceNotFoundException"),
        ("eks", Method::POST, "/clusters", &megabyte, 413, "RequestEntityTooLargeException"),
        ("sts", Method::POST, "/", "Action=GetNothing&Version=2011-06-15", 400, "InvalidAction"),
        ("sts", Method::POST, "/", "", 400, "MissingAction"),
        ("sts", Method::POST, "/", &megabyte, 413, "RequestEntityTooLarge"),
        ("ec2", Method::POST, "/", "Action=DescribeVpcs&Version=2016-11-15&MaxResults=many", 400, "InvalidParameterValue"),
        ("ec2", Method::POST, "/", "Action=DescribeNothing&Version=2016-11-15", 400, "InvalidAction"),
        ("nosuch", Method::GET, "/", "", 404, "UnknownOperationException"),
    ] {
        let mut request = HttpRequest::new(method, path);
        request.set_header("content-type", if service == "eks" { "application/json" } else { form });
        request.body = body.to_owned().into();
        aws.sign(&mut request, service);
        let reply = aws.send(&request).await.expect("an answer");
        let text = String::from_utf8_lossy(&reply.body).into_owned() + reply.header("x-amzn-errortype").unwrap_or_default();
        let shown: String = body.chars().take(60).collect();
        assert!(reply.status == status && text.contains(code), "{service} {path} {shown}: {} {text}", reply.status);
    }
    assert_eq!(world.census().await, before);
    world.service.stop().await;
}
