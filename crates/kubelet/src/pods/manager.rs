//! Which pods are here: a worker for each that the API binds to this node, and for each that only the runtime knows.

use super::cx::Cx;
use super::mailbox::{Mailbox, Wish};
use super::observed::{POD_NAME, POD_NAMESPACE};
use super::worker::Worker;
use crate::eviction::Eviction;
use crate::parts::ProbeResult;
use crate::pod::PodView;
use parking_lot::Mutex;
use reconcile::{Informer, ObjectChange, Runtime};
use runtime::cri::{RuntimeEvent, SandboxConfig};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

enum Entry {
    Works(Arc<Mailbox>),
    /// Its worker is done; the API has yet to say that the object is gone.
    Over,
}

pub struct Manager {
    cx: Arc<Cx>,
    runtime: Runtime,
    workers: Mutex<HashMap<String, Entry>>,
    this: Weak<Self>,
}

impl Manager {
    /// Runs workers until the runtime stops.
    pub fn start(cx: Arc<Cx>, pods: &Arc<Informer>, runtime: &Runtime) -> Arc<Self> {
        let events = cx.runtime.events();
        let probes = cx.prober.results();
        let manager =
            Arc::new_cyclic(|this| Self { cx, runtime: runtime.clone(), workers: Mutex::default(), this: this.clone() });
        let hands = manager.clone();
        pods.on_change(move |change| hands.changed(change));
        manager.spawn(manager.clone().follow_runtime(events));
        if let Some(probes) = probes {
            manager.spawn(manager.clone().follow_probes(probes));
        }
        manager.spawn(manager.clone().adopt_orphans(pods.clone()));
        manager
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.runtime.stop.clone();
        self.runtime.tasks.spawn(async move {
            // Stopped: nothing to do after it.
            stop.run_until_cancelled(work).await;
        });
    }

    fn changed(&self, change: &ObjectChange) {
        let uid = |object: &Arc<meta::Object>| object.meta.uid.clone();
        let (old, new) = (change.old.as_ref().map(uid), change.new.as_ref().map(uid));
        if let Some(old) = old.filter(|old| Some(old) != new.as_ref()) {
            self.gone(&old);
        }
        if let Some(object) = &change.new {
            self.wished(Wish { pod: Arc::new(PodView::of(object)), gone: false, evicted: None });
        }
    }

    fn wished(&self, wish: Wish) {
        let mut workers = self.workers.lock();
        match workers.get(wish.pod.uid()) {
            Some(Entry::Works(mailbox)) => mailbox.set_pod(wish.pod),
            Some(Entry::Over) => {}
            None => {
                let mailbox = Mailbox::new(wish.clone());
                workers.insert(wish.pod.uid().to_owned(), Entry::Works(mailbox.clone()));
                self.work(wish.pod.uid().to_owned(), mailbox);
            }
        }
    }

    fn work(&self, uid: String, mailbox: Arc<Mailbox>) {
        let worker = Worker::new(self.cx.clone(), mailbox.clone());
        let (manager, stop) = (self.this.clone(), self.runtime.stop.clone());
        self.runtime.tasks.spawn(async move {
            worker.run(stop).await;
            let Some(manager) = manager.upgrade() else { return };
            let mut workers = manager.workers.lock();
            if mailbox.wish().gone {
                workers.remove(&uid);
            } else {
                workers.insert(uid, Entry::Over);
            }
        });
    }

    /// No longer in the API: others are placed where it was, even while its containers are being killed.
    fn gone(&self, uid: &str) {
        self.cx.admission.release(uid);
        let mut workers = self.workers.lock();
        match workers.get(uid) {
            Some(Entry::Works(mailbox)) => mailbox.set_gone(),
            Some(Entry::Over) => drop(workers.remove(uid)),
            None => {}
        }
    }

    /// Ends the pod for good. One that is gone already is no more to end.
    pub fn evict(&self, uid: &str, eviction: Eviction) {
        if let Some(mailbox) = self.mailbox(uid) {
            mailbox.evict(eviction);
        }
    }

    fn mailbox(&self, uid: &str) -> Option<Arc<Mailbox>> {
        match self.workers.lock().get(uid) {
            Some(Entry::Works(mailbox)) => Some(mailbox.clone()),
            _ => None,
        }
    }

    async fn follow_runtime(self: Arc<Self>, mut events: broadcast::Receiver<RuntimeEvent>) {
        loop {
            match events.recv().await {
                Ok(event) => self.told(event),
                Err(RecvError::Lagged(_)) => self.relist_all(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn told(&self, event: RuntimeEvent) {
        let (uid, lost) = match event {
            RuntimeEvent::ContainerStarted { pod_uid, .. } | RuntimeEvent::ContainerExited { pod_uid, .. } => (pod_uid, None),
            RuntimeEvent::SandboxGone { pod_uid, sandbox } => (pod_uid, Some(sandbox)),
        };
        if let Some(mailbox) = self.mailbox(&uid) {
            mailbox.tell(|inbox| {
                inbox.relist |= lost.is_some();
                inbox.lost_sandboxes.extend(lost);
            });
        }
    }

    fn relist_all(&self) {
        for entry in self.workers.lock().values() {
            if let Entry::Works(mailbox) = entry {
                mailbox.tell(|inbox| inbox.relist = true);
            }
        }
    }

    async fn follow_probes(self: Arc<Self>, mut results: mpsc::Receiver<ProbeResult>) {
        while let Some(result) = results.recv().await {
            if let Some(mailbox) = self.mailbox(&result.pod_uid) {
                mailbox.tell(|inbox| inbox.probes.push(result));
            }
        }
    }

    /// Pods that were deleted while no kubelet ran: the runtime still has them, the API does not.
    async fn adopt_orphans(self: Arc<Self>, pods: Arc<Informer>) {
        pods.synced().await;
        let sandboxes = match self.cx.runtime.list_sandboxes().await {
            Ok(sandboxes) => sandboxes,
            Err(error) => {
                tracing::warn!(%error, "orphaned pods are not looked for");
                return;
            }
        };
        for sandbox in sandboxes {
            if !self.workers.lock().contains_key(&sandbox.config.pod_uid) {
                self.wished(Wish { pod: Arc::new(orphan(&sandbox.config)), gone: true, evicted: None });
            }
        }
        if self.cx.config.has_disk() {
            self.clean_directories().await;
        }
    }

    /// Directories of pods that nobody knows.
    async fn clean_directories(&self) {
        let Ok(mut entries) = tokio::fs::read_dir(self.cx.config.root.join("var/lib/kubelet/pods")).await else { return };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let uid = entry.file_name().to_string_lossy().into_owned();
            if self.workers.lock().contains_key(&uid) {
                continue;
            }
            if let Err(error) = self.cx.volumes.teardown(&uid).await {
                tracing::warn!(%error, uid, "the volumes of a pod that is gone stay");
            }
        }
    }
}

/// As much of a pod as its sandbox tells.
fn orphan(sandbox: &SandboxConfig) -> PodView {
    let label = |key: &str, or: &str| sandbox.labels.get(key).map_or(or, String::as_str).to_owned();
    PodView::new(json!({
        "metadata": {
            "namespace": label(POD_NAMESPACE, &sandbox.namespace), "name": label(POD_NAME, &sandbox.name), "uid": sandbox.pod_uid,
        },
        "spec": { "hostNetwork": sandbox.host_network },
    }))
}
