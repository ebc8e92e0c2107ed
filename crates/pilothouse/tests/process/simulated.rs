//! `pilothouse up --simulated`: clusters with nodes and running pods, by somebody who is not root.

use crate::aws::Aws;
use crate::binary::{Home, Running, active, within};
use crate::kube::Kube;
use crate::sandbox;
use http::Method;
use meta::Doc;
use serde_json::json;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const PODS: &str = "/api/v1/namespaces/default/pods";
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

pub fn items(list: &Doc) -> &[Doc] {
    list["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Looks until it is there.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    within(what, looking).await
}

pub async fn cluster(running: &Running) -> Kube {
    let described = active(&running.aws, "demo").await;
    Kube::of(&described, running.aws.cluster_token("demo"))
}

pub async fn group_input(aws: &Aws) -> Doc {
    let cluster = aws.ok("eks", "DescribeCluster", json!({"name": "demo"})).await;
    json!({
        "clusterName": "demo", "nodegroupName": "web", "nodeRole": "arn:aws:iam::123456789012:role/AmazonEKSNodeRole",
        "subnets": cluster["cluster"]["resourcesVpcConfig"]["subnetIds"], "instanceTypes": ["m5.4xlarge"],
        "scalingConfig": {"minSize": 1, "maxSize": 3, "desiredSize": 3}, "labels": {"tier": "front"},
        "taints": [{"key": "old", "value": "yes", "effect": "PREFER_NO_SCHEDULE"}],
    })
}

pub async fn active_group(aws: &Aws) {
    until("ACTIVE", || async {
        let seen = aws.ok("eks", "DescribeNodegroup", json!({"clusterName": "demo", "nodegroupName": "web"})).await;
        (seen["nodegroup"]["status"] == "ACTIVE").then_some(())
    })
    .await;
}

async fn create_group(aws: &Aws) {
    aws.ok("eks", "CreateNodegroup", group_input(aws).await).await;
    active_group(aws).await;
}

pub async fn no_group(aws: &Aws) {
    until("a group's end", || async {
        let groups = aws.ok("eks", "ListNodegroups", json!({"clusterName": "demo"})).await;
        groups["nodegroups"].as_array().is_none_or(Vec::is_empty).then_some(())
    })
    .await;
}

pub fn size(nodes: u32) -> Doc {
    json!({"clusterName": "demo", "nodegroupName": "web", "scalingConfig": {"desiredSize": nodes}})
}

async fn scale(aws: &Aws, nodes: u32) {
    aws.ok("eks", "UpdateNodegroupConfig", size(nodes)).await;
}

/// The nodes, once there are so many and all of them are ready.
pub async fn ready_nodes(kube: &Kube, count: usize) -> Vec<Doc> {
    let is_ready = |node: &Doc| {
        let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    until("nodes", || async {
        let (_, nodes) = kube.get("/api/v1/nodes").await;
        (items(&nodes).len() == count && items(&nodes).iter().all(is_ready)).then(|| items(&nodes).to_vec())
    })
    .await
}

/// The pods, once the deployment has them all and there are no others.
async fn rolled_out(kube: &Kube, replicas: usize) -> Vec<Doc> {
    until("a rollout", || async {
        let (_, deployment) = kube.get(&format!("{DEPLOYMENTS}/web")).await;
        let (_, pods) = kube.get(PODS).await;
        let running = items(&pods).iter().all(|pod| pod["status"]["phase"] == "Running");
        let complete = deployment["status"]["availableReplicas"] == replicas && items(&pods).len() == replicas && running;
        complete.then(|| items(&pods).to_vec())
    })
    .await
}

fn nodes_of(pods: &[Doc]) -> BTreeSet<&str> {
    pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect()
}

async fn deploy(kube: &Kube) {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}});
    let spec = json!({"replicas": 6, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec});
    let (code, made) = kube.post(DEPLOYMENTS, deployment).await;
    assert_eq!(code, 201, "{made}");
}

fn check_node(node: &Doc) {
    let text = |pointer: &str| node.pointer(pointer).and_then(Doc::as_str).unwrap_or_default();
    let (name, address) = (text("/metadata/name"), text("/status/addresses/0/address"));
    assert_eq!(name, format!("ip-{}.ec2.internal", address.replace('.', "-")));
    let labels = &node["metadata"]["labels"];
    assert_eq!((&labels["eks.amazonaws.com/nodegroup"], &labels["tier"]), (&json!("web"), &json!("front")), "{labels}");
    assert_eq!(labels["node.kubernetes.io/instance-type"], "m5.4xlarge");
    let zone = labels["topology.kubernetes.io/zone"].as_str().expect("a zone");
    assert!(text("/spec/providerID").starts_with(&format!("aws:///{zone}/i-")), "{}", node["spec"]);
    // What EC2 sells, not what this machine has: 16 processors, 8 interfaces of 30 addresses.
    assert_eq!((text("/status/capacity/cpu"), text("/status/capacity/pods")), ("16", "234"));
    assert_eq!(node["spec"]["taints"], json!([{"key": "old", "value": "yes", "effect": "PreferNoSchedule"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_without_machines() {
    if !sandbox::contained("simulated::nodes_without_machines") {
        return;
    }
    let home = Home::of_nobody();
    let mut first = home.up_with(&["--simulated"]).await;
    first.create("demo").await;
    let kube = cluster(&first).await;
    create_group(&first.aws).await;
    ready_nodes(&kube, 3).await.iter().for_each(check_node);
    deploy(&kube).await;
    let pods = rolled_out(&kube, 6).await;
    assert_eq!(nodes_of(&pods).len(), 3);
    let name = pods[0]["metadata"]["name"].as_str().expect("a name");
    for (method, sub) in [(Method::GET, "log"), (Method::POST, "exec?command=ls&stdout=true")] {
        let (code, said) = kube.request(method, &format!("{PODS}/{name}/{sub}"), None).await.expect("an answer");
        let message = said["message"].as_str().unwrap_or_default();
        assert!(code >= 400 && !message.is_empty(), "{sub}: {code} {said}");
    }

    // The service is killed: its nodes start again with it, and their pods on them.
    first.kill().await;
    let second = home.up().await;
    let kube = cluster(&second).await;
    ready_nodes(&kube, 3).await;
    rolled_out(&kube, 6).await;
    scale(&second.aws, 1).await;
    let left = ready_nodes(&kube, 1).await;
    let pods = rolled_out(&kube, 6).await;
    assert_eq!(nodes_of(&pods), [left[0]["metadata"]["name"].as_str().expect("a name")].into());
    second.aws.ok("eks", "DeleteNodegroup", json!({"clusterName": "demo", "nodegroupName": "web"})).await;
    ready_nodes(&kube, 0).await;
    no_group(&second.aws).await;
    second.aws.ok("eks", "DeleteCluster", json!({"name": "demo"})).await;
    second.gone("demo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_stay_what_they_are() {
    if !sandbox::contained("simulated::instances_stay_what_they_are") {
        return;
    }
    let home = Home::new();
    home.up().await.kill().await;
    let refused = home.refusal(&["up", "--port", &home.port.to_string(), "--simulated"]).await;
    assert!(refused.contains("are not simulated; name another with --state-dir"), "{refused}");
}
