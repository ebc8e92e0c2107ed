//! What to do about a node group, decided purely from what is there.

use super::node::Nodes;
use super::states::NodegroupStatus;
use super::status::{self, Standing};
use super::{DRAINING_ANNOTATION, annotation, balance, name, node};
use crate::states::ClusterStatus;
use meta::{Doc, Time};

/// How long pods have to leave a node, as on EKS.
pub const DRAIN_SECONDS: i64 = 15 * 60;

/// All that a decision may look at.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The Nodegroup record.
    pub nodegroup: Doc,
    /// The Cluster record, unless it is gone or going.
    pub cluster: Option<Doc>,
    /// Specifications of the group's subnets.
    pub subnets: Vec<Doc>,
    /// Every Instance record of the group.
    pub instances: Vec<Doc>,
    /// The cluster's nodes that instances of the group may have become; `None` when its API cannot be asked.
    pub nodes: Option<Nodes>,
    /// Record names of the updates in progress.
    pub updates: Vec<String>,
    /// One of them that has no record yet.
    pub unmade: Option<Doc>,
    pub profile: bool,
    pub entry: bool,
    /// Another group of the cluster has the same node role.
    pub role_shared: bool,
    pub now: Time,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    CreateProfile,
    CreateEntry,
    CreateUpdate(Doc),
    Launch {
        subnet_id: String,
    },
    /// Drain its node, then terminate the instance.
    Retire(String),
    Terminate(String),
    DeleteNode(String),
    PatchNode {
        name: String,
        patch: Doc,
    },
    /// A merge patch of the status.
    Status(Doc),
    FinishUpdate {
        name: String,
        errors: Vec<Doc>,
    },
    /// Look again after so many seconds.
    Wait(u64),
    DeleteEntry,
    DeleteProfile,
    /// The cluster is going, and the group with it.
    Delete,
    /// Lets the record go.
    Release,
}

pub fn is_terminated(instance: &Doc) -> bool {
    instance["status"]["state"] == "terminated"
}

/// Nobody has asked for its end.
pub fn is_live(instance: &Doc) -> bool {
    !is_terminated(instance)
        && instance["spec"]["terminate"] != true
        && instance["metadata"]["deletionTimestamp"].is_null()
        && !matches!(instance["status"]["state"].as_str(), Some("shutting-down"))
        && !is_draining(instance)
}

fn is_draining(instance: &Doc) -> bool {
    annotation(instance, DRAINING_ANNOTATION).is_some()
}

/// A node is to go although its instance has not been asked to yet.
fn is_leaving(instance: &&Doc) -> bool {
    is_draining(instance) && instance["spec"]["terminate"] != true && !is_terminated(instance)
}

pub fn plan(seen: &Seen) -> Vec<Step> {
    match NodegroupStatus::of(&seen.nodegroup) {
        NodegroupStatus::Deleting => deleting(seen),
        _ if seen.cluster.is_none() => vec![Step::Delete],
        NodegroupStatus::CreateFailed => forgotten_nodes(seen),
        NodegroupStatus::Creating | NodegroupStatus::Active | NodegroupStatus::Updating | NodegroupStatus::Degraded => {
            wanted(seen)
        }
    }
}

fn wanted(seen: &Seen) -> Vec<Step> {
    let mut steps: Vec<Step> = seen.unmade.iter().cloned().map(Step::CreateUpdate).collect();
    if !seen.profile {
        steps.push(Step::CreateProfile);
    }
    if !seen.entry {
        steps.push(Step::CreateEntry);
    }
    let live: Vec<&Doc> = seen.instances.iter().filter(|instance| is_live(instance)).collect();
    let desired = desired(&seen.nodegroup);
    if live.len() < desired {
        let subnets = balance::launch(&seen.subnets, &live, desired - live.len());
        steps.extend(subnets.into_iter().map(|subnet_id| Step::Launch { subnet_id: subnet_id.to_owned() }));
    }
    let leaving = seen.instances.iter().filter(is_leaving).map(|instance| name(instance).to_owned());
    steps.extend(leaving.map(Step::Retire));
    if live.len() > desired {
        steps.extend(balance::retire(&live, live.len() - desired).into_iter().map(Step::Retire));
    }
    steps.extend(forgotten_nodes(seen));
    steps.extend(node_patches(seen, &live));
    let standing = Standing::of(seen, &live, desired);
    steps.extend(status::steps(seen, &standing));
    steps
}

pub fn desired(nodegroup: &Doc) -> usize {
    let size = nodegroup["spec"]["scalingConfig"]["desiredSize"].as_u64().unwrap_or(0);
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Nodes of instances that are no more, as the cloud's node lifecycle controller removes them.
fn forgotten_nodes(seen: &Seen) -> Vec<Step> {
    let Some(nodes) = &seen.nodes else { return Vec::new() };
    let ended = seen.instances.iter().filter(|instance| is_terminated(instance));
    // Only by provider id: a node that has not said whose it is may be another's under the same name.
    let ended = ended.filter_map(|instance| node::of(nodes, instance)).filter(|node| node["spec"]["providerID"].is_string());
    let mut names: Vec<String> = ended.map(|node| name(node).to_owned()).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(Step::DeleteNode).collect()
}

fn node_patches(seen: &Seen, live: &[&Doc]) -> Vec<Step> {
    let Some(nodes) = &seen.nodes else { return Vec::new() };
    let own = live.iter().filter_map(|instance| node::of(nodes, instance));
    let patches = own.filter_map(|node| {
        let patch = node::patch(node, &seen.nodegroup)?;
        Some(Step::PatchNode { name: name(node).to_owned(), patch })
    });
    patches.collect()
}

/// Seconds for which a control plane that does not answer is waited for: it may just be starting.
fn patience(seen: &Seen) -> Option<u64> {
    let expected = seen.cluster.as_ref().is_some_and(|cluster| ClusterStatus::of(cluster) == ClusterStatus::Active);
    if seen.nodes.is_some() || !expected {
        return None;
    }
    let since = Time::parse(seen.nodegroup["metadata"]["deletionTimestamp"].as_str()?)?;
    u64::try_from(DRAIN_SECONDS - seen.now.seconds_since(since)).ok().filter(|seconds| *seconds > 0)
}

/// Pods are asked to leave as long as there is a cluster to ask; then the instances go, then what was made for them.
fn deleting(seen: &Seen) -> Vec<Step> {
    if let Some(seconds) = patience(seen) {
        return vec![Step::Wait(seconds)];
    }
    let left: Vec<&Doc> = seen.instances.iter().filter(|instance| !is_terminated(instance)).collect();
    let mut steps: Vec<Step> = left
        .iter()
        .filter(|instance| instance["spec"]["terminate"] != true)
        .map(|instance| match seen.nodes {
            Some(_) => Step::Retire(name(instance).to_owned()),
            None => Step::Terminate(name(instance).to_owned()),
        })
        .collect();
    steps.extend(forgotten_nodes(seen));
    if !left.is_empty() {
        return steps;
    }
    if seen.entry && !seen.role_shared {
        steps.push(Step::DeleteEntry);
    }
    if seen.profile {
        steps.push(Step::DeleteProfile);
    }
    steps.extend(seen.updates.iter().map(|update| Step::FinishUpdate { name: update.clone(), errors: Vec::new() }));
    steps.push(Step::Release);
    steps
}

#[cfg(test)]
mod tests;
