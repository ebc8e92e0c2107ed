//! Probes of containers. Follows kubernetes pkg/kubelet/prober (worker.go): one task per container and kind, results are
//! told when a threshold is passed, a startup probe comes before the others.

mod attempt;
mod grpc;
mod http;
mod tcp;

use crate::events::Events;
use crate::parts::{ProbeKind, ProbeResult, ProbeTarget, Prober};
use attempt::Attempt;
use meta::Doc;
use node_os::netns::NetNs;
use parking_lot::Mutex;
use reconcile::{EventType, Runtime};
use runtime::cri::ContainerRuntime;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Results that may wait for the kubelet.
const WAITING: usize = 256;

/// What a probe asks of whoever attempts it.
#[derive(Clone)]
pub struct Attempts {
    pub runtime: Arc<dyn ContainerRuntime>,
    /// From which pods are dialled.
    pub network: NetNs,
}

pub struct Probes {
    attempts: Attempts,
    events: Events,
    tasks: Runtime,
    running: Mutex<HashMap<(String, String), Running>>,
    results: mpsc::Sender<ProbeResult>,
    receiver: Mutex<Option<mpsc::Receiver<ProbeResult>>>,
}

struct Running {
    container_id: String,
    stop: CancellationToken,
}

impl Probes {
    pub fn new(attempts: Attempts, events: Events, tasks: &Runtime) -> Self {
        let (results, receiver) = mpsc::channel(WAITING);
        Self { attempts, events, tasks: tasks.clone(), running: Mutex::default(), results, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.running.lock().drain().for_each(|(_, running)| running.stop.cancel());
    }
}

impl Prober for Probes {
    fn start(&self, target: ProbeTarget) {
        let key = (target.pod.uid().to_owned(), target.container.clone());
        let mut running = self.running.lock();
        if running.get(&key).is_some_and(|known| known.container_id == target.container_id) {
            return;
        }
        let stop = self.tasks.stop.child_token();
        let next = Running { container_id: target.container_id.clone(), stop: stop.clone() };
        if let Some(before) = running.insert(key, next) {
            before.stop.cancel();
        }
        let Some(container) = target.pod.container(&target.container) else { return };
        let has_startup = container.probe(ProbeKind::Startup.field()).is_some();
        let started = watch::Sender::new(target.started || !has_startup);
        for kind in ProbeKind::ALL {
            let Some(probe) = container.probe(kind.field()) else { continue };
            let worker = Worker {
                attempt: Attempt::of(probe, &target, container),
                timing: Timing::of(probe, kind),
                kind,
                target: target.clone(),
                attempts: self.attempts.clone(),
                events: self.events.clone(),
                results: self.results.clone(),
                started: started.clone(),
            };
            let stop = stop.clone();
            self.tasks.tasks.spawn(async move {
                stop.run_until_cancelled(worker.run()).await;
            });
        }
    }

    fn stop(&self, pod_uid: &str, container: Option<&str>) {
        self.running.lock().retain(|(uid, name), running| {
            let meant = uid == pod_uid && container.is_none_or(|container| container == name);
            if meant {
                running.stop.cancel();
            }
            !meant
        });
    }

    fn results(&self) -> Option<mpsc::Receiver<ProbeResult>> {
        self.receiver.lock().take()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Timing {
    initial_delay: Duration,
    period: Duration,
    timeout: Duration,
    successes: u32,
    failures: u32,
}

impl Timing {
    /// Zero stands for upstream's default, as where a document was stored without it.
    fn of(probe: &Doc, kind: ProbeKind) -> Self {
        let number = |field: &str, default: u64| probe[field].as_u64().filter(|value| *value > 0).unwrap_or(default);
        let small = |field: &str, default: u64| u32::try_from(number(field, default)).unwrap_or(u32::MAX);
        Self {
            initial_delay: Duration::from_secs(number("initialDelaySeconds", 0)),
            period: Duration::from_secs(number("periodSeconds", 10)),
            timeout: Duration::from_secs(number("timeoutSeconds", 1)),
            successes: if kind == ProbeKind::Readiness { small("successThreshold", 1) } else { 1 },
            failures: small("failureThreshold", 3),
        }
    }
}

/// Counts equal outcomes in a row; says when a threshold is passed and the verdict is another than before.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    last: Option<bool>,
    run: u32,
    told: Option<bool>,
}

impl Verdict {
    /// Until it was probed, a container is alive, and not ready.
    fn new(kind: ProbeKind) -> Self {
        let told = match kind {
            ProbeKind::Startup => None,
            ProbeKind::Liveness => Some(true),
            ProbeKind::Readiness => Some(false),
        };
        Self { last: None, run: 0, told }
    }

    fn add(&mut self, ok: bool, timing: &Timing) -> Option<bool> {
        self.run = if self.last == Some(ok) { self.run.saturating_add(1) } else { 1 };
        self.last = Some(ok);
        let threshold = if ok { timing.successes } else { timing.failures };
        if self.run < threshold || self.told == Some(ok) {
            return None;
        }
        self.told = Some(ok);
        Some(ok)
    }
}

struct Worker {
    attempt: Attempt,
    timing: Timing,
    kind: ProbeKind,
    target: ProbeTarget,
    attempts: Attempts,
    events: Events,
    results: mpsc::Sender<ProbeResult>,
    started: watch::Sender<bool>,
}

impl Worker {
    async fn run(self) {
        let mut verdict = Verdict::new(self.kind);
        if self.kind == ProbeKind::Startup && *self.started.borrow() {
            return;
        }
        if self.kind != ProbeKind::Startup {
            // The sender lives in this worker: it cannot have gone.
            drop(self.started.subscribe().wait_for(|started| *started).await);
        }
        tokio::time::sleep(self.timing.initial_delay).await;
        loop {
            let outcome = self.once().await;
            if let Err(message) = &outcome {
                self.complain(message);
            }
            if let Some(ok) = verdict.add(outcome.is_ok(), &self.timing) {
                self.tell(ok, outcome.err().unwrap_or_default()).await;
                if self.kind == ProbeKind::Startup && ok {
                    self.started.send_replace(true);
                    return;
                }
                // The container is about to be killed: what answers now says nothing about the next one.
                if !ok && self.kind != ProbeKind::Readiness {
                    return;
                }
            }
            tokio::time::sleep(self.timing.period).await;
        }
    }

    async fn once(&self) -> Result<(), String> {
        self.attempt.make(&self.attempts, &self.target, self.timing.timeout).await
    }

    fn complain(&self, message: &str) {
        let Some(container) = self.target.pod.container(&self.target.container) else { return };
        let name = match self.kind {
            ProbeKind::Startup => "Startup",
            ProbeKind::Liveness => "Liveness",
            ProbeKind::Readiness => "Readiness",
        };
        let message = format!("{name} probe failed: {message}");
        self.events.container(&self.target.pod, container, EventType::Warning, "Unhealthy", message);
    }

    async fn tell(&self, ok: bool, message: String) {
        let result = ProbeResult {
            pod_uid: self.target.pod.uid().to_owned(),
            container: self.target.container.clone(),
            container_id: self.target.container_id.clone(),
            kind: self.kind,
            ok,
            message,
        };
        // The kubelet has ended.
        drop(self.results.send(result).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_are_upstreams() {
        let timing = Timing::of(&json!({"successThreshold": 2}), ProbeKind::Readiness);
        let seconds = Duration::from_secs;
        let expected = Timing { initial_delay: seconds(0), period: seconds(10), timeout: seconds(1), successes: 2, failures: 3 };
        assert_eq!(timing, expected);
        assert_eq!(Timing::of(&json!({"successThreshold": 2}), ProbeKind::Liveness).successes, 1);
    }

    #[test]
    fn verdicts_change_after_enough_of_the_same() {
        let timing = Timing::of(&json!({"failureThreshold": 2, "successThreshold": 2}), ProbeKind::Readiness);
        let mut verdict = Verdict::new(ProbeKind::Readiness);
        let told: Vec<Option<bool>> = [false, false, true, true, true, false, true, false, false].into_iter().map(|ok| verdict.add(ok, &timing)).collect();
        assert_eq!(told, [None, None, None, Some(true), None, None, None, None, Some(false)]);
        let timing = Timing::of(&json!({"failureThreshold": 1}), ProbeKind::Liveness);
        let mut verdict = Verdict::new(ProbeKind::Liveness);
        assert_eq!((verdict.add(true, &timing), verdict.add(false, &timing)), (None, Some(false)));
    }
}
