//! The pods of this node as their workers last saw them, for the kubelet's server and its summaries.

use super::observed::Observed;
use crate::lookup::{FoundContainer, FoundPod, LookupError, PodLookup};
use crate::pod::PodView;
use meta::Doc;
use parking_lot::RwLock;
use runtime::cri::{ContainerState, ContainerStatus};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One pod and what is known of it.
#[derive(Clone)]
pub struct ShownPod {
    pub pod: Arc<PodView>,
    pub status: Arc<Doc>,
    pub observed: Arc<Observed>,
}

#[derive(Default)]
pub struct Shown {
    pods: RwLock<BTreeMap<String, ShownPod>>,
}

impl Shown {
    pub fn put(&self, pod: ShownPod) {
        self.pods.write().insert(pod.pod.uid().to_owned(), pod);
    }

    pub fn remove(&self, uid: &str) {
        self.pods.write().remove(uid);
    }

    pub fn all(&self) -> Vec<ShownPod> {
        self.pods.read().values().cloned().collect()
    }

    fn find<T>(
        &self,
        (namespace, name, uid): (&str, &str, &str),
        read: impl FnOnce(&ShownPod) -> Result<T, LookupError>,
    ) -> Result<T, LookupError> {
        let pods = self.pods.read();
        let matches = |shown: &&ShownPod| {
            let pod = &shown.pod;
            pod.namespace() == namespace && pod.name() == name && (uid.is_empty() || pod.uid() == uid)
        };
        // Of two with one name the one that still is in the API's newest version counts.
        let newest = pods.values().filter(matches).max_by_key(|shown| shown.pod.resource_version());
        read(newest.ok_or_else(|| LookupError::NoPod(format!("{namespace}/{name}")))?)
    }
}

fn found(pod: &PodView, status: &ContainerStatus) -> FoundContainer {
    FoundContainer {
        pod_uid: pod.uid().into(),
        name: status.config.name.clone(),
        id: status.config.id.clone(),
        running: status.state == ContainerState::Running,
        log_path: status.config.log_path.clone(),
        tty: status.config.tty,
        stdin: status.config.stdin,
    }
}

fn known(shown: &ShownPod, container: &str) -> Result<(), LookupError> {
    match shown.pod.container(container) {
        Some(_) => Ok(()),
        None => Err(LookupError::NoContainer { pod: shown.pod.name().into(), container: container.into() }),
    }
}

impl PodLookup for Shown {
    fn running_container(&self, namespace: &str, pod: &str, uid: &str, container: &str) -> Result<FoundContainer, LookupError> {
        self.find((namespace, pod, uid), |shown| {
            let running = shown.observed.named(container).rfind(|status| status.state == ContainerState::Running);
            running.map(|status| found(&shown.pod, status)).ok_or_else(|| LookupError::NotRunning(container.into()))
        })
    }

    fn logged_container(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
    ) -> Result<FoundContainer, LookupError> {
        self.find((namespace, pod, ""), |shown| {
            known(shown, container)?;
            let (pod, container) = (shown.pod.name().to_owned(), container.to_owned());
            let status = match previous {
                true => shown.observed.previous(&container),
                false => shown.observed.newest(&container),
            };
            match status {
                Some(status) => Ok(found(&shown.pod, status)),
                None if previous => Err(LookupError::NoPrevious { pod, container }),
                None => {
                    let waiting = &crate::status::containers::find(&shown.status, &container)["state"]["waiting"]["reason"];
                    let reason = waiting.as_str().unwrap_or("ContainerCreating").to_owned();
                    Err(LookupError::Waiting { pod, container, reason })
                }
            }
        })
    }

    fn sandbox(&self, namespace: &str, pod: &str, uid: &str) -> Result<FoundPod, LookupError> {
        self.find((namespace, pod, uid), |shown| {
            let sandbox = shown.observed.ready_sandbox().ok_or_else(|| LookupError::NoPod(format!("{namespace}/{pod}")))?;
            Ok(FoundPod { uid: shown.pod.uid().into(), network_namespace: sandbox.network_namespace() })
        })
    }

    fn pod_list(&self) -> Doc {
        let items: Vec<Doc> = self.all().into_iter().map(with_status).collect();
        json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items })
    }
}

fn with_status(shown: ShownPod) -> Doc {
    let mut doc = shown.pod.doc().clone();
    if !shown.status.is_null() {
        doc["status"] = Doc::clone(&shown.status);
    }
    doc
}
