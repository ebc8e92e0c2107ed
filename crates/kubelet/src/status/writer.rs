//! Brings statuses to the API: the newest of each pod, again until it is there. Promise: only fields of the kubelet are
//! written, only on the pod of that uid, and a pod that has ended is deleted for good after its last status.
//! Follows kubernetes `pkg/kubelet/status/status_manager.go`.

use crate::pod::{PodView, items};
use client::{Client, DeleteOptions, Preconditions, Resource};
use meta::{Doc, Reason};
use parking_lot::Mutex;
use reconcile::{Controller, Error, Next, Queue, Runtime};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

pub const PODS: Resource = Resource::new("", "v1", "pods");
/// Statuses written at a time.
const WRITERS: usize = 8;

#[derive(Clone)]
struct Wanted {
    namespace: String,
    name: String,
    status: Arc<Doc>,
    /// `podIPs` as the API had them.
    addresses: Doc,
    delete: bool,
}

/// What the API took last.
struct Written {
    status: Arc<Doc>,
    revision: u64,
}

#[derive(Default)]
struct State {
    wanted: HashMap<String, Wanted>,
    written: HashMap<String, Written>,
}

pub struct StatusWriter {
    client: Client,
    state: Mutex<State>,
    queue: Arc<Queue<String>>,
}

impl StatusWriter {
    pub fn start(client: Client, runtime: &Runtime) -> Arc<Self> {
        let controller = Controller::new("status-manager", runtime);
        let writer = Arc::new(Self { client, state: Mutex::default(), queue: controller.queue().clone() });
        let passes = writer.clone();
        controller.run(WRITERS, move |uid: String| {
            let writer = passes.clone();
            async move { writer.write(&uid).await }
        });
        writer
    }

    /// The pod is over: after the status that was set last, its object goes as well.
    pub fn delete(&self, pod: &PodView) {
        if let Some(wanted) = self.state.lock().wanted.get_mut(pod.uid()) {
            wanted.delete = true;
        } else {
            tracing::debug!(pod = pod.long_name(), "deleted without a status");
        }
        self.queue.add(pod.uid().to_owned());
    }

    /// What the pod's status is to be. Also when it was written before, if somebody has since said otherwise: a node
    /// controller of a node that it has not heard of for a while, for instance.
    pub fn set(&self, pod: &PodView, status: Arc<Doc>) {
        let wanted = Wanted {
            namespace: pod.namespace().into(),
            name: pod.name().into(),
            status,
            addresses: pod.status()["podIPs"].clone(),
            delete: false,
        };
        let mut state = self.state.lock();
        let overruled = |written: &Written| pod.resource_version() > written.revision && !agrees(pod.status(), &written.status);
        if state.written.get(pod.uid()).is_some_and(overruled) {
            state.written.remove(pod.uid());
        }
        state.wanted.insert(pod.uid().to_owned(), wanted);
        drop(state);
        self.queue.add(pod.uid().to_owned());
    }

    /// The pod is gone from the API: nothing is left to write.
    pub fn forget(&self, uid: &str) {
        let mut state = self.state.lock();
        state.wanted.remove(uid);
        state.written.remove(uid);
    }

    async fn write(&self, uid: &str) -> Result<Next, Error> {
        let (wanted, same, before) = {
            let state = self.state.lock();
            let Some(wanted) = state.wanted.get(uid).cloned() else { return Ok(Next::OnChange) };
            let written = state.written.get(uid);
            let before = written.map_or_else(|| wanted.addresses.clone(), |written| written.status["podIPs"].clone());
            let same = written.is_some_and(|written| written.status == wanted.status);
            (wanted, same, before)
        };
        if !same {
            match self.patch(uid, &wanted, &before).await {
                Ok(()) => {}
                Err(status) if matches!(status.reason, Reason::NotFound | Reason::Conflict) => {
                    // Gone, or another pod of the same name: this one has no status any more.
                    self.forget(uid);
                    return Ok(Next::OnChange);
                }
                Err(status) => return Err(status.into()),
            }
        }
        if wanted.delete {
            self.delete_object(uid, &wanted).await?;
        }
        Ok(Next::OnChange)
    }

    async fn patch(&self, uid: &str, wanted: &Wanted, before: &Doc) -> meta::status::Result<()> {
        let mut status = Doc::clone(&wanted.status);
        replace_addresses(&mut status, before);
        let patch = json!({ "metadata": { "uid": uid }, "status": status });
        let revision = self.client.patch_strategic(PODS, &wanted.namespace, &wanted.name, "status", patch).await?.revision;
        self.state.lock().written.insert(uid.to_owned(), Written { status: wanted.status.clone(), revision });
        Ok(())
    }

    async fn delete_object(&self, uid: &str, wanted: &Wanted) -> Result<(), Error> {
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Preconditions { uid: Some(uid.to_owned()), resource_version: None },
            ..DeleteOptions::default()
        };
        match self.client.delete(PODS, &wanted.namespace, &wanted.name, options).await {
            Err(status) if !matches!(status.reason, Reason::NotFound | Reason::Conflict) => Err(status.into()),
            _ => {
                self.forget(uid);
                Ok(())
            }
        }
    }
}

/// Whether the API says of phase and conditions what was written.
fn agrees(api: &Doc, written: &Doc) -> bool {
    let said = |condition: &Doc| {
        let found = items(&api["conditions"]).iter().find(|known| known["type"] == condition["type"]);
        found.is_some_and(|known| known["status"] == condition["status"])
    };
    api["phase"] == written["phase"] && items(&written["conditions"]).iter().all(said)
}

/// A strategic merge joins `podIPs` by address: other addresses than before must replace them.
fn replace_addresses(status: &mut Doc, before: &Doc) {
    let Doc::Array(addresses) = &mut status["podIPs"] else { return };
    if !before.is_null() && before.as_array() != Some(addresses) {
        addresses.insert(0, json!({ "$patch": "replace" }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_otherwise_is_noticed() {
        let status = |phase: &str, ready: &str| json!({"phase": phase, "conditions": [{"type": "Ready", "status": ready}]});
        let own = status("Running", "True");
        let mut more = own.clone();
        more["conditions"].as_array_mut().expect("a list").push(json!({"type": "DisruptionTarget", "status": "True"}));
        for (api, expected) in [
            (own.clone(), true),
            (more, true),
            (status("Running", "False"), false),
            (status("Failed", "True"), false),
            (json!({"phase": "Running"}), false),
        ] {
            assert_eq!(agrees(&api, &own), expected, "{api}");
        }
    }
}
