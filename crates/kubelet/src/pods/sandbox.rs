//! A pod's sandbox with its volumes and its network, made in order and taken apart in the reverse.

use super::cx::Cx;
use super::observed::{POD_NAME, POD_NAMESPACE, POD_UID};
use crate::cgroup;
use crate::parts::Prepared;
use crate::pod::{PodView, items};
use runtime::cri::{SandboxConfig, SandboxState, SandboxStatus};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Which step failed, as an event says it.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed {
    pub reason: &'static str,
    pub message: String,
}

fn config(cx: &Cx, pod: &PodView, prepared: &Prepared, attempt: u32) -> SandboxConfig {
    let labels = [(POD_NAME, pod.name()), (POD_NAMESPACE, pod.namespace()), (POD_UID, pod.uid())];
    let mut all = pod.labels();
    all.extend(labels.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let sysctls = items(&pod.security_context()["sysctls"]).iter();
    let text = |value: &meta::Doc| value.as_str().unwrap_or("").to_owned();
    SandboxConfig {
        id: cx.new_id(),
        pod_uid: pod.uid().into(),
        namespace: pod.namespace().into(),
        name: pod.name().into(),
        attempt,
        hostname: if pod.host_network() { cx.config.node_name.clone() } else { pod.hostname() },
        host_network: pod.host_network(),
        host_pid: pod.host_pid(),
        host_ipc: pod.host_ipc(),
        share_process_namespace: pod.share_process_namespace(),
        cgroup_parent: cgroup::parent(pod),
        resources: cgroup::of_pod(pod, cx.config.pod_pids_limit),
        sysctls: sysctls.map(|sysctl| (text(&sysctl["name"]), text(&sysctl["value"]))).collect::<BTreeMap<_, _>>(),
        tmpfs: prepared.tmpfs.clone(),
        labels: all,
        annotations: pod.annotations(),
    }
}

pub async fn prepare(cx: &Cx, pod: &PodView) -> Result<Prepared, Failed> {
    cx.volumes.prepare(pod).await.map_err(|error| Failed { reason: "FailedMount", message: error.message })
}

/// Runs a new sandbox and gives it its network. What was made is taken back where a later step fails.
pub async fn make(cx: &Cx, pod: &PodView, prepared: &Prepared, attempt: u32) -> Result<(SandboxStatus, Vec<IpAddr>), Failed> {
    let refuse = |error: &dyn std::fmt::Display| Failed {
        reason: "FailedCreatePodSandBox",
        message: format!("Failed to create pod sandbox: {error}"),
    };
    let sandbox = cx.runtime.run_sandbox(&config(cx, pod, prepared, attempt)).await.map_err(|error| refuse(&error))?;
    match addresses(cx, pod, &sandbox).await {
        Ok(addresses) => Ok((sandbox, addresses)),
        Err(failed) => {
            if let Err(error) = cx.runtime.remove_sandbox(&sandbox.config.id).await {
                tracing::warn!(%error, pod = pod.long_name(), "a sandbox without a network is left for the next pass");
            }
            Err(failed)
        }
    }
}

/// The pod's addresses, set up where they are not.
pub async fn addresses(cx: &Cx, pod: &PodView, sandbox: &SandboxStatus) -> Result<Vec<IpAddr>, Failed> {
    if pod.host_network() {
        return Ok(cx.config.addresses.clone());
    }
    cx.network.setup(sandbox).await.map_err(|error| Failed {
        reason: "FailedCreatePodSandBox",
        message: format!("Failed to create pod sandbox: failed to setup network for sandbox {:?}: {error}", sandbox.config.id),
    })
}

/// Stops a sandbox and frees its addresses. Repeatable.
pub async fn stop(cx: &Cx, pod: &PodView, sandbox: &SandboxStatus) -> Result<(), String> {
    if sandbox.state == SandboxState::Ready {
        cx.runtime.stop_sandbox(&sandbox.config.id).await.map_err(|error| error.to_string())?;
    }
    if !pod.host_network() && !sandbox.config.host_network {
        cx.network.teardown(sandbox).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
