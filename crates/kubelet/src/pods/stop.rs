//! How a container is ended: preStop, the stop signal, and the kill when its time is over
//! (kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer).

use super::cx::Cx;
use super::hooks::{self, Place};
use super::observed::Observed;
use crate::pod::{ContainerView, PodView};
use futures::future::join_all;
use reconcile::EventType::{Normal, Warning};
use runtime::cri::{ContainerState, ContainerStatus, Result};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A preStop hook that took all the time leaves this much for the process itself.
const MIN_GRACE_S: i64 = 2;

/// Ends one container. `message` empty: because its pod ends.
pub async fn kill(
    cx: &Cx,
    pod: &PodView,
    observed: &Observed,
    status: &ContainerStatus,
    message: &str,
    grace_s: i64,
) -> Result<()> {
    let container = pod.container(&status.config.name);
    let text = if message.is_empty() { format!("Stopping container {}", status.config.name) } else { message.to_owned() };
    match container {
        Some(container) => cx.events.container(pod, container, Normal, "Killing", text),
        None => cx.events.pod(pod, Normal, "Killing", text),
    }
    let begun = Instant::now();
    if let Some(container) = container
        && status.state == ContainerState::Running
        && grace_s > 0
    {
        pre_stop(cx, pod, observed, status, container, grace_s).await;
    }
    let left = grace_s - begun.elapsed().as_secs() as i64;
    let grace = left.max(MIN_GRACE_S.min(grace_s)).max(0);
    cx.runtime.stop_container(&status.config.id, Duration::from_secs(grace as u64)).await
}

async fn pre_stop(
    cx: &Cx,
    pod: &PodView,
    observed: &Observed,
    status: &ContainerStatus,
    container: ContainerView<'_>,
    grace_s: i64,
) {
    let hook = &container.lifecycle()["preStop"];
    let Some(sandbox) = observed.ready_sandbox().filter(|_| hook.is_object()) else { return };
    let place = Place { container, id: &status.config.id, sandbox, pod_ip: observed.addresses.first().copied() };
    let outcome = timeout(Duration::from_secs(grace_s as u64), hooks::run(cx, &place, hook)).await;
    if let Ok(Err(error)) = outcome {
        tracing::debug!(pod = pod.long_name(), container = container.name(), error, "preStop");
        cx.events.container(pod, container, Warning, "FailedPreStopHook", "PreStopHook failed");
    }
}

/// Ends all containers of a pod: together, but each sidecar only after all that was started after it.
pub async fn kill_all(cx: &Cx, pod: &PodView, observed: &Observed, grace_s: i64) -> Result<()> {
    let is_sidecar = |status: &&ContainerStatus| pod.container(&status.config.name).is_some_and(|c| c.is_sidecar());
    let begun = Instant::now();
    let (sidecars, others): (Vec<_>, Vec<_>) = observed.alive().partition(is_sidecar);
    let kills = others.iter().map(|status| kill(cx, pod, observed, status, "", grace_s));
    join_all(kills).await.into_iter().collect::<Result<()>>()?;
    for name in pod.init_containers().rev().map(|container| container.name()) {
        for status in sidecars.iter().filter(|status| status.config.name == name) {
            let left = (grace_s - begun.elapsed().as_secs() as i64).max(MIN_GRACE_S.min(grace_s));
            kill(cx, pod, observed, status, "", left).await?;
        }
    }
    Ok(())
}
