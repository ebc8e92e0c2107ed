//! `kill -9` at any moment of a node group's life: afterwards it has the instances and nodes that were asked for, and no
//! others.

use crate::aws::Aws;
use crate::binary::{Home, Running};
use crate::crashes::{Moments, answered_well, killed_during};
use crate::kube::Kube;
use crate::sandbox;
use crate::simulated::{active_group, cluster, group_input, no_group, ready_nodes, size, until};
use meta::Doc;
use serde_json::json;
use std::collections::BTreeSet;

const CYCLES: u32 = 5;
/// Three nodes start or end within about this time.
const SPAN_MS: u64 = 250;

fn group() -> Doc {
    json!({"clusterName": "demo", "nodegroupName": "web"})
}

/// The service is killed during the request or soon after, and started again.
async fn interrupted(home: &Home, running: &mut Running, moments: &mut Moments, operation: &str, input: Doc) -> bool {
    let aws = running.aws.clone();
    let acknowledged = killed_during(running, moments.next(), answered_well(&aws, operation, input)).await;
    *running = home.up().await;
    acknowledged
}

async fn exists(aws: &Aws) -> bool {
    aws.call("eks", "DescribeNodegroup", group()).await.is_ok()
}

fn ids<'a>(list: &'a Doc, pointer: &str) -> BTreeSet<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|one| one.pointer(pointer)?.as_str()).collect()
}

/// Nodes, running instances and their interfaces are the same, and so many.
async fn whole(aws: &Aws, kube: &Kube, count: usize) {
    let nodes = Doc::Array(ready_nodes(kube, count).await);
    let nodes: BTreeSet<&str> = ids(&nodes, "/spec/providerID").iter().filter_map(|id| id.rsplit('/').next()).collect();
    until("instances and interfaces of nodes only", || async {
        let live = json!({"Filters": [{"Name": "instance-state-name", "Values": ["pending", "running", "shutting-down"]}]});
        let reserved = aws.ok("ec2", "DescribeInstances", live).await["Reservations"].take();
        let attached = json!({"Filters": [{"Name": "attachment.status", "Values": ["attached", "attaching"]}]});
        let interfaces = aws.ok("ec2", "DescribeNetworkInterfaces", attached).await["NetworkInterfaces"].take();
        let same = ids(&reserved, "/Instances/0/InstanceId") == nodes && ids(&interfaces, "/Attachment/InstanceId") == nodes;
        same.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_groups_are_what_was_asked_for() {
    if !sandbox::contained("group_crashes::node_groups_are_what_was_asked_for") {
        return;
    }
    let home = Home::new();
    let mut running = home.up_with(&["--simulated"]).await;
    running.create("demo").await;
    running.active("demo").await;
    let mut moments = Moments::seeded(SPAN_MS);
    for cycle in 0..CYCLES {
        let input = group_input(&running.aws).await;
        let acknowledged = interrupted(&home, &mut running, &mut moments, "CreateNodegroup", input.clone()).await;
        if !exists(&running.aws).await {
            assert!(!acknowledged, "cycle {cycle}: the group was acknowledged and is not there");
            running.aws.ok("eks", "CreateNodegroup", input).await;
        }
        active_group(&running.aws).await;
        whole(&running.aws, &cluster(&running).await, 3).await;

        let acknowledged = interrupted(&home, &mut running, &mut moments, "UpdateNodegroupConfig", size(1)).await;
        if !acknowledged {
            // Whether the request arrived or not, asking again is fine.
            drop(running.aws.call("eks", "UpdateNodegroupConfig", size(1)).await);
        }
        whole(&running.aws, &cluster(&running).await, 1).await;

        let acknowledged = interrupted(&home, &mut running, &mut moments, "DeleteNodegroup", group()).await;
        if !acknowledged {
            drop(running.aws.call("eks", "DeleteNodegroup", group()).await); // as above
        }
        no_group(&running.aws).await;
        whole(&running.aws, &cluster(&running).await, 0).await;
    }
    running.kill().await;
}
