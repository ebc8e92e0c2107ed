//! `containerStatuses` (kubernetes pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses).

use super::Facts;
use crate::pod::{ContainerKind, ContainerView, PodView, RestartPolicy, items};
use crate::pods::observed::{IMAGE_REF, IMAGE_SHOWN, time_of};
use meta::Doc;
use runtime::cri::{ContainerState, ContainerStatus};
use serde_json::json;

pub const LISTS: [(&str, ContainerKind); 3] = [
    ("initContainerStatuses", ContainerKind::Init),
    ("containerStatuses", ContainerKind::App),
    ("ephemeralContainerStatuses", ContainerKind::Ephemeral),
];

/// The status of a container that an API document holds, or null.
pub fn find<'a>(status: &'a Doc, name: &str) -> &'a Doc {
    let mut all = LISTS.iter().flat_map(|(list, _)| items(&status[*list]));
    all.find(|container| container["name"] == name).unwrap_or(&Doc::Null)
}

/// How often a container was started, as far as the API knows.
pub fn attempts_known(pod: &PodView, name: &str) -> u32 {
    let known = find(pod.status(), name);
    let count = known["restartCount"].as_u64().unwrap_or(0) as u32;
    if ever_ran(known) { count + 1 } else { count }
}

fn ever_ran(known: &Doc) -> bool {
    let has = |state: &Doc| state["running"].is_object() || state["terminated"].is_object();
    has(&known["state"]) || has(&known["lastState"])
}

pub fn all(facts: &Facts<'_>, kind: ContainerKind) -> Vec<Doc> {
    let of_kind = facts.pod.all_containers().filter(|container| container.kind() == kind);
    of_kind.map(|container| one(facts, container)).collect()
}

fn one(facts: &Facts<'_>, container: ContainerView<'_>) -> Doc {
    let name = container.name();
    let Some(newest) = facts.runtime.newest(name) else { return forgotten(facts, container) };
    let reason = facts.reasons.get(name);
    let (state, last) = match reason {
        Some((reason, message)) if newest.state == ContainerState::Exited && will_restart(facts, container, newest) => {
            (waiting(reason, message), state_of(facts, newest))
        }
        _ => (state_of(facts, newest), facts.runtime.previous(name).map_or(json!({}), |status| state_of(facts, status))),
    };
    let annotation = |key: &str| newest.config.annotations.get(key).cloned();
    let mut doc = json!({
        "name": name, "state": state, "lastState": last, "restartCount": newest.config.attempt,
        "image": annotation(IMAGE_SHOWN).unwrap_or_else(|| container.image().to_owned()),
        "imageID": annotation(IMAGE_REF).unwrap_or_else(|| newest.config.image.id.clone()),
        "containerID": container_id(newest),
        "ready": ready(facts, container, newest),
    });
    if container.kind() == ContainerKind::App || container.is_sidecar() {
        doc["started"] = started(facts, container, newest).into();
    } else {
        doc["started"] = (newest.state == ContainerState::Running).into();
    }
    doc
}

fn started(facts: &Facts<'_>, container: ContainerView<'_>, status: &ContainerStatus) -> bool {
    !facts.starting.contains(&status.config.id) && facts.probes.started(container, status)
}

fn ready(facts: &Facts<'_>, container: ContainerView<'_>, status: &ContainerStatus) -> bool {
    match container.kind() {
        ContainerKind::Init if !container.is_sidecar() => status.state == ContainerState::Exited && status.exit_code == 0,
        ContainerKind::Ephemeral => false,
        _ => !facts.starting.contains(&status.config.id) && facts.probes.ready(container, status),
    }
}

fn will_restart(facts: &Facts<'_>, container: ContainerView<'_>, status: &ContainerStatus) -> bool {
    if facts.ending {
        return false;
    }
    match container.restart_policy(facts.pod.restart_policy()) {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => status.exit_code != 0,
        RestartPolicy::Never => false,
    }
}

/// Of a container that the runtime does not know (yet, or any more).
fn forgotten(facts: &Facts<'_>, container: ContainerView<'_>) -> Doc {
    let known = find(facts.pod.status(), container.name());
    if known["state"]["terminated"].is_object() {
        return known.clone();
    }
    let default = match facts.pod.init_containers().next() {
        Some(_) => "PodInitializing",
        None => "ContainerCreating",
    };
    let state = match facts.reasons.get(container.name()) {
        Some((reason, message)) => waiting(reason, message),
        None if facts.ending => lost(""),
        None => waiting(default, ""),
    };
    let ran = known["state"]["running"].is_object();
    let last = if ran {
        lost("The container could not be located when the pod was deleted.  The container used to be Running")
    } else {
        json!({})
    };
    json!({
        "name": container.name(), "state": state, "lastState": last, "image": container.image(), "imageID": "",
        "restartCount": known["restartCount"].as_u64().unwrap_or(0) + u64::from(ran), "ready": false, "started": false,
    })
}

fn lost(message: &str) -> Doc {
    let message = if message.is_empty() { "The container could not be located when the pod was terminated" } else { message };
    json!({ "terminated": { "exitCode": 137, "reason": "ContainerStatusUnknown", "message": message, "startedAt": null, "finishedAt": null } })
}

fn waiting(reason: &str, message: &str) -> Doc {
    match message {
        "" => json!({ "waiting": { "reason": reason } }),
        _ => json!({ "waiting": { "reason": reason, "message": message } }),
    }
}

pub fn container_id(status: &ContainerStatus) -> String {
    format!("pilothouse://{}", status.config.id)
}

fn state_of(facts: &Facts<'_>, status: &ContainerStatus) -> Doc {
    match status.state {
        ContainerState::Created => waiting("ContainerCreating", ""),
        ContainerState::Running => json!({ "running": { "startedAt": time_of(status.started_at_ns).to_string() } }),
        ContainerState::Exited => terminated(facts, status),
    }
}

fn terminated(facts: &Facts<'_>, status: &ContainerStatus) -> Doc {
    let reason = match status.reason.as_str() {
        "" if status.exit_code == 0 => "Completed",
        "" => "Error",
        reason => reason,
    };
    let mut doc = json!({
        "exitCode": status.exit_code, "reason": reason,
        "startedAt": time_of(status.started_at_ns).to_string(), "finishedAt": time_of(status.finished_at_ns).to_string(),
        "containerID": container_id(status),
    });
    let message = facts.messages.get(&status.config.id).filter(|message| !message.is_empty()).unwrap_or(&status.message);
    if !message.is_empty() {
        doc["message"] = message.as_str().into();
    }
    json!({ "terminated": doc })
}
