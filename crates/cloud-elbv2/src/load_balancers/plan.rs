//! What to do about a load balancer, decided purely from what is there.

use super::states::State;
use crate::lookup::{is_live, name_of, text};
use crate::records::AGENT_FINALIZER;
use meta::Doc;
use serde_json::json;

/// All that a decision may look at.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The LoadBalancer record.
    pub balancer: Doc,
    /// The records of its interfaces, also of those that it wants no more.
    pub interfaces: Vec<Doc>,
    /// Its listeners; looked at when it is being deleted.
    pub listeners: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Its loopback address, and with it the host that makes it true.
    TakeLoopback,
    /// By its place in `spec.availabilityZones`.
    CreateInterface(usize),
    DeleteInterface(String),
    /// A merge patch of the status.
    Status(Doc),
    DeleteListener(String),
    /// Gives back its names, ports and loopback address, and lets the record go.
    Release,
}

pub fn plan(seen: &Seen) -> Vec<Step> {
    if is_live(&seen.balancer) { present(seen) } else { deleting(seen) }
}

fn present(seen: &Seen) -> Vec<Step> {
    let mut steps = Vec::new();
    if text(&seen.balancer["spec"]["loopback"]).is_empty() {
        steps.push(Step::TakeLoopback);
    }
    let missing = zones(seen).enumerate().filter(|(_, zone)| interface(seen, zone).is_none());
    steps.extend(missing.map(|(at, _)| Step::CreateInterface(at)));
    let wanted = |name: &str| zones(seen).any(|zone| zone["networkInterfaceId"] == name);
    let unwanted = seen.interfaces.iter().filter(|interface| is_live(interface) && !wanted(name_of(interface)));
    steps.extend(unwanted.map(|interface| Step::DeleteInterface(name_of(interface).to_owned())));
    let next = status(seen);
    let same = |member: &str| seen.balancer["status"][member] == next[member];
    if !["phase", "message", "addresses"].into_iter().all(same) {
        steps.push(Step::Status(next));
    }
    steps
}

fn zones(seen: &Seen) -> impl Iterator<Item = &Doc> {
    seen.balancer["spec"]["availabilityZones"].as_array().into_iter().flatten()
}

fn interface<'a>(seen: &'a Seen, zone: &Doc) -> Option<&'a Doc> {
    seen.interfaces.iter().find(|interface| interface["metadata"]["name"] == zone["networkInterfaceId"])
}

/// The status that its interfaces and its host make, without `realised`, which is the host's.
fn status(seen: &Seen) -> Doc {
    let address = |zone: &Doc| {
        let address = interface(seen, zone)?["status"]["privateIpAddresses"][0]["privateIpAddress"].clone();
        address.is_string().then(|| json!({"zoneName": zone["zoneName"], "privateIpAddress": address}))
    };
    let addresses: Vec<Doc> = zones(seen).filter_map(address).collect();
    let complete = addresses.len() == zones(seen).count() && seen.balancer["status"]["realised"] == true;
    let issue = seen.interfaces.iter().find_map(|interface| interface["status"]["issue"]["message"].as_str());
    let state = match (State::of(&seen.balancer), issue) {
        (State::Active, _) => State::Active,
        (_, Some(_)) => State::Failed,
        (State::Provisioning | State::Failed, None) if complete => State::Active,
        (State::Provisioning | State::Failed, None) => State::Provisioning,
    };
    let message = if state == State::Failed { issue.unwrap_or_default() } else { "" };
    json!({"phase": state.as_str(), "message": message, "addresses": addresses})
}

/// Traffic first, then what carries it, then what it is called.
fn deleting(seen: &Seen) -> Vec<Step> {
    let mut steps: Vec<Step> = seen.listeners.iter().cloned().map(Step::DeleteListener).collect();
    let finalizers = seen.balancer["metadata"]["finalizers"].as_array().into_iter().flatten();
    if { finalizers }.any(|finalizer| finalizer == AGENT_FINALIZER) {
        return steps;
    }
    let live = seen.interfaces.iter().filter(|interface| is_live(interface));
    steps.extend(live.map(|interface| Step::DeleteInterface(name_of(interface).to_owned())));
    if seen.interfaces.is_empty() {
        steps.push(Step::Release);
    }
    steps
}

#[cfg(test)]
mod tests;
