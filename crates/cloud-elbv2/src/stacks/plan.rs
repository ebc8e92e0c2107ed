//! What is missing of a stack, decided purely from what is there. One round makes what can be made at once: listeners wait
//! for what they forward to.

use super::{Stack, StackGroup, StackListener};
use crate::attributes::{LOAD_BALANCER, beginning};
use crate::listeners::actions;
use crate::lookup::{name_of, text};
use crate::merge::replacing;
use crate::target_groups::{self, health_check};
use meta::Doc;
use serde_json::json;

/// The records of a stack that are not being deleted.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub balancers: Vec<Doc>,
    pub listeners: Vec<Doc>,
    pub groups: Vec<Doc>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    CreateGroup(usize),
    CreateBalancer,
    /// By its place in the stack, for the target group of this ARN.
    CreateListener(usize, String),
    AmendGroup(String, Doc),
    AmendBalancer(String, Doc),
    /// The subnets of the load balancer of this name are to be those of the stack.
    MoveBalancer(String),
    AmendListener(String, Doc),
    DeleteBalancer(Doc),
    DeleteListener(Doc),
    DeleteGroup(Doc),
}

/// What a stack was changed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    #[default]
    Nothing,
    /// Targets came or went.
    Targets,
    Configuration,
}

impl Step {
    pub fn change(&self) -> Change {
        match self {
            Self::AmendGroup(_, patch) if patch["spec"].as_object().is_some_and(|spec| spec.keys().eq(["targets"])) => {
                Change::Targets
            }
            _ => Change::Configuration,
        }
    }
}

impl Seen {
    /// The load balancer that is the stack's: what cannot be changed makes another one.
    pub fn balancer(&self, stack: &Stack) -> Option<&Doc> {
        self.balancers.iter().find(|record| is_it(stack, record))
    }
}

pub fn plan(stack: &Stack, seen: &Seen) -> Vec<Step> {
    let balancer = seen.balancer(stack);
    let others = seen.balancers.iter().filter(|record| !is_it(stack, record));
    let mut steps: Vec<Step> = others.cloned().map(Step::DeleteBalancer).collect();
    for (at, wanted) in stack.target_groups.iter().enumerate() {
        match group(seen, &wanted.name) {
            Some(record) => steps.extend(amended_group(wanted, record)),
            None => steps.push(Step::CreateGroup(at)),
        }
    }
    match balancer {
        Some(record) => {
            steps.extend(amended_balancer(stack, record));
            steps.extend(listeners(stack, seen, record));
        }
        None => steps.push(Step::CreateBalancer),
    }
    steps.extend(unused_groups(stack, seen).map(Step::DeleteGroup));
    steps
}

fn is_it(stack: &Stack, record: &Doc) -> bool {
    let vpc = stack.subnets.first().map(|subnet| &subnet["vpcId"]);
    let spec = &record["spec"];
    spec["name"] == stack.name.as_str() && spec["scheme"] == stack.scheme.as_str() && Some(&spec["vpcId"]) == vpc
}

fn group<'a>(seen: &'a Seen, name: &str) -> Option<&'a Doc> {
    seen.groups.iter().find(|record| record["spec"]["name"] == name)
}

/// The patch of those members of a record that are not as wanted.
fn difference(record: &Doc, wanted: Doc) -> Option<Doc> {
    let mut spec = serde_json::Map::new();
    for (member, next) in wanted.as_object().into_iter().flatten() {
        let present = &record["spec"][member];
        if present != next {
            let patch = if next.is_object() { replacing(present, next.clone()) } else { next.clone() };
            spec.insert(member.clone(), patch);
        }
    }
    (!spec.is_empty()).then(|| json!({"metadata": {"uid": record["metadata"]["uid"]}, "spec": spec}))
}

fn amended_group(wanted: &StackGroup, record: &Doc) -> Option<Step> {
    let attributes = target_groups::attributes(&wanted.target_type, &wanted.protocol, &wanted.attributes);
    let next = json!({
        "healthCheck": health_check::completed(wanted.health_check.clone()), "attributes": attributes, "tags": wanted.tags,
        "targets": wanted.targets,
    });
    difference(record, next).map(|patch| Step::AmendGroup(name_of(record).to_owned(), patch))
}

fn amended_balancer(stack: &Stack, record: &Doc) -> Vec<Step> {
    let name = || name_of(record).to_owned();
    let next = json!({"attributes": beginning(LOAD_BALANCER, stack.attributes.clone()), "tags": stack.tags});
    let amended = difference(record, next).map(|patch| Step::AmendBalancer(name(), patch));
    let subnets: Vec<&Doc> = stack.subnets.iter().map(|subnet| &subnet["subnetId"]).collect();
    let moved = (record["spec"]["subnets"] != json!(subnets)).then(|| Step::MoveBalancer(name()));
    amended.into_iter().chain(moved).collect()
}

/// Those that are wanted no more go first: another may have their port.
fn listeners(stack: &Stack, seen: &Seen, balancer: &Doc) -> Vec<Step> {
    let own: Vec<&Doc> = seen.listeners.iter().filter(|one| one["spec"]["loadBalancer"] == *name_of(balancer)).collect();
    let wanted = |record: &&&Doc| stack.listeners.iter().any(|listener| record["spec"]["port"] == listener.port);
    let mut steps: Vec<Step> =
        own.iter().filter(|record| !wanted(record)).map(|record| Step::DeleteListener((*record).clone())).collect();
    for (at, listener) in stack.listeners.iter().enumerate() {
        let Some(group) = group(seen, &stack.target_groups[listener.target_group].name) else { continue };
        let arn = text(&group["spec"]["arn"]);
        match own.iter().find(|record| record["spec"]["port"] == listener.port) {
            Some(record) => steps.extend(amended_listener(listener, record, arn)),
            None => steps.push(Step::CreateListener(at, arn.to_owned())),
        }
    }
    steps
}

fn amended_listener(wanted: &StackListener, record: &Doc, arn: &str) -> Option<Step> {
    let next = json!({"protocol": wanted.protocol, "defaultActions": actions(arn), "tags": wanted.tags});
    difference(record, next).map(|patch| Step::AmendListener(name_of(record).to_owned(), patch))
}

/// Groups that neither the stack nor a listener needs.
fn unused_groups(stack: &Stack, seen: &Seen) -> impl Iterator<Item = Doc> {
    let wanted = |record: &&Doc| stack.target_groups.iter().any(|group| record["spec"]["name"] == group.name.as_str());
    let used = |record: &&Doc| {
        let arn = text(&record["spec"]["arn"]);
        seen.listeners.iter().any(|listener| crate::lookup::forwards_to(listener, arn))
    };
    seen.groups.iter().filter(move |record| !wanted(record) && !used(record)).cloned()
}

#[cfg(test)]
mod tests;
