//! The status of a node group, decided purely from its instances and nodes.

use super::plan::{Seen, Step};
use super::states::NodegroupStatus;
use super::{health, node};
use meta::{Doc, Time};
use serde_json::json;

/// How long instances have to become nodes before a group counts as failed; EKS waits about as long.
const PATIENCE_SECONDS: i64 = 15 * 60;

/// How a group stands.
#[derive(Debug)]
pub struct Standing {
    ready: usize,
    /// As many Ready nodes as are wanted, and no instance more.
    settled: bool,
    issues: Vec<Doc>,
    /// Seconds until patience ends; `None` when nothing is waited for, 0 when it has ended.
    patience: Option<u64>,
}

impl Standing {
    pub fn of(seen: &Seen, live: &[&Doc], desired: usize) -> Self {
        let node = |instance: &Doc| seen.nodes.as_ref().and_then(|nodes| node::of(nodes, instance));
        let is_ready = |instance: &&&Doc| node(instance).is_some_and(node::is_ready);
        let ready = live.iter().filter(is_ready).count();
        let settled = live.len() == desired && ready == desired && (seen.nodes.is_some() || desired == 0);
        let mut issues = health::issues(live);
        let late: Vec<&Doc> = live.iter().filter(|instance| !is_ready(instance)).copied().collect();
        let patience = late.iter().filter_map(|instance| left(instance, seen.now)).max();
        let running: Vec<&Doc> = late.into_iter().filter(|instance| instance["status"]["state"] == "running").collect();
        if patience == Some(0) && issues.is_empty() && !running.is_empty() && seen.nodes.is_some() {
            issues.push(health::not_joined(&running));
        }
        Self { ready, settled, issues, patience }
    }

    fn hopeless(&self) -> bool {
        health::is_final(&self.issues) || (self.patience == Some(0) && !self.issues.is_empty())
    }
}

fn left(instance: &Doc, now: Time) -> Option<u64> {
    let launched = instance["spec"]["launchTime"].as_str().and_then(Time::parse)?;
    u64::try_from((PATIENCE_SECONDS - now.seconds_since(launched)).max(0)).ok()
}

/// The status if it is not what the record says, the updates that have ended, and when to look again.
pub fn steps(seen: &Seen, standing: &Standing) -> Vec<Step> {
    let before = NodegroupStatus::of(&seen.nodegroup);
    let mut steps = Vec::new();
    let updating = !seen.updates.is_empty();
    let ended = updating && (standing.settled || standing.hopeless());
    if ended {
        let errors = if standing.settled { Vec::new() } else { errors(&standing.issues) };
        let finish = |name: &String| Step::FinishUpdate { name: name.clone(), errors: errors.clone() };
        steps.extend(seen.updates.iter().map(finish));
    }
    let next = match before {
        NodegroupStatus::Creating if standing.settled => NodegroupStatus::Active,
        NodegroupStatus::Creating if standing.hopeless() => NodegroupStatus::CreateFailed,
        NodegroupStatus::Creating => NodegroupStatus::Creating,
        _ if updating && !ended => NodegroupStatus::Updating,
        _ if standing.issues.is_empty() => NodegroupStatus::Active,
        _ => NodegroupStatus::Degraded,
    };
    let status = json!({"phase": next.as_str(), "readyNodes": standing.ready, "issues": standing.issues});
    let known = &seen.nodegroup["status"];
    if ["phase", "readyNodes", "issues"].iter().any(|member| known[member] != status[member]) {
        steps.push(Step::Status(status));
    }
    if let Some(seconds @ 1..) = standing.patience.filter(|_| !standing.settled) {
        steps.push(Step::Wait(seconds));
    }
    steps
}

/// Issues of a group as errors of an update, which has codes of its own.
fn errors(issues: &[Doc]) -> Vec<Doc> {
    let code = |issue: &Doc| match issue["code"].as_str() {
        Some("Ec2SubnetNotFound") => json!("SubnetNotFound"),
        Some("InsufficientFreeAddresses" | "NodeCreationFailure") => issue["code"].clone(),
        _ => json!("Unknown"),
    };
    let error =
        |issue: &Doc| json!({"errorCode": code(issue), "errorMessage": issue["message"], "resourceIds": issue["resourceIds"]});
    issues.iter().map(error).collect()
}
