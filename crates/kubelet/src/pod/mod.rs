//! A pod as the kubelet reads it: the document, and typed answers about it.

mod container;
mod resources;

pub use container::{ContainerKind, ContainerView, PullPolicy};
pub use resources::{QosClass, Request, quantity};

use meta::{Doc, Object, Time};
use std::collections::BTreeMap;

/// Of containers without a policy of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

/// Of the two priority classes that every cluster has.
const SYSTEM_CRITICAL_PRIORITY: i64 = 2_000_000_000;
/// What upstream's API server fills in.
const DEFAULT_GRACE_SECONDS: i64 = 30;

/// One version of a pod. Never edited.
#[derive(Clone, Debug, PartialEq)]
pub struct PodView {
    doc: Doc,
    namespace: String,
    name: String,
    uid: String,
}

fn text(doc: &Doc) -> &str {
    doc.as_str().unwrap_or("")
}

/// The members of a list, of which there are none where there is no list.
pub fn items(doc: &Doc) -> &[Doc] {
    doc.as_array().map_or(&[], Vec::as_slice)
}

fn texts(doc: &Doc) -> BTreeMap<String, String> {
    let members = doc.as_object().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

impl PodView {
    pub fn new(doc: Doc) -> Self {
        let field = |name: &str| text(&doc["metadata"][name]).to_owned();
        Self { namespace: field("namespace"), name: field("name"), uid: field("uid"), doc }
    }

    /// Without what only servers read: it is as large as the rest.
    pub fn of(object: &Object) -> Self {
        let mut doc = object.to_doc();
        if let Some(metadata) = doc["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        Self::new(doc)
    }

    pub fn doc(&self) -> &Doc {
        &self.doc
    }
    pub fn spec(&self) -> &Doc {
        &self.doc["spec"]
    }
    /// As the API server has it.
    pub fn status(&self) -> &Doc {
        &self.doc["status"]
    }
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn uid(&self) -> &str {
        &self.uid
    }
    pub fn generation(&self) -> i64 {
        self.doc["metadata"]["generation"].as_i64().unwrap_or(0)
    }
    pub fn resource_version(&self) -> u64 {
        text(&self.doc["metadata"]["resourceVersion"]).parse().unwrap_or(0) // a document that was never stored has none
    }
    pub fn labels(&self) -> BTreeMap<String, String> {
        texts(&self.doc["metadata"]["labels"])
    }
    pub fn annotations(&self) -> BTreeMap<String, String> {
        texts(&self.doc["metadata"]["annotations"])
    }
    /// How upstream's messages name a pod: `name_namespace(uid)`.
    pub fn long_name(&self) -> String {
        format!("{}_{}({})", self.name, self.namespace, self.uid)
    }

    pub fn node_name(&self) -> &str {
        text(&self.spec()["nodeName"])
    }
    pub fn service_account(&self) -> &str {
        text(&self.spec()["serviceAccountName"])
    }
    pub fn host_network(&self) -> bool {
        self.flag("hostNetwork")
    }
    pub fn host_pid(&self) -> bool {
        self.flag("hostPID")
    }
    pub fn host_ipc(&self) -> bool {
        self.flag("hostIPC")
    }
    pub fn share_process_namespace(&self) -> bool {
        self.flag("shareProcessNamespace")
    }
    fn flag(&self, name: &str) -> bool {
        self.spec()[name].as_bool().unwrap_or(false)
    }
    pub fn volumes(&self) -> &[Doc] {
        items(&self.spec()["volumes"])
    }
    /// The pod's own, not a container's.
    pub fn security_context(&self) -> &Doc {
        &self.spec()["securityContext"]
    }
    pub fn fs_group(&self) -> Option<i64> {
        self.security_context()["fsGroup"].as_i64()
    }
    /// `spec.hostname`, else the pod's name cut to what a kernel takes.
    pub fn hostname(&self) -> String {
        match text(&self.spec()["hostname"]) {
            "" => self.name.chars().take(63).collect::<String>().trim_end_matches(['-', '.']).to_owned(),
            hostname => hostname.to_owned(),
        }
    }
    pub fn subdomain(&self) -> &str {
        text(&self.spec()["subdomain"])
    }

    pub fn restart_policy(&self) -> RestartPolicy {
        match text(&self.spec()["restartPolicy"]) {
            "OnFailure" => RestartPolicy::OnFailure,
            "Never" => RestartPolicy::Never,
            _ => RestartPolicy::Always,
        }
    }
    pub fn priority(&self) -> i64 {
        self.spec()["priority"].as_i64().unwrap_or(0)
    }
    /// Part of what makes the cluster work (kubernetes pkg/kubelet/types/pod_update.go, IsCriticalPod).
    pub fn is_critical(&self) -> bool {
        self.priority() >= SYSTEM_CRITICAL_PRIORITY
    }
    pub fn active_deadline_seconds(&self) -> Option<i64> {
        self.spec()["activeDeadlineSeconds"].as_i64()
    }
    /// How long a container may take to end.
    pub fn grace_seconds(&self) -> i64 {
        let spec = self.spec()["terminationGracePeriodSeconds"].as_i64();
        self.deletion_grace_seconds().or(spec).unwrap_or(DEFAULT_GRACE_SECONDS)
    }
    pub fn deletion_grace_seconds(&self) -> Option<i64> {
        self.doc["metadata"]["deletionGracePeriodSeconds"].as_i64()
    }
    /// When everything should have ended; set when somebody deletes the pod.
    pub fn deletion_timestamp(&self) -> Option<Time> {
        Time::parse(text(&self.doc["metadata"]["deletionTimestamp"]))
    }
    pub fn is_deleting(&self) -> bool {
        !self.doc["metadata"]["deletionTimestamp"].is_null()
    }
    pub fn phase(&self) -> &str {
        text(&self.status()["phase"])
    }
    /// Succeeded or Failed, for ever.
    pub fn is_terminal(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    pub fn init_containers(&self) -> impl DoubleEndedIterator<Item = ContainerView<'_>> {
        self.of_kind("initContainers", ContainerKind::Init)
    }
    pub fn containers(&self) -> impl DoubleEndedIterator<Item = ContainerView<'_>> {
        self.of_kind("containers", ContainerKind::App)
    }
    pub fn ephemeral_containers(&self) -> impl DoubleEndedIterator<Item = ContainerView<'_>> {
        self.of_kind("ephemeralContainers", ContainerKind::Ephemeral)
    }
    pub fn all_containers(&self) -> impl Iterator<Item = ContainerView<'_>> {
        self.init_containers().chain(self.containers()).chain(self.ephemeral_containers())
    }
    pub fn container(&self, name: &str) -> Option<ContainerView<'_>> {
        self.all_containers().find(|container| container.name() == name)
    }
    fn of_kind(&self, list: &str, kind: ContainerKind) -> impl DoubleEndedIterator<Item = ContainerView<'_>> {
        items(&self.spec()[list]).iter().map(move |doc| ContainerView::new(kind, doc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_answers_what_its_document_says() {
        let pod = PodView::new(json!({
            "metadata": {"namespace": "site", "name": "web", "uid": "u1", "generation": 3, "annotations": {"a": "b"}},
            "spec": {"restartPolicy": "OnFailure", "hostNetwork": true, "terminationGracePeriodSeconds": 5,
                "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
                "containers": [{"name": "c"}], "ephemeralContainers": [{"name": "e"}]},
        }));
        assert_eq!(pod.long_name(), "web_site(u1)");
        assert_eq!((pod.generation(), pod.restart_policy(), pod.host_network()), (3, RestartPolicy::OnFailure, true));
        assert_eq!((pod.grace_seconds(), pod.is_deleting(), pod.is_terminal()), (5, false, false));
        let names: Vec<&str> = pod.all_containers().map(|c| c.name()).collect();
        assert_eq!(names, ["i", "s", "c", "e"]);
        assert_eq!(pod.hostname(), "web");
        assert_eq!(pod.annotations()["a"], "b");
        assert!(pod.container("s").is_some_and(|c| c.is_sidecar()));
        assert!(pod.container("nope").is_none());
    }

    #[test]
    fn the_grace_of_a_deletion_wins() {
        let pod =
            PodView::new(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 1},
            "spec": {"terminationGracePeriodSeconds": 60}}));
        assert_eq!((pod.grace_seconds(), pod.is_deleting()), (1, true));
    }
}
