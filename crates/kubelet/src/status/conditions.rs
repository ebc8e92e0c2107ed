//! Conditions of a pod that its kubelet owns (kubernetes pkg/kubelet/status/generate.go).

use super::Failure;
use super::containers::find;
use super::phase::has_started;
use crate::pod::{PodView, items};
use meta::{Doc, Time};
use serde_json::json;

struct Verdict {
    ok: bool,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn yes() -> Self {
        Self { ok: true, reason: "", message: String::new() }
    }
    fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { ok: false, reason, message: message.into() }
    }
}

/// The conditions, with the transition times of `known` where nothing changed.
pub fn conditions(pod: &PodView, status: &Doc, sandbox_ready: bool, known: &[Doc], now: Time) -> Vec<Doc> {
    let phase = status["phase"].as_str().unwrap_or("");
    let containers = containers_ready(pod, status, phase);
    let ready = if containers.ok { gates(pod, known) } else { Verdict::no(containers.reason, containers.message.clone()) };
    let network = if sandbox_ready { Verdict::yes() } else { Verdict::no("", "") };
    let all = [
        ("PodReadyToStartContainers", network),
        ("Initialized", initialized(pod, status, phase)),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", Verdict::yes()),
    ];
    all.into_iter().map(|(kind, verdict)| condition(pod, kind, verdict, known, now)).collect()
}

/// Says to owners that the pod was not to blame (kubernetes pkg/kubelet/eviction/eviction_manager.go).
pub fn disruption(pod: &PodView, failure: &Failure, known: &[Doc], now: Time) -> Option<Doc> {
    let verdict = Verdict { ok: true, reason: "TerminationByKubelet", message: failure.message.clone() };
    failure.disruption.then(|| condition(pod, "DisruptionTarget", verdict, known, now))
}

fn condition(pod: &PodView, kind: &str, verdict: Verdict, known: &[Doc], now: Time) -> Doc {
    let status = if verdict.ok { "True" } else { "False" };
    let before = known.iter().find(|condition| condition["type"] == kind && condition["status"] == status);
    let since = before.and_then(|condition| condition["lastTransitionTime"].as_str());
    let or_null = |text: &str| if text.is_empty() { Doc::Null } else { Doc::from(text) };
    json!({
        "type": kind, "status": status, "reason": or_null(verdict.reason), "message": or_null(&verdict.message),
        "lastProbeTime": null, "lastTransitionTime": since.map_or_else(|| now.to_string(), str::to_owned),
        "observedGeneration": pod.generation(),
    })
}

/// Go prints a list of names as `[a b]`.
fn listed(what: &str, names: &[&str]) -> Option<String> {
    (!names.is_empty()).then(|| format!("containers with {what}: [{}]", names.join(" ")))
}

fn containers_ready(pod: &PodView, status: &Doc, phase: &str) -> Verdict {
    match phase {
        "Succeeded" => return Verdict::no("PodCompleted", ""),
        "Failed" => return Verdict::no("PodFailed", ""),
        _ => {}
    }
    let lasting = pod.init_containers().filter(|container| container.is_sidecar()).chain(pod.containers());
    let (mut unknown, mut unready) = (Vec::new(), Vec::new());
    for container in lasting {
        match &find(status, container.name())["ready"] {
            Doc::Bool(true) => {}
            Doc::Bool(false) => unready.push(container.name()),
            _ => unknown.push(container.name()),
        }
    }
    let parts: Vec<String> =
        [listed("unknown status", &unknown), listed("unready status", &unready)].into_iter().flatten().collect();
    if parts.is_empty() { Verdict::yes() } else { Verdict::no("ContainersNotReady", parts.join(", ")) }
}

fn initialized(pod: &PodView, status: &Doc, phase: &str) -> Verdict {
    let (mut unknown, mut incomplete) = (Vec::new(), Vec::new());
    for container in pod.init_containers() {
        let known = find(status, container.name());
        let done = if container.is_sidecar() { &known["started"] } else { &known["ready"] };
        match done {
            Doc::Bool(true) => {}
            Doc::Bool(false) => incomplete.push(container.name()),
            _ => unknown.push(container.name()),
        }
    }
    if phase == "Succeeded" && unknown.is_empty() {
        return Verdict { reason: "PodCompleted", ..Verdict::yes() };
    }
    if has_started(pod, status) {
        return Verdict::yes();
    }
    let parts: Vec<String> =
        [listed("unknown status", &unknown), listed("incomplete status", &incomplete)].into_iter().flatten().collect();
    if parts.is_empty() { Verdict::yes() } else { Verdict::no("ContainersNotInitialized", parts.join(", ")) }
}

fn gates(pod: &PodView, known: &[Doc]) -> Verdict {
    let messages: Vec<String> = items(&pod.spec()["readinessGates"])
        .iter()
        .filter_map(|gate| {
            let kind = gate["conditionType"].as_str()?;
            match known.iter().find(|condition| condition["type"] == kind).and_then(|c| c["status"].as_str()) {
                None => Some(format!("corresponding condition of pod readiness gate {kind:?} does not exist.")),
                Some("True") => None,
                Some(other) => Some(format!("the status of pod readiness gate {kind:?} is not \"True\", but {other}")),
            }
        })
        .collect();
    if messages.is_empty() { Verdict::yes() } else { Verdict::no("ReadinessGatesNotReady", messages.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_who_is_missing() {
        let pod = PodView::new(json!({"metadata": {"generation": 2}, "spec": {"initContainers": [{"name": "i"}],
            "containers": [{"name": "a"}, {"name": "b"}], "readinessGates": [{"conditionType": "x"}]}}));
        let now = Time::from_unix(1000);
        let show = |status: Doc, known: &[Doc]| -> Vec<String> {
            let all = conditions(&pod, &status, true, known, now);
            let text = |c: &Doc, f: &str| c[f].as_str().unwrap_or("-").to_owned();
            all.iter()
                .map(|c| format!("{} {} {} {}", text(c, "type"), text(c, "status"), text(c, "reason"), text(c, "message")))
                .collect()
        };
        let starting = json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "ready": false}],
            "containerStatuses": [{"name": "a", "ready": false}, {"name": "b", "ready": false}]});
        assert_eq!(
            show(starting, &[]),
            [
                "PodReadyToStartContainers True - -",
                "Initialized False ContainersNotInitialized containers with incomplete status: [i]",
                "Ready False ContainersNotReady containers with unready status: [a b]",
                "ContainersReady False ContainersNotReady containers with unready status: [a b]",
                "PodScheduled True - -",
            ]
        );
        let up = json!({"phase": "Running", "initContainerStatuses": [{"name": "i", "ready": true}],
            "containerStatuses": [{"name": "a", "ready": true}, {"name": "b", "ready": true}]});
        assert_eq!(
            show(up.clone(), &[])[2],
            "Ready False ReadinessGatesNotReady corresponding condition of pod readiness gate \"x\" does not exist."
        );
        assert_eq!(show(up, &[json!({"type": "x", "status": "True"})])[2], "Ready True - -");
    }

    #[test]
    fn times_of_what_did_not_change_stay() {
        let pod = PodView::new(json!({"spec": {"containers": []}}));
        let first = conditions(&pod, &json!({"phase": "Running"}), true, &[], Time::from_unix(1000));
        let later = conditions(&pod, &json!({"phase": "Running"}), false, &first, Time::from_unix(2000));
        assert_eq!(later[1]["lastTransitionTime"], first[1]["lastTransitionTime"]);
        assert_ne!(later[0]["lastTransitionTime"], first[0]["lastTransitionTime"]);
    }
}
