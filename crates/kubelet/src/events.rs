//! What the kubelet says about pods and its node, in the order it is said, without making anybody wait.

use crate::pod::{ContainerView, PodView};
use client::Client;
use meta::Doc;
use meta::time::SharedClock;
use reconcile::{EventType, Recorder, Runtime};
use serde_json::json;
use tokio::sync::mpsc;

/// Events that may wait for the API server. Beyond that they are dropped, as upstream's broadcaster does.
const WAITING: usize = 1000;

struct Said {
    about: Doc,
    level: EventType,
    reason: &'static str,
    message: String,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Events {
    sender: mpsc::Sender<Said>,
    node_name: String,
}

impl Events {
    pub fn start(client: Client, node_name: &str, clock: SharedClock, runtime: &Runtime) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Said>(WAITING);
        let recorder = Recorder::new(client, "kubelet", clock).on_host(node_name);
        let stop = runtime.stop.clone();
        runtime.tasks.spawn(async move {
            while let Some(Some(said)) = stop.run_until_cancelled(receiver.recv()).await {
                let recorded = recorder.record_reference(said.about, said.level, said.reason, &said.message).await;
                if let Err(status) = recorded {
                    tracing::debug!(%status, reason = said.reason, "an event was not recorded");
                }
            }
        });
        Self { sender, node_name: node_name.into() }
    }

    pub fn pod(&self, pod: &PodView, level: EventType, reason: &'static str, message: impl Into<String>) {
        self.say(reference(pod), level, reason, message.into());
    }

    pub fn container(
        &self,
        pod: &PodView,
        container: ContainerView<'_>,
        level: EventType,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let mut about = reference(pod);
        about["fieldPath"] = container.field_path().into();
        self.say(about, level, reason, message.into());
    }

    /// About the node; its uid is its name, as upstream's kubelet writes it.
    pub fn node(&self, level: EventType, reason: &'static str, message: impl Into<String>) {
        let about = json!({ "kind": "Node", "name": self.node_name, "uid": self.node_name });
        self.say(about, level, reason, message.into());
    }

    fn say(&self, about: Doc, level: EventType, reason: &'static str, message: String) {
        if self.sender.try_send(Said { about, level, reason, message }).is_err() {
            tracing::debug!(reason, "an event was dropped: too many wait");
        }
    }
}

fn reference(pod: &PodView) -> Doc {
    json!({
        "apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid(),
        "resourceVersion": pod.resource_version().to_string(),
    })
}
