//! What to do about an instance, decided purely from what is there.

use crate::interfaces::has_finalizer;
use crate::records::{AGENT_INSTANCE_FINALIZER, INSTANCE_FINALIZER};
use meta::{Doc, Time};
use serde_json::json;

/// How long EC2 goes on describing an instance that is terminated.
pub const KEPT_SECONDS: i64 = 3600;

/// `instance-state-name` of EC2, from `status.state` of the record, which the agent writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing runs yet. Out: Running, or ShuttingDown when it is to be terminated.
    Pending,
    /// Out: ShuttingDown.
    Running,
    /// It is to be terminated, or the agent is at it. Out: Terminated.
    ShuttingDown,
    /// Nothing of it is left. Out: the record goes after an hour.
    Terminated,
}

impl State {
    /// A state is what the agent has seen, but a client that has asked for termination never sees it running again.
    pub fn of(record: &Doc) -> Self {
        let asked = record["spec"]["terminate"] == true || !record["metadata"]["deletionTimestamp"].is_null();
        match record["status"]["state"].as_str() {
            Some("terminated") => Self::Terminated,
            _ if asked => Self::ShuttingDown,
            Some("shutting-down") => Self::ShuttingDown,
            Some("running") => Self::Running,
            _ => Self::Pending,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// EC2's number for it.
    pub fn code(self) -> u32 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
        }
    }
}

/// All that a decision may look at.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The Instance record.
    pub instance: Doc,
    /// The records of the interfaces attached to it.
    pub interfaces: Vec<Doc>,
    pub now: Time,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    CreateInterface,
    /// A merge patch of the status.
    Status(Doc),
    DeleteInterface(String),
    /// It stays, attached to nothing.
    DetachInterface(String),
    /// The record has been kept long enough.
    Delete,
    /// Look again after so many seconds.
    Wait(u64),
    /// Lets the record go.
    Release,
}

pub fn plan(seen: &Seen) -> Vec<Step> {
    let record = &seen.instance;
    let deleting = !record["metadata"]["deletionTimestamp"].is_null();
    let held = has_finalizer(record, AGENT_INSTANCE_FINALIZER);
    match State::of(record) {
        _ if deleting && !held => gone(seen),
        State::Terminated => terminated(seen),
        // What was never launched needs no network any more.
        State::ShuttingDown => Vec::new(),
        State::Pending | State::Running => launched(seen),
    }
}

fn launched(seen: &Seen) -> Vec<Step> {
    let id = &seen.instance["spec"]["networkInterfaceId"];
    let Some(primary) = seen.interfaces.iter().find(|interface| interface["metadata"]["name"] == *id) else {
        return vec![Step::CreateInterface];
    };
    let status = &seen.instance["status"];
    let address = &primary["status"]["privateIpAddresses"][0];
    let mut patch = json!({});
    if address.is_object() {
        let network = json!({
            "networkInterfaceId": id, "privateIpAddress": address["privateIpAddress"], "privateDnsName": address["privateDnsName"],
        });
        if status["network"] != network {
            patch["network"] = network;
        }
    }
    if status["issue"] != primary["status"]["issue"] {
        patch["issue"] = primary["status"]["issue"].clone();
    }
    match patch.as_object().is_some_and(serde_json::Map::is_empty) {
        true => Vec::new(),
        false => vec![Step::Status(patch)],
    }
}

fn parted(seen: &Seen) -> Vec<Step> {
    let name = |interface: &Doc| interface["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let present = seen.interfaces.iter().filter(|interface| interface["metadata"]["deletionTimestamp"].is_null());
    let steps = present.map(|interface| match interface["spec"]["attachment"]["deleteOnTermination"] == true {
        true => Step::DeleteInterface(name(interface)),
        false => Step::DetachInterface(name(interface)),
    });
    steps.collect()
}

fn terminated(seen: &Seen) -> Vec<Step> {
    let mut steps = parted(seen);
    match seen.instance["status"]["terminatedTime"].as_str().and_then(Time::parse) {
        None => steps.push(Step::Status(json!({"terminatedTime": seen.now.to_string()}))),
        Some(at) => match KEPT_SECONDS - seen.now.seconds_since(at) {
            left @ 1.. => steps.push(Step::Wait(left.unsigned_abs())),
            _ => steps.push(Step::Delete),
        },
    }
    steps
}

fn gone(seen: &Seen) -> Vec<Step> {
    let mut steps = parted(seen);
    if has_finalizer(&seen.instance, INSTANCE_FINALIZER) {
        steps.push(Step::Release);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(deleting: bool, finalizers: &[&str], terminate: bool, status: Doc) -> Doc {
        json!({
            "metadata": {"deletionTimestamp": deleting.then_some("x"), "finalizers": finalizers},
            "spec": {"networkInterfaceId": "eni-1", "terminate": terminate}, "status": status,
        })
    }

    fn interface(name: &str, delete: bool, status: Doc) -> Doc {
        json!({"metadata": {"name": name}, "spec": {"attachment": {"deleteOnTermination": delete}}, "status": status})
    }

    fn steps(instance: Doc, interfaces: Vec<Doc>) -> Vec<Step> {
        plan(&Seen { instance, interfaces, now: Time::from_unix(10_000) })
    }

    #[test]
    fn an_instance_gets_its_network() {
        let fresh = |status: Doc| instance(false, &[AGENT_INSTANCE_FINALIZER, INSTANCE_FINALIZER], false, status);
        assert_eq!(steps(fresh(json!({})), vec![]), [Step::CreateInterface]);
        assert_eq!(steps(fresh(json!({})), vec![interface("eni-1", true, json!({}))]), []);
        let ready =
            interface("eni-1", true, json!({"privateIpAddresses": [{"privateIpAddress": "10.0.0.4", "privateDnsName": "ip"}]}));
        let network = json!({"networkInterfaceId": "eni-1", "privateIpAddress": "10.0.0.4", "privateDnsName": "ip"});
        assert_eq!(steps(fresh(json!({})), vec![ready.clone()]), [Step::Status(json!({"network": network}))]);
        assert_eq!(steps(fresh(json!({"network": network, "state": "running"})), vec![ready.clone()]), []);
        let full = json!({"code": "InsufficientFreeAddressesInSubnet", "message": "m"});
        let starved = interface("eni-1", true, json!({"issue": full}));
        assert_eq!(steps(fresh(json!({})), vec![starved.clone()]), [Step::Status(json!({"issue": full}))]);
        assert_eq!(steps(fresh(json!({"issue": full})), vec![starved]), []);
        let healed = steps(fresh(json!({"issue": full, "network": network})), vec![ready]);
        assert_eq!(healed, [Step::Status(json!({"issue": null}))]);
    }

    #[test]
    fn termination_takes_the_interfaces_along() {
        let held = [AGENT_INSTANCE_FINALIZER, INSTANCE_FINALIZER];
        let interfaces = || vec![interface("eni-1", true, json!({})), interface("eni-2", false, json!({}))];
        let parted = [Step::DeleteInterface("eni-1".into()), Step::DetachInterface("eni-2".into())];
        assert_eq!(steps(instance(false, &held, true, json!({"state": "running"})), interfaces()), []);
        assert_eq!(steps(instance(false, &held, true, json!({})), vec![]), [], "never launched");
        let now = Time::from_unix(10_000).to_string();
        let noted = steps(instance(false, &held[1..], true, json!({"state": "terminated"})), interfaces());
        assert_eq!(noted, [&parted[..], &[Step::Status(json!({"terminatedTime": now}))]].concat());
        for (at, last) in [(9_000, Step::Wait(2600)), (6_400, Step::Delete), (0, Step::Delete)] {
            let status = json!({"state": "terminated", "terminatedTime": Time::from_unix(at).to_string()});
            assert_eq!(steps(instance(false, &held[1..], true, status), vec![]), [last], "{at}");
        }
        let deleted = steps(instance(true, &held[1..], true, json!({"state": "terminated"})), interfaces());
        assert_eq!(deleted, [&parted[..], &[Step::Release]].concat());
        assert_eq!(steps(instance(true, &held, false, json!({"state": "running"})), interfaces()), []);
    }

    #[test]
    fn states_have_ec2s_names_and_numbers() {
        for (terminate, state, expected) in [
            (false, "", (State::Pending, "pending", 0)),
            (false, "running", (State::Running, "running", 16)),
            (true, "running", (State::ShuttingDown, "shutting-down", 32)),
            (true, "", (State::ShuttingDown, "shutting-down", 32)),
            (true, "terminated", (State::Terminated, "terminated", 48)),
        ] {
            let state = State::of(&instance(false, &[], terminate, json!({"state": state})));
            assert_eq!((state, state.as_str(), state.code()), expected);
        }
    }
}
