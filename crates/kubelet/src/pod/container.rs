//! One container of a pod's specification.

use super::{RestartPolicy, items};
use meta::Doc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerKind {
    Init,
    App,
    Ephemeral,
}

impl ContainerKind {
    /// As `fieldPath`s of events write it.
    pub fn list(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::App => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

#[derive(Clone, Copy, Debug)]
pub struct ContainerView<'a> {
    kind: ContainerKind,
    doc: &'a Doc,
}

impl<'a> ContainerView<'a> {
    pub fn new(kind: ContainerKind, doc: &'a Doc) -> Self {
        Self { kind, doc }
    }
    pub fn kind(&self) -> ContainerKind {
        self.kind
    }
    pub fn doc(&self) -> &'a Doc {
        self.doc
    }
    pub fn name(&self) -> &'a str {
        self.text("name")
    }
    pub fn image(&self) -> &'a str {
        self.text("image")
    }
    pub fn working_dir(&self) -> &'a str {
        self.text("workingDir")
    }
    fn text(&self, name: &str) -> &'a str {
        self.doc[name].as_str().unwrap_or("")
    }
    pub fn flag(&self, name: &str) -> bool {
        self.doc[name].as_bool().unwrap_or(false)
    }
    pub fn command(&self) -> Vec<String> {
        self.list("command")
    }
    pub fn args(&self) -> Vec<String> {
        self.list("args")
    }
    fn list(&self, name: &str) -> Vec<String> {
        items(&self.doc[name]).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }
    pub fn security_context(&self) -> &'a Doc {
        &self.doc["securityContext"]
    }
    pub fn resources(&self) -> &'a Doc {
        &self.doc["resources"]
    }
    pub fn lifecycle(&self) -> &'a Doc {
        &self.doc["lifecycle"]
    }
    /// An init container that keeps running beside the containers.
    pub fn is_sidecar(&self) -> bool {
        self.kind == ContainerKind::Init && self.text("restartPolicy") == "Always"
    }
    /// What happens when it ends, given the pod's policy.
    pub fn restart_policy(&self, pod: RestartPolicy) -> RestartPolicy {
        match (self.kind, pod) {
            (ContainerKind::Ephemeral, _) => RestartPolicy::Never,
            (ContainerKind::Init, _) if self.is_sidecar() => RestartPolicy::Always,
            (ContainerKind::Init, RestartPolicy::Always) => RestartPolicy::OnFailure,
            (_, policy) => policy,
        }
    }
    pub fn pull_policy(&self) -> PullPolicy {
        match self.text("imagePullPolicy") {
            "Always" => PullPolicy::Always,
            "Never" => PullPolicy::Never,
            _ => PullPolicy::IfNotPresent,
        }
    }
    /// `livenessProbe`, `readinessProbe` or `startupProbe`, if there is one.
    pub fn probe(&self, field: &str) -> Option<&'a Doc> {
        Some(&self.doc[field]).filter(|probe| probe.is_object())
    }
    /// `spec.containers{web}`, as events point at it.
    pub fn field_path(&self) -> String {
        format!("spec.{}{{{}}}", self.kind.list(), self.name())
    }
}
