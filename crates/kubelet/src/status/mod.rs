//! A pod's status: pure functions of the pod and the runtime, and the writer that brings it to the API.

pub mod conditions;
pub mod containers;
pub mod phase;
pub mod writer;

pub use containers::attempts_known;

use crate::pod::{PodView, QosClass, items};
use crate::pods::observed::{Observed, Probes};
use meta::{Doc, Time};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Why a pod fails as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
    pub message: String,
    /// For the node's sake, not by its own fault.
    pub disruption: bool,
}

/// All that a status is made of.
pub struct Facts<'a> {
    pub pod: &'a PodView,
    pub runtime: &'a Observed,
    pub probes: &'a Probes,
    /// Why a container waits: reason and message, by name.
    pub reasons: &'a HashMap<String, (String, String)>,
    /// What ended containers left to say, by id.
    pub messages: &'a HashMap<String, String>,
    /// Ids of containers whose postStart hook has not returned.
    pub starting: &'a HashSet<String>,
    pub failure: Option<&'a Failure>,
    /// Nothing of the pod will be started any more.
    pub ending: bool,
    /// … and nothing runs any more.
    pub ended: bool,
    pub host_ips: &'a [IpAddr],
    pub start_time: Time,
    /// Conditions as last written.
    pub known: &'a [Doc],
    pub now: Time,
}

/// The fields of `status` that the kubelet owns, all of them: null where there is nothing.
pub fn generate(facts: &Facts<'_>) -> Doc {
    let pod = facts.pod;
    let mut status = json!({
        "observedGeneration": pod.generation(), "startTime": facts.start_time.to_string(), "qosClass": qos(pod.qos_class()),
    });
    for (list, kind) in containers::LISTS {
        let all = containers::all(facts, kind);
        status[list] = if all.is_empty() { Doc::Null } else { all.into() };
    }
    let phase = match facts.failure {
        Some(_) if facts.ended => "Failed",
        _ => phase::phase(pod, &status, facts.ended),
    };
    status["phase"] = phase.into();
    let kept = |field: &str| pod.status()[field].clone();
    status["reason"] = facts.failure.map_or_else(|| kept("reason"), |failure| failure.reason.as_str().into());
    status["message"] = facts.failure.map_or_else(|| kept("message"), |failure| failure.message.as_str().into());
    addresses(facts, &mut status);
    let network_ready = facts.runtime.ready_sandbox().is_some() && !facts.runtime.addresses.is_empty();
    let mut all = conditions::conditions(pod, &status, network_ready, facts.known, facts.now);
    all.extend(facts.failure.and_then(|failure| conditions::disruption(pod, failure, facts.known, facts.now)));
    status["conditions"] = all.into();
    status
}

fn addresses(facts: &Facts<'_>, status: &mut Doc) {
    let wrap = |addresses: &[IpAddr]| -> Doc { addresses.iter().map(|ip| json!({ "ip": ip })).collect::<Vec<_>>().into() };
    status["hostIP"] = facts.host_ips.first().map_or(Doc::Null, |ip| ip.to_string().into());
    status["hostIPs"] = if facts.host_ips.is_empty() { Doc::Null } else { wrap(facts.host_ips) };
    let (ip, ips) = match facts.runtime.addresses.first() {
        Some(first) => (Doc::from(first.to_string()), wrap(&facts.runtime.addresses)),
        // A pod that has ended keeps the address it had.
        None => (facts.pod.status()["podIP"].clone(), facts.pod.status()["podIPs"].clone()),
    };
    status["podIP"] = ip;
    status["podIPs"] = ips;
}

/// Of a pod that this node does not take.
pub fn rejected(pod: &PodView, failure: &Failure, now: Time) -> Doc {
    json!({
        "phase": "Failed", "reason": failure.reason, "message": failure.message, "startTime": now.to_string(),
        "qosClass": qos(pod.qos_class()), "observedGeneration": pod.generation(),
    })
}

fn qos(class: QosClass) -> &'static str {
    match class {
        QosClass::Guaranteed => "Guaranteed",
        QosClass::Burstable => "Burstable",
        QosClass::BestEffort => "BestEffort",
    }
}

/// The conditions of a status document.
pub fn known_conditions(status: &Doc) -> &[Doc] {
    items(&status["conditions"])
}
