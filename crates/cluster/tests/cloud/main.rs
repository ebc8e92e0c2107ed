//! The cloud services over a real management plane: every operation through the endpoint, signed as a client signs.
//! What lies outside is made up: the factory that would start control planes, and the probe of their endpoints.

mod load_balancers;
#[path = "../management/mod.rs"]
mod management;
mod stacks;
mod world;

use serde_json::{Value, json};
use world::{ACCOUNT, World, code};

/// What `aws eks create-cluster` sends for a cluster in the default VPC.
async fn create_input(world: &World, name: &str) -> Value {
    let subnets = world.admin().call("ec2", "DescribeSubnets", json!({})).await.expect("subnets");
    let ids: Vec<&Value> = subnets["Subnets"].as_array().expect("a list").iter().map(|subnet| &subnet["SubnetId"]).collect();
    json!({
        "name": name, "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/eksClusterRole"),
        "resourcesVpcConfig": {"subnetIds": ids}, "clientRequestToken": format!("token-{name}"),
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}, "tags": {"team": "a"},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_account_has_what_eks_users_expect() {
    let world = World::start().await;
    let admin = world.admin();
    let identity = admin.call("sts", "GetCallerIdentity", json!({})).await.expect("an identity");
    assert_eq!(identity["Arn"], format!("arn:aws:iam::{ACCOUNT}:user/pilothouse"));
    assert_eq!(admin.call("iam", "GetUser", json!({})).await.expect("a user")["User"]["UserId"], identity["UserId"]);
    let roles = admin.call("iam", "ListRoles", json!({"MaxItems": 2})).await.expect("roles");
    assert_eq!((roles["Roles"].as_array().map(Vec::len), &roles["IsTruncated"]), (Some(2), &json!(true)));
    let next = json!({"MaxItems": 100, "Marker": roles["Marker"]});
    assert_eq!(admin.call("iam", "ListRoles", next).await.expect("roles")["Roles"].as_array().map(Vec::len), Some(3));
    let missing = admin.call("iam", "GetRole", json!({"RoleName": "nobody"})).await;
    assert_eq!(code(missing), "NoSuchEntity 404");
    let subnets = admin.call("ec2", "DescribeSubnets", json!({})).await.expect("subnets");
    assert_eq!(subnets["Subnets"].as_array().map(Vec::len), Some(3));
    let filter = json!({"Filters": [{"Name": "is-default", "Values": ["true"]}]});
    let vpcs = admin.call("ec2", "DescribeVpcs", filter).await.expect("vpcs");
    assert_eq!(vpcs["Vpcs"][0]["CidrBlock"], "172.31.0.0/16");
    let asked = json!({"VpcId": vpcs["Vpcs"][0]["VpcId"], "Attribute": "enableDnsHostnames"});
    assert_eq!(
        admin.call("ec2", "DescribeVpcAttribute", asked).await.expect("an attribute")["EnableDnsHostnames"]["Value"],
        true
    );
    for (operation, member, count) in [
        ("DescribeSecurityGroups", "SecurityGroups", 1),
        ("DescribeRouteTables", "RouteTables", 1),
        ("DescribeNetworkAcls", "NetworkAcls", 1),
        ("DescribeAvailabilityZones", "AvailabilityZones", 3),
        ("DescribeRegions", "Regions", 1),
    ] {
        let answer = admin.call("ec2", operation, json!({})).await.expect(operation);
        assert_eq!(answer[member].as_array().map(Vec::len), Some(count), "{operation}");
    }
    let missing = admin.call("ec2", "DescribeVpcs", json!({"VpcIds": ["vpc-0123456789abcdef0"]})).await;
    assert_eq!(code(missing), "InvalidVpcID.NotFound 400");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_again_makes_nothing_twice() {
    let world = World::start().await;
    let before = world.everything().await;
    let credentials = world.bootstrap().await;
    assert_eq!(credentials, world.credentials);
    assert_eq!(world.everything().await, before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_lives_and_dies() {
    let world = World::start().await;
    let admin = world.admin();
    let before = world.everything().await;
    let input = create_input(&world, "My_Demo").await;
    let created = admin.call("eks", "CreateCluster", input.clone()).await.expect("a cluster");
    assert_eq!(created["cluster"]["status"], "CREATING");
    let repeated = admin.call("eks", "CreateCluster", input.clone()).await.expect("the same cluster");
    assert_eq!(repeated["cluster"]["createdAt"], created["cluster"]["createdAt"]);
    let mut other = input;
    other["clientRequestToken"] = json!("other");
    assert_eq!(code(admin.call("eks", "CreateCluster", other).await), "ResourceInUseException 409");

    let active = world.status("My_Demo", "ACTIVE").await;
    assert_eq!(active["endpoint"], "https://127.0.0.2:443");
    assert_eq!(active["kubernetesNetworkConfig"]["serviceIpv4Cidr"], "10.100.0.0/16");
    let group = json!({"GroupIds": [active["resourcesVpcConfig"]["clusterSecurityGroupId"]]});
    let groups = admin.call("ec2", "DescribeSecurityGroups", group).await.expect("the cluster's security group");
    assert!(groups["SecurityGroups"][0]["GroupName"].as_str().is_some_and(|name| name.starts_with("eks-cluster-sg-My_Demo-")));
    let listed = admin.call("eks", "ListClusters", json!({})).await.expect("clusters");
    assert_eq!(listed["clusters"], json!(["My_Demo"]));
    let tags = json!({"resourceArn": active["arn"], "tags": {"stage": "x"}});
    admin.call("eks", "TagResource", tags).await.expect("tagging");
    admin.call("eks", "UntagResource", json!({"resourceArn": active["arn"], "tagKeys": ["team"]})).await.expect("untagging");
    let tags = admin.call("eks", "ListTagsForResource", json!({"resourceArn": active["arn"]})).await.expect("tags");
    assert_eq!(tags["tags"], json!({"stage": "x"}));

    let deleted = admin.call("eks", "DeleteCluster", json!({"name": "My_Demo"})).await.expect("a deletion");
    assert_eq!(deleted["cluster"]["status"], "DELETING");
    world.gone("My_Demo").await;
    let missing = admin.call("eks", "DescribeCluster", json!({"name": "My_Demo"})).await;
    assert_eq!(code(missing), "ResourceNotFoundException 404");
    assert_eq!(world.everything().await, before);
    assert_eq!(world.running(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_entries_and_their_policies() {
    let world = World::start().await;
    let admin = world.admin();
    admin.call("eks", "CreateCluster", create_input(&world, "demo").await).await.expect("a cluster");
    world.status("demo", "ACTIVE").await;
    let creator = format!("arn:aws:iam::{ACCOUNT}:user/pilothouse");
    let viewer = format!("arn:aws:iam::{ACCOUNT}:role/viewer");
    let listed = admin.call("eks", "ListAccessEntries", json!({"clusterName": "demo"})).await.expect("entries");
    assert_eq!(listed["accessEntries"], json!([creator]));
    let of = |principal: &str| json!({"clusterName": "demo", "principalArn": principal});
    let policies = admin.call("eks", "ListAssociatedAccessPolicies", of(&creator)).await.expect("policies");
    let admin_policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
    assert_eq!(policies["associatedAccessPolicies"][0]["policyArn"], admin_policy);

    let mut input = of(&viewer);
    input["kubernetesGroups"] = json!(["look"]);
    let entry = admin.call("eks", "CreateAccessEntry", input.clone()).await.expect("an entry");
    let username = format!("arn:aws:sts::{ACCOUNT}:assumed-role/viewer/{{{{SessionName}}}}");
    assert_eq!(entry["accessEntry"]["username"], username);
    assert_eq!(code(admin.call("eks", "CreateAccessEntry", input.clone()).await), "ResourceInUseException 409");
    let view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    let mut association = of(&viewer);
    association["policyArn"] = json!(view);
    association["accessScope"] = json!({"type": "namespace", "namespaces": ["web"]});
    admin.call("eks", "AssociateAccessPolicy", association).await.expect("an association");
    let by_policy = json!({"clusterName": "demo", "associatedPolicyArn": view});
    assert_eq!(admin.call("eks", "ListAccessEntries", by_policy).await.expect("entries")["accessEntries"], json!([viewer]));
    let mut update = of(&viewer);
    update["kubernetesGroups"] = json!([]);
    let updated = admin.call("eks", "UpdateAccessEntry", update).await.expect("an update");
    assert_eq!(
        (&updated["accessEntry"]["kubernetesGroups"], &updated["accessEntry"]["username"]),
        (&json!([]), &json!(username))
    );
    let mut policy = of(&viewer);
    policy["policyArn"] = json!(view);
    admin.call("eks", "DisassociateAccessPolicy", policy.clone()).await.expect("a disassociation");
    assert_eq!(code(admin.call("eks", "DisassociateAccessPolicy", policy).await), "ResourceNotFoundException 404");
    admin.call("eks", "DeleteAccessEntry", of(&viewer)).await.expect("a deletion");
    assert_eq!(code(admin.call("eks", "DescribeAccessEntry", of(&viewer)).await), "ResourceNotFoundException 404");
    let stranger = of(&format!("arn:aws:iam::{ACCOUNT}:role/stranger"));
    assert_eq!(code(admin.call("eks", "CreateAccessEntry", stranger).await), "InvalidParameterException 400");
    // The creator's own entry stays away once it has been taken away.
    admin.call("eks", "DeleteAccessEntry", of(&creator)).await.expect("a deletion");
    admin.call("eks", "TagResource", json!({"resourceArn": world.arn("demo"), "tags": {"a": "b"}})).await.expect("a change");
    let listed = admin.call("eks", "ListAccessEntries", json!({"clusterName": "demo"})).await.expect("entries");
    assert_eq!(listed["accessEntries"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_can_be_assumed_and_does_no_more_than_it_may() {
    let world = World::start().await;
    let admin = world.admin();
    admin.call("eks", "CreateCluster", create_input(&world, "demo").await).await.expect("a cluster");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/viewer");
    let asked = json!({"RoleArn": role, "RoleSessionName": "me"});
    let assumed = admin.call("sts", "AssumeRole", asked).await.expect("a session");
    let viewer = admin.with(&assumed["Credentials"]);
    let identity = viewer.call("sts", "GetCallerIdentity", json!({})).await.expect("an identity");
    assert_eq!(identity["Arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/viewer/me"));
    let listed = viewer.call("eks", "ListClusters", json!({})).await.expect("clusters");
    assert_eq!(listed["clusters"], json!(["demo"]));
    let refused = viewer.call("eks", "DeleteCluster", json!({"name": "demo"})).await.expect_err("a refusal");
    assert_eq!(refused.code, "AccessDeniedException");
    assert!(
        refused.message.ends_with("because no identity-based policy allows the eks:DeleteCluster action"),
        "{}",
        refused.message
    );
    assert_eq!(code(viewer.call("ec2", "DescribeVpcs", json!({})).await), "UnauthorizedOperation 403");
    assert_eq!(code(viewer.call("iam", "ListRoles", json!({})).await), "AccessDenied 403");
    for role in ["eksClusterRole", "nobody"] {
        let asked = json!({"RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"), "RoleSessionName": "me"});
        assert_eq!(code(admin.call("sts", "AssumeRole", asked).await), "AccessDenied 403", "{role}");
    }
    let mut forged = assumed["Credentials"].clone();
    forged["SessionToken"] = json!("AQAAAA==");
    assert_eq!(code(admin.with(&forged).call("sts", "GetCallerIdentity", json!({})).await), "InvalidClientTokenId 403");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clusters_token_is_a_presigned_question_that_sts_answers() {
    let world = World::start().await;
    let reply = world.admin().presigned_identity("sts.us-east-1.amazonaws.com", "demo", "demo").await;
    let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let result = &answer["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
    assert_eq!((reply.status, &result["Arn"]), (200, &json!(format!("arn:aws:iam::{ACCOUNT}:user/pilothouse"))));
    let forged = world.admin().presigned_identity("sts.us-east-1.amazonaws.com", "demo", "other").await;
    assert_eq!(forged.status, 403);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_leave_nothing() {
    let world = World::start().await;
    let admin = world.admin();
    let before = world.everything().await;
    let good = create_input(&world, "demo").await;
    for (pointer, value, expected) in [
        ("/name", json!("-demo"), "InvalidParameterException 400"),
        ("/version", json!("1.12"), "InvalidParameterException 400"),
        ("/roleArn", json!("arn:aws:iam::123456789012:role/AmazonEKSNodeRole"), "InvalidParameterException 400"),
        ("/resourcesVpcConfig/subnetIds", json!(["subnet-0123456789abcdef0"]), "InvalidParameterException 400"),
        ("/resourcesVpcConfig", json!(null), "InvalidParameterException 400"),
    ] {
        let mut input = good.clone();
        let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
        input.pointer_mut(parent).expect("a parent")[member] = value;
        assert_eq!(code(admin.call("eks", "CreateCluster", input).await), expected, "{pointer}");
        assert_eq!(world.everything().await, before, "{pointer}");
    }
    for operation in ["DescribeCluster", "DeleteCluster"] {
        assert_eq!(code(admin.call("eks", operation, json!({"name": "nope"})).await), "ResourceNotFoundException 404");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_cannot_start_fails_its_cluster() {
    let world = World::start_failing("no loopback address is free").await;
    let admin = world.admin();
    let before = world.everything().await;
    admin.call("eks", "CreateCluster", create_input(&world, "demo").await).await.expect("a cluster");
    let failed = world.status("demo", "FAILED").await;
    assert_eq!(failed["health"]["issues"][0]["message"], "no loopback address is free");
    admin.call("eks", "DeleteCluster", json!({"name": "demo"})).await.expect("a deletion");
    world.gone("demo").await;
    assert_eq!(world.everything().await, before);
    world.stop().await;
}
