//! Probes that succeed when the pod has declared that they do.

use crate::Declared;
use kubelet::{ProbeKind, ProbeResult, ProbeTarget, Prober};
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::HashMap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Results that may wait for the kubelet; more of them wait in their own tasks.
const WAITING: usize = 16;

type Key = (String, String);

pub struct DeclaredProber {
    runtime: Runtime,
    sender: mpsc::Sender<ProbeResult>,
    receiver: Mutex<Option<mpsc::Receiver<ProbeResult>>>,
    /// By pod and container: what is probed, and how to stop it.
    running: Mutex<HashMap<Key, (String, CancellationToken)>>,
}

impl DeclaredProber {
    pub fn new(runtime: &Runtime) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { runtime: runtime.clone(), sender, receiver: Mutex::new(Some(receiver)), running: Mutex::default() }
    }
}

impl Prober for DeclaredProber {
    fn start(&self, target: ProbeTarget) {
        let key = (target.pod.uid().to_owned(), target.container.clone());
        let mut running = self.running.lock();
        if running.get(&key).is_some_and(|(id, _)| *id == target.container_id) {
            return;
        }
        let stop = self.runtime.stop.child_token();
        if let Some((_, before)) = running.insert(key, (target.container_id.clone(), stop.clone())) {
            before.cancel();
        }
        let annotations = target.pod.annotations();
        let after = Declared::new(&annotations, &target.container).ready_after();
        let sender = self.sender.clone();
        self.runtime.tasks.spawn(async move {
            stop.run_until_cancelled(succeed(target, after, sender)).await;
        });
    }

    fn stop(&self, pod_uid: &str, container: Option<&str>) {
        self.running.lock().retain(|(uid, name), (_, stop)| {
            let stays = uid != pod_uid || container.is_some_and(|container| container != name);
            if !stays {
                stop.cancel();
            }
            stays
        });
    }

    fn results(&self) -> Option<mpsc::Receiver<ProbeResult>> {
        self.receiver.lock().take()
    }
}

/// The startup probe at once, the others when it is time; readiness perhaps never.
async fn succeed(target: ProbeTarget, after: Option<std::time::Duration>, sender: mpsc::Sender<ProbeResult>) {
    let Some(container) = target.pod.container(&target.container) else { return };
    let has = |kind: ProbeKind| container.probe(kind.field()).is_some();
    let say = async |kind: ProbeKind| {
        let result = ProbeResult {
            pod_uid: target.pod.uid().to_owned(),
            container: target.container.clone(),
            container_id: target.container_id.clone(),
            kind,
            ok: true,
            message: String::new(),
        };
        // The kubelet is gone: nobody wants to know.
        drop(sender.send(result).await);
    };
    if has(ProbeKind::Startup) {
        say(ProbeKind::Startup).await;
    }
    let Some(after) = after else { return };
    tokio::time::sleep(after).await;
    for kind in [ProbeKind::Liveness, ProbeKind::Readiness] {
        if has(kind) {
            say(kind).await;
        }
    }
}
