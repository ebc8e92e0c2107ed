//! What the runtime says of one pod, and what probes said of its containers.

use crate::parts::{ProbeKind, ProbeResult};
use crate::pod::ContainerView;
use meta::Time;
use runtime::cri::{ContainerState, ContainerStatus, SandboxState, SandboxStatus};
use std::collections::HashMap;
use std::net::IpAddr;

/// Annotations of containers: what a kubelet that starts anew must know of them.
pub const IMAGE: &str = "io.kubernetes.container.image";
pub const IMAGE_SHOWN: &str = "io.kubernetes.container.imageName";
pub const IMAGE_REF: &str = "io.kubernetes.container.imageRef";
/// Labels, as upstream's kubelet sets them.
pub const POD_NAME: &str = "io.kubernetes.pod.name";
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
pub const POD_UID: &str = "io.kubernetes.pod.uid";
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";

pub fn time_of(nanoseconds: i64) -> Time {
    Time::from_unix(nanoseconds.div_euclid(1_000_000_000))
}

/// Everything of one pod that the runtime knows, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    pub sandboxes: Vec<SandboxStatus>,
    pub containers: Vec<ContainerStatus>,
    /// Of the newest sandbox, once its network is set up.
    pub addresses: Vec<IpAddr>,
}

impl Observed {
    pub fn new(sandboxes: Vec<SandboxStatus>, containers: Vec<ContainerStatus>) -> Self {
        let mut observed = Self { sandboxes, containers, addresses: Vec::new() };
        observed.sort();
        observed
    }

    fn sort(&mut self) {
        self.sandboxes.sort_by_key(|sandbox| (sandbox.config.attempt, sandbox.created_at_ns));
        self.containers.sort_by_key(|container| (container.config.attempt, container.created_at_ns));
    }

    pub fn newest_sandbox(&self) -> Option<&SandboxStatus> {
        self.sandboxes.last()
    }

    /// The newest, if it can hold containers.
    pub fn ready_sandbox(&self) -> Option<&SandboxStatus> {
        self.newest_sandbox().filter(|sandbox| sandbox.state == SandboxState::Ready)
    }

    /// The newest container of that name, of whatever sandbox.
    pub fn newest(&self, name: &str) -> Option<&ContainerStatus> {
        self.named(name).next_back()
    }

    /// The one before the newest.
    pub fn previous(&self, name: &str) -> Option<&ContainerStatus> {
        self.named(name).nth_back(1)
    }

    pub fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = &ContainerStatus> {
        self.containers.iter().filter(move |container| container.config.name == name)
    }

    /// The newest container of that name in the sandbox that is ready: one of an older sandbox decides nothing.
    pub fn current(&self, name: &str) -> Option<&ContainerStatus> {
        let sandbox = self.ready_sandbox()?;
        self.newest(name).filter(|container| container.sandbox_id == sandbox.config.id)
    }

    pub fn put_container(&mut self, status: ContainerStatus) {
        self.containers.retain(|known| known.config.id != status.config.id);
        self.containers.push(status);
        self.sort();
    }

    pub fn put_sandbox(&mut self, status: SandboxStatus) {
        self.sandboxes.retain(|known| known.config.id != status.config.id);
        self.sandboxes.push(status);
        self.sort();
    }

    pub fn alive(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.containers.iter().filter(|container| container.state != ContainerState::Exited)
    }
}

/// What probes said last, by container id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probes {
    results: HashMap<(String, ProbeKind), (bool, String)>,
}

impl Probes {
    pub fn take_in(&mut self, result: ProbeResult) {
        self.results.insert((result.container_id, result.kind), (result.ok, result.message));
    }

    pub fn result(&self, id: &str, kind: ProbeKind) -> Option<bool> {
        self.results.get(&(id.to_owned(), kind)).map(|(ok, _)| *ok)
    }

    pub fn failed(&self, id: &str, kind: ProbeKind) -> bool {
        self.result(id, kind) == Some(false)
    }

    pub fn keep(&mut self, alive: impl Fn(&str) -> bool) {
        self.results.retain(|(id, _), _| alive(id));
    }

    /// It runs, and its startup probe, if it has one, has succeeded.
    pub fn started(&self, container: ContainerView<'_>, status: &ContainerStatus) -> bool {
        let passed = || self.result(&status.config.id, ProbeKind::Startup) == Some(true);
        status.state == ContainerState::Running && (container.probe("startupProbe").is_none() || passed())
    }

    pub fn ready(&self, container: ContainerView<'_>, status: &ContainerStatus) -> bool {
        let passed = || self.result(&status.config.id, ProbeKind::Readiness) == Some(true);
        self.started(container, status) && (container.probe("readinessProbe").is_none() || passed())
    }
}
