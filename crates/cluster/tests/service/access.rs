//! Access entries and tags of a cluster through EKS's API.

use crate::sandbox;
use crate::world::aws::Aws;
use crate::world::{ACCOUNT, REGIONAL, World, role_arn, user_arn};
use client::Options;
use meta::Doc;
use serde_json::json;

const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
const EDIT: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy";
const CLUSTER_ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

fn entry(extra: Doc) -> Doc {
    let mut input = json!({"clusterName": "demo", "principalArn": role_arn("viewer")});
    input.as_object_mut().expect("an object").extend(extra.as_object().cloned().unwrap_or_default());
    input
}

async fn principals(aws: &Aws, policy: Option<&str>) -> Doc {
    let input = json!({"clusterName": "demo", "associatedPolicyArn": policy});
    aws.ok("eks", "ListAccessEntries", input).await["accessEntries"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_and_policies() {
    if !sandbox::contained("access::entries_and_policies") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    world.cluster("demo").await;
    let creator = user_arn("pilothouse");
    assert_eq!(principals(&aws, Some(CLUSTER_ADMIN)).await, json!([creator]));
    let asked = entry(json!({"kubernetesGroups": ["team"], "tags": {"a": "b"}, "clientRequestToken": "once"}));
    let made = aws.ok("eks", "CreateAccessEntry", asked.clone()).await["accessEntry"].take();
    assert_eq!(aws.ok("eks", "CreateAccessEntry", asked).await["accessEntry"], made, "the same request, sent again");
    assert_eq!(made["username"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/viewer/{{{{SessionName}}}}"));
    assert_eq!((&made["type"], &made["kubernetesGroups"]), (&json!("STANDARD"), &json!(["team"])));
    assert_eq!(aws.ok("eks", "DescribeAccessEntry", entry(json!({}))).await["accessEntry"], made);
    assert_eq!(principals(&aws, None).await, json!([role_arn("viewer"), creator]));
    let other = entry(json!({"clientRequestToken": "twice"}));
    assert_eq!(aws.refusal("eks", "CreateAccessEntry", other).await, "409 ResourceInUseException");
    let update = entry(json!({"username": "ops:{{SessionName}}"}));
    let updated = aws.ok("eks", "UpdateAccessEntry", update).await["accessEntry"].take();
    assert_eq!((&updated["username"], &updated["kubernetesGroups"]), (&json!("ops:{{SessionName}}"), &json!(["team"])));
    policies(&aws).await;
    aws.ok("eks", "DeleteAccessEntry", entry(json!({}))).await;
    assert_eq!(principals(&aws, None).await, json!([creator]));
    assert_eq!(aws.refusal("eks", "DeleteAccessEntry", entry(json!({}))).await, "404 ResourceNotFoundException");
    world.service.stop().await;
}

async fn policies(aws: &Aws) {
    let associate = |policy: &str, scope: Doc| entry(json!({"policyArn": policy, "accessScope": scope}));
    aws.ok("eks", "AssociateAccessPolicy", associate(VIEW, json!({"type": "cluster"}))).await;
    let scope = json!({"type": "namespace", "namespaces": ["team-a"]});
    aws.ok("eks", "AssociateAccessPolicy", associate(EDIT, scope.clone())).await;
    let narrowed = aws.ok("eks", "AssociateAccessPolicy", associate(VIEW, scope.clone())).await;
    assert_eq!(narrowed["associatedAccessPolicy"]["accessScope"], scope);
    let listed = aws.ok("eks", "ListAssociatedAccessPolicies", entry(json!({}))).await;
    assert_eq!(listed["associatedAccessPolicies"].as_array().map(Vec::len), Some(2));
    assert_eq!(principals(aws, Some(VIEW)).await, json!([role_arn("viewer")]));
    aws.ok("eks", "DisassociateAccessPolicy", entry(json!({"policyArn": VIEW}))).await;
    assert_eq!(principals(aws, Some(VIEW)).await, json!([]));
    let again = entry(json!({"policyArn": VIEW}));
    assert_eq!(aws.refusal("eks", "DisassociateAccessPolicy", again).await, "404 ResourceNotFoundException");
    let invalid = "400 InvalidParameterException";
    for (policy, scope, expected) in [
        ("arn:aws:eks::aws:cluster-access-policy/Nothing", json!({"type": "cluster"}), invalid),
        (VIEW, json!({"type": "namespace"}), invalid),
        (VIEW, json!({"type": "cluster", "namespaces": ["a"]}), invalid),
        (VIEW, json!({}), invalid),
    ] {
        assert_eq!(aws.refusal("eks", "AssociateAccessPolicy", associate(policy, scope.clone())).await, expected, "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_come_in_pages_and_for_nodes() {
    if !sandbox::contained("access::entries_come_in_pages_and_for_nodes") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    world.cluster("demo").await;
    for n in 0..5 {
        world.role(&format!("role-{n}"), json!({"AWS": "*"})).await;
        aws.ok("eks", "CreateAccessEntry", entry(json!({"principalArn": role_arn(&format!("role-{n}"))}))).await;
    }
    let (mut sizes, mut token) = (Vec::new(), Doc::Null);
    loop {
        let page = aws.ok("eks", "ListAccessEntries", json!({"clusterName": "demo", "maxResults": 4, "nextToken": token})).await;
        sizes.push(page["accessEntries"].as_array().map_or(0, Vec::len));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [4, 2]);
    let nodes = role_arn("AmazonEKSNodeRole");
    let node = aws.ok("eks", "CreateAccessEntry", entry(json!({"principalArn": nodes, "type": "EC2_LINUX"}))).await;
    assert_eq!(node["accessEntry"]["kubernetesGroups"], json!(["system:nodes"]));
    let view = entry(json!({"principalArn": nodes, "policyArn": VIEW, "accessScope": {"type": "cluster"}}));
    assert_eq!(aws.refusal("eks", "AssociateAccessPolicy", view).await, "400 InvalidRequestException");
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags() {
    if !sandbox::contained("access::tags") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let mut input = world.cluster_input("demo").await;
    input["tags"] = json!({"team": "a"});
    let arn = aws.ok("eks", "CreateCluster", input).await["cluster"]["arn"].take();
    let tags = async || aws.ok("eks", "ListTagsForResource", json!({"resourceArn": arn})).await["tags"].take();
    assert_eq!(tags().await, json!({"team": "a"}));
    aws.ok("eks", "TagResource", json!({"resourceArn": arn, "tags": {"team": "b", "x/y": "ä"}})).await;
    assert_eq!(tags().await, json!({"team": "b", "x/y": "ä"}));
    aws.ok("eks", "UntagResource", json!({"resourceArn": arn, "tagKeys": ["team", "absent"]})).await;
    assert_eq!(tags().await, json!({"x/y": "ä"}));
    assert_eq!(aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await["cluster"]["tags"], json!({"x/y": "ä"}));
    world.active("demo").await;
    let made = aws.ok("eks", "DescribeAccessEntry", entry(json!({"principalArn": user_arn("pilothouse")}))).await;
    let entry_arn = made["accessEntry"]["accessEntryArn"].clone();
    aws.ok("eks", "TagResource", json!({"resourceArn": entry_arn, "tags": {"who": "creator"}})).await;
    assert_eq!(aws.ok("eks", "ListTagsForResource", json!({"resourceArn": entry_arn})).await["tags"], json!({"who": "creator"}));
    world.service.stop().await;
}

/// An entry that was made while its cluster went away means nothing to the next cluster of that name.
#[tokio::test(flavor = "multi_thread")]
async fn entries_belong_to_one_cluster_not_to_its_name() {
    if !sandbox::contained("access::entries_belong_to_one_cluster_not_to_its_name") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    world.cluster("demo").await;
    let listed = world.admin().list(cloud_eks::ACCESS_ENTRIES, "", Options::default()).await.expect("a list");
    let mut orphan = listed.items[0].to_doc();
    aws.ok("eks", "DeleteCluster", json!({"name": "demo"})).await;
    world.gone("demo").await;
    orphan["metadata"] = json!({"name": orphan["metadata"]["name"], "labels": orphan["metadata"]["labels"]});
    world.admin().create(cloud_eks::ACCESS_ENTRIES, REGIONAL, orphan).await.expect("an entry of nobody's");
    let demo = world.cluster("demo").await;
    assert_eq!(principals(&aws, Some(CLUSTER_ADMIN)).await, json!([user_arn("pilothouse")]));
    assert_eq!(world.kube(&demo, &aws).get("/api/v1/nodes").await.0, 200);
    world.service.stop().await;
}

/// Entries that are asked for while the cluster is deleted are refused or go with it.
#[tokio::test(flavor = "multi_thread")]
async fn entries_race_with_deletion() {
    if !sandbox::contained("access::entries_race_with_deletion") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    for round in 0..5 {
        world.cluster("demo").await;
        let nodes = ["viewer", "AmazonEKSNodeRole", "eksClusterRole", "AmazonEKSFargatePodExecutionRole"];
        let entries = nodes.map(|role| aws.call("eks", "CreateAccessEntry", entry(json!({"principalArn": role_arn(role)}))));
        let deletion = aws.ok("eks", "DeleteCluster", json!({"name": "demo"}));
        tokio::join!(futures::future::join_all(entries), deletion);
        world.gone("demo").await;
        let left = world.admin().list(cloud_eks::ACCESS_ENTRIES, "", Options::default()).await.expect("a list");
        assert_eq!(left.items.len(), 0, "round {round}");
    }
    world.service.stop().await;
}
