//! What a pod's worker does next: a pure function of the pod, the runtime and the hour
//! (kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go, computePodActions).

use super::backoff::Backoffs;
use super::observed::{IMAGE, Observed, Probes, time_of};
use crate::parts::ProbeKind;
use crate::pod::{ContainerView, PodView, RestartPolicy};
use meta::Time;
use runtime::cri::{ContainerState, ContainerStatus};

/// All that a decision may look at.
pub struct Seen<'a> {
    pub pod: &'a PodView,
    pub runtime: &'a Observed,
    pub probes: &'a Probes,
    pub backoffs: &'a Backoffs,
    pub now: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    pub id: String,
    pub name: String,
    /// Why, for the event.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub name: String,
    pub attempt: u32,
}

/// A container that must not be started before an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub name: String,
    pub until: Time,
    pub pause_s: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Nothing is left to run: containers that still do (sidecars) and the sandbox end.
    pub finish: bool,
    /// A new sandbox, and the number of those before it. What is left of older ones goes first.
    pub sandbox: Option<u32>,
    pub kill: Vec<Kill>,
    pub start: Vec<Start>,
    pub hold: Vec<Hold>,
}

pub fn plan(seen: &Seen<'_>) -> Plan {
    let Some(_) = seen.runtime.ready_sandbox() else { return without_sandbox(seen) };
    let mut plan = Plan::default();
    for container in seen.pod.ephemeral_containers() {
        if seen.runtime.newest(container.name()).is_none() {
            start(seen, &mut plan, container);
        }
    }
    match init_containers(seen, &mut plan) {
        Init::Done => app_containers(seen, &mut plan),
        Init::Waiting => {}
        Init::Failed => plan.finish = true,
    }
    plan
}

/// A pod whose sandbox is missing or lost.
fn without_sandbox(seen: &Seen<'_>) -> Plan {
    let attempt = seen.runtime.newest_sandbox().map_or(0, |sandbox| sandbox.config.attempt + 1);
    let ran_before = attempt > 0 && !seen.runtime.containers.is_empty();
    if seen.pod.restart_policy() == RestartPolicy::Never && ran_before {
        return Plan { finish: true, ..Plan::default() };
    }
    let succeeded = |container: ContainerView<'_>| {
        seen.pod.restart_policy() == RestartPolicy::OnFailure && seen.runtime.newest(container.name()).is_some_and(ended_well)
    };
    if ran_before && seen.pod.containers().all(succeeded) {
        return Plan { finish: true, ..Plan::default() };
    }
    Plan { sandbox: Some(attempt), ..Plan::default() }
}

enum Init {
    Done,
    Waiting,
    /// For good: the pod has failed.
    Failed,
}

fn init_containers(seen: &Seen<'_>, plan: &mut Plan) -> Init {
    // Once a container has been made, only sidecars are looked after.
    let initialized = seen.pod.containers().any(|container| seen.runtime.current(container.name()).is_some());
    if initialized && finished(seen) {
        return Init::Done;
    }
    for container in seen.pod.init_containers() {
        let current = seen.runtime.current(container.name());
        if container.is_sidecar() {
            let up = sidecar(seen, plan, container, current);
            if !up && !initialized {
                return Init::Waiting;
            }
        } else if !initialized {
            match current {
                Some(status) if status.state == ContainerState::Exited && status.exit_code == 0 => {}
                Some(status) if status.state == ContainerState::Exited => {
                    if seen.pod.restart_policy() == RestartPolicy::Never {
                        return Init::Failed;
                    }
                    start(seen, plan, container);
                    return Init::Waiting;
                }
                Some(_) => return Init::Waiting,
                None => {
                    start(seen, plan, container);
                    return Init::Waiting;
                }
            }
        }
    }
    Init::Done
}

/// Whether what comes after it may start.
fn sidecar(seen: &Seen<'_>, plan: &mut Plan, container: ContainerView<'_>, current: Option<&ContainerStatus>) -> bool {
    match current {
        Some(status) if status.state != ContainerState::Exited => {
            check(seen, plan, container, status);
            seen.probes.started(container, status)
        }
        _ => {
            start(seen, plan, container);
            false
        }
    }
}

/// Every container has ended and none will be started again.
fn finished(seen: &Seen<'_>) -> bool {
    seen.pod.containers().all(|container| {
        let ended = |status: &ContainerStatus| status.state == ContainerState::Exited && !restarts(seen, container, status);
        seen.runtime.current(container.name()).is_some_and(ended)
    })
}

fn app_containers(seen: &Seen<'_>, plan: &mut Plan) {
    if finished(seen) {
        plan.finish = true;
        return;
    }
    for container in seen.pod.containers() {
        match seen.runtime.current(container.name()) {
            None => start(seen, plan, container),
            Some(status) if status.state == ContainerState::Exited => {
                if restarts(seen, container, status) {
                    start(seen, plan, container);
                }
            }
            Some(status) => check(seen, plan, container, status),
        }
    }
}

fn ended_well(status: &ContainerStatus) -> bool {
    status.state == ContainerState::Exited && status.exit_code == 0
}

fn restarts(seen: &Seen<'_>, container: ContainerView<'_>, status: &ContainerStatus) -> bool {
    match container.restart_policy(seen.pod.restart_policy()) {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => status.exit_code != 0,
        RestartPolicy::Never => false,
    }
}

/// Kills what runs but must not go on.
fn check(seen: &Seen<'_>, plan: &mut Plan, container: ContainerView<'_>, status: &ContainerStatus) {
    let (name, id) = (container.name(), &status.config.id);
    let again = container.restart_policy(seen.pod.restart_policy()) != RestartPolicy::Never;
    let suffix = if again { ", will be restarted" } else { "" };
    let changed = status.config.annotations.get(IMAGE).is_some_and(|image| image != container.image());
    let message = if changed {
        format!("Container {name} definition changed, will be restarted")
    } else if seen.probes.failed(id, ProbeKind::Liveness) {
        format!("Container {name} failed liveness probe{suffix}")
    } else if seen.probes.failed(id, ProbeKind::Startup) {
        format!("Container {name} failed startup probe{suffix}")
    } else {
        return;
    };
    plan.kill.push(Kill { id: id.clone(), name: name.to_owned(), message });
}

/// Starts it, unless it ended a moment too often.
fn start(seen: &Seen<'_>, plan: &mut Plan, container: ContainerView<'_>) {
    let name = container.name();
    let last = seen.runtime.newest(name).filter(|status| status.state == ContainerState::Exited);
    let waiting = last.and_then(|status| seen.backoffs.waiting(name, time_of(status.finished_at_ns), seen.now));
    match waiting {
        Some((until, pause_s)) => plan.hold.push(Hold { name: name.to_owned(), until, pause_s }),
        None => plan.start.push(Start { name: name.to_owned(), attempt: attempt(seen, name) }),
    }
}

/// One more than ever before, as the runtime or, where it has forgotten, the API remembers.
fn attempt(seen: &Seen<'_>, name: &str) -> u32 {
    let known = seen.runtime.named(name).map(|container| container.config.attempt + 1).max();
    known.unwrap_or_else(|| crate::status::attempts_known(seen.pod, name))
}
