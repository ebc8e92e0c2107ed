//! Stories that can be told on any stage.

use crate::stage::{Acts, BUDGETS, DEPLOYMENTS, NODES, PODS, SLICES, condition, is_leaving, is_tainted, named, ready_endpoints};
use meta::Doc;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// How long a node may be silent, with the pause between two heartbeats.
const GRACE: Duration = Duration::from_secs(40);
const HEARTBEAT: Duration = Duration::from_secs(10);

fn within(took: Duration, least: Duration, most: Duration, what: &str) {
    assert!(
        took >= least.saturating_sub(Duration::from_secs(1)) && took <= most,
        "{what} after {took:?}, not {least:?} to {most:?}"
    );
}

fn on<'a>(pods: &'a [Doc], node: &str) -> Vec<&'a Doc> {
    pods.iter().filter(|pod| pod["spec"]["nodeName"] == node).collect()
}

/// A node falls silent: it is found out, traffic leaves its pods at once, and when they have tolerated it long enough they are replaced on
/// other nodes. When it comes back it gives up the pods that are no longer wanted.
pub async fn a_lost_node_is_replaced(stage: &impl Acts, lost: &str, replicas: usize) {
    stage.deploy(replicas, stage.template("v1", 1), json!({})).await;
    stage.rolled_out(replicas).await;
    let (mut nodes, mut pods, mut slices) = (stage.follow(NODES).await, stage.follow(PODS).await, stage.follow(SLICES).await);
    let there = stage.pods_on(lost).await;
    assert!(!there.is_empty(), "a story about a node without pods");
    let silent = Instant::now();
    stage.silence(lost);

    nodes
        .until("a node of unknown state", |nodes| named(nodes, lost).is_some_and(|node| condition(node, "Ready") == "Unknown"))
        .await;
    within(silent.elapsed(), GRACE - HEARTBEAT, GRACE + stage.moment(), "unknown");
    let node =
        nodes.until("taints", |nodes| named(nodes, lost).is_some_and(|node| is_tainted(node, "unreachable", "NoExecute"))).await;
    let node = named(node, lost).expect("a node");
    assert!(is_tainted(node, "unreachable", "NoSchedule"), "{}", node["spec"]);
    let tainted = Instant::now();
    let left = replicas - there.len();
    slices.until("endpoints elsewhere only", |slices| ready_endpoints(slices).len() == left).await;
    within(tainted.elapsed(), Duration::ZERO, stage.moment(), "traffic left");

    let gone = |pods: &[Doc]| on(pods, lost).iter().all(|pod| is_leaving(pod));
    pods.until("evictions", gone).await;
    within(tainted.elapsed(), stage.tolerated(), stage.tolerated() + stage.moment(), "evicted");
    let elsewhere = |pods: &[Doc]| {
        let living = pods.iter().filter(|pod| !is_leaving(pod) && pod["spec"]["nodeName"] != lost);
        living.filter(|pod| condition(pod, "Ready") == "True").count()
    };
    pods.until("replacements", |pods| elsewhere(pods) == replicas).await;
    slices.until("their endpoints", |slices| ready_endpoints(slices).len() == replicas).await;

    stage.bring_back(lost);
    pods.until("the old pods' end", |pods| on(pods, lost).is_empty()).await;
    let well = |node: &Doc| condition(node, "Ready") == "True" && node["spec"]["taints"].as_array().is_none_or(Vec::is_empty);
    nodes.until("a node that is well", |nodes| named(nodes, lost).is_some_and(well)).await;
}

fn is_of(pod: &Doc, version: &str) -> bool {
    pod["spec"]["containers"][0]["image"].as_str().is_some_and(|image| image.ends_with(version))
}

fn ready(pods: &[Doc]) -> usize {
    pods.iter().filter(|pod| !is_leaving(pod) && condition(pod, "Ready") == "True").count()
}

/// A node is drained in the middle of a rolling update: the budget holds over both, and both come to their ends.
pub async fn a_drain_in_the_middle_of_a_rollout(stage: &impl Acts, drained: &str) {
    let (replicas, least) = (6, 5);
    let strategy = json!({"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}});
    let budget = json!({
        "metadata": {"name": "web"}, "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}},
    });
    stage.admin().create(BUDGETS, "default", budget).await.expect("a budget");
    stage.deploy(replicas, stage.template("v1", 7), strategy).await;
    stage.rolled_out(replicas).await;
    let mut budgets = stage.follow(BUDGETS).await;
    budgets
        .until("a budget that is known", |budgets| budgets.iter().any(|budget| budget["status"]["disruptionsAllowed"] == 1))
        .await;
    let mut pods = stage.follow(PODS).await;
    stage.patch(DEPLOYMENTS, "web", json!({"spec": {"template": stage.template("v2", 7)}})).await;
    stage.patch(NODES, drained, json!({"spec": {"unschedulable": true}})).await;
    let drain = async {
        // As kubectl does: again and again, five seconds after a refusal.
        loop {
            let left = stage.pods_on(drained).await;
            if left.is_empty() {
                return;
            }
            for pod in left {
                stage.evict(&pod).await;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    let updated = |pods: &[Doc]| {
        assert!(ready(pods) >= least, "{} ready pods are fewer than the budget's {least}", ready(pods));
        let new = |pod: &&Doc| is_of(pod, "v2") && condition(pod, "Ready") == "True";
        let at_home = |pod: &Doc| pod["spec"]["nodeName"] != drained;
        pods.len() == replicas && pods.iter().filter(new).count() == replicas && pods.iter().all(at_home)
    };
    tokio::join!(drain, pods.until("a rollout on the other nodes", updated));
    stage.rolled_out(replicas).await;
}
