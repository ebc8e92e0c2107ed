//! Pods and pod templates.

use super::cells::{NONE, condition, condition_is_true, containers, has, is_deleting, labels, list, number, or, since, text};
use super::{age, name, of, string_or};
use crate::Column;
use meta::{Doc, Time};

/// The reason of pods whose node cannot be reached.
const NODE_LOST: &str = "NodeLost";

pub fn columns(kind: &str, minor: u32) -> Option<Vec<Column>> {
    match kind {
        "Pod" => Some(vec![
            name(),
            of("Ready", "string", |doc, _| State::of(doc).ready().into()),
            of(
                "Status",
                "string",
                if minor >= 35 { |doc, _| status(doc, true).into() } else { |doc, _| status(doc, false).into() },
            ),
            of("Restarts", "string", |doc, now| State::of(doc).restarts(now).into()),
            age(),
            string_or("IP", "/status/podIPs/0/ip", NONE).wide(),
            string_or("Node", "/spec/nodeName", NONE).wide(),
            string_or("Nominated Node", "/status/nominatedNodeName", NONE).wide(),
            of("Readiness Gates", "string", |doc, _| readiness_gates(doc).into()).wide(),
        ]),
        "PodTemplate" => Some(vec![
            name(),
            of("Containers", "string", |doc, _| containers(doc, "/template/spec/containers", "name").into()),
            of("Images", "string", |doc, _| containers(doc, "/template/spec/containers", "image").into()),
            of("Pod Labels", "string", |doc, _| labels(doc, "/template/metadata/labels").into()),
        ]),
        _ => None,
    }
}

/// What the container statuses add up to.
#[derive(Default)]
struct State<'a> {
    reason: Option<String>,
    /// The reason of a container that failed, when the last one looked at completed.
    error: String,
    running: bool,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<&'a str>,
}

impl<'a> State<'a> {
    fn of(pod: &'a Doc) -> Self {
        let mut state = Self { total: list(pod, "/spec/containers").len(), ..Self::default() };
        let sidecars: Vec<&str> = list(pod, "/spec/initContainers")
            .iter()
            .filter(|c| c["restartPolicy"] == "Always")
            .filter_map(|c| c["name"].as_str())
            .collect();
        state.total += sidecars.len();
        let is_sidecar = |status: &Doc| sidecars.iter().any(|name| status["name"] == **name);
        let initializing = state.init_containers(pod, is_sidecar);
        if !initializing || condition_is_true(pod, "Initialized") {
            // Init containers that have run their course no longer count.
            (state.restarts, state.last_restart) = (0, None);
            for status in list(pod, "/status/initContainerStatuses").iter().filter(|s| is_sidecar(s)) {
                state.count_restarts(status);
            }
            state.containers(pod);
        }
        state
    }

    /// Whether an init container is still to finish.
    fn init_containers(&mut self, pod: &'a Doc, is_sidecar: impl Fn(&Doc) -> bool) -> bool {
        let all = list(pod, "/spec/initContainers").len();
        for (at, status) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
            self.count_restarts(status);
            let (terminated, waiting) = (&status["state"]["terminated"], text(status, "/state/waiting/reason"));
            if terminated.is_object() && number(terminated, "/exitCode") == 0 {
                continue;
            }
            if is_sidecar(status) && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            }
            self.reason = Some(if terminated.is_object() {
                format!("Init:{}", exit_reason(terminated))
            } else if !matches!(waiting, "" | "PodInitializing") {
                format!("Init:{waiting}")
            } else {
                format!("Init:{at}/{all}")
            });
            return true;
        }
        false
    }

    fn containers(&mut self, pod: &'a Doc) {
        // The first container has the last word.
        for status in list(pod, "/status/containerStatuses").iter().rev() {
            self.count_restarts(status);
            let (terminated, waiting) = (&status["state"]["terminated"], text(status, "/state/waiting/reason"));
            if !waiting.is_empty() {
                self.reason = Some(waiting.to_owned());
            } else if terminated.is_object() {
                let reason = exit_reason(terminated);
                if number(terminated, "/exitCode") != 0 {
                    self.error = reason.clone();
                }
                self.reason = Some(reason);
            } else if status["ready"] == true && has(status, "/state/running") {
                self.running = true;
                self.ready += 1;
            }
        }
    }

    fn count_restarts(&mut self, status: &'a Doc) {
        self.restarts += number(status, "/restartCount");
        let finished = status.pointer("/lastState/terminated/finishedAt").and_then(Doc::as_str);
        self.last_restart = self.last_restart.max(finished);
    }

    fn ready(&self) -> String {
        format!("{}/{}", self.ready, self.total)
    }

    fn restarts(&self, now: Time) -> String {
        match self.last_restart {
            Some(when) if self.restarts != 0 => format!("{} ({} ago)", self.restarts, since(&when.into(), now)),
            _ => self.restarts.to_string(),
        }
    }
}

fn exit_reason(terminated: &Doc) -> String {
    match (text(terminated, "/reason"), number(terminated, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// `errors_first`: a failed container outweighs completed ones (1.35 and later).
fn status(pod: &Doc, errors_first: bool) -> String {
    let (phase, pod_reason) = (text(pod, "/status/phase"), text(pod, "/status/reason"));
    let terminal = matches!(phase, "Succeeded" | "Failed");
    if is_deleting(pod) && pod_reason == NODE_LOST {
        return "Unknown".into();
    }
    if is_deleting(pod) && !terminal {
        return "Terminating".into();
    }
    let gated = condition(pod, "PodScheduled").is_some_and(|c| c["reason"] == "SchedulingGated");
    let of_pod = if gated { "SchedulingGated" } else { or(pod_reason, phase) };
    let state = State::of(pod);
    let reason = state.reason.clone().unwrap_or_else(|| of_pod.to_owned());
    match reason.as_str() {
        "Completed" if state.running && condition_is_true(pod, "Ready") => "Running".into(),
        "Completed" if errors_first && !state.error.is_empty() => state.error,
        "Completed" if state.running => "NotReady".into(),
        _ => reason,
    }
}

fn readiness_gates(pod: &Doc) -> String {
    let gates = list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return NONE.into();
    }
    let met = gates.iter().filter(|g| condition_is_true(pod, g["conditionType"].as_str().unwrap_or_default())).count();
    format!("{met}/{}", gates.len())
}
