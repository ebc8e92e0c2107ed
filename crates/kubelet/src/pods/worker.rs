//! One pod's worker: observe, decide, apply, and wait for news. Promise: it never acts on two things at a time, gives up
//! what it is doing when the pod must end sooner, and leaves containers alone when the kubelet itself stops.

use super::backoff::Backoffs;
use super::cx::Cx;
use super::image::Pulls;
use super::mailbox::{Inbox, Mailbox};
use super::observed::{Observed, Probes};
use super::shown::ShownPod;
use super::termination;
use crate::eviction;
use crate::parts::{Prepared, ProbeKind, ProbeResult};
use crate::pod::PodView;
use crate::status::{self, Facts, Failure};
use meta::{Doc, Time};
use reconcile::EventType::Warning;
use runtime::cri::{ContainerState, Error, Result, SandboxState};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between attempts at what failed outside of containers: 1 s, doubling to upstream's 10 s.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// How far a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Not looked at yet: leaves by being admitted or refused.
    New,
    /// Made true; leaves when it is deleted, has failed, or has nothing left to run.
    Running,
    /// Everything is being stopped within these seconds; leaves when all has ended.
    Ending { grace_s: i64 },
    /// Only its object, its status and its logs are left; leaves when the object goes.
    Ended,
}

/// What a pass came to.
pub(super) enum Pass {
    /// Look again at once.
    Again,
    /// Wait for news, at most this long.
    Wait(Option<Duration>),
    /// The worker's work is over.
    Done,
}

/// What the status that was said last is made of.
struct Published {
    pod: Arc<PodView>,
    observed: Arc<Observed>,
    probes: Probes,
    reasons: HashMap<String, (String, String)>,
    messages: HashMap<String, String>,
    starting: HashSet<String>,
    failure: Option<Failure>,
    ending: bool,
    ended: bool,
}

pub struct Worker {
    pub(super) cx: Arc<Cx>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) pod: Arc<PodView>,
    pub(super) life: Life,
    pub(super) observed: Observed,
    pub(super) probes: Probes,
    /// Why containers wait, by name.
    pub(super) reasons: HashMap<String, (String, String)>,
    messages: HashMap<String, String>,
    /// Containers whose postStart runs, by id.
    pub(super) starting: HashSet<String>,
    pub(super) crashes: Backoffs,
    pub(super) pulls: Pulls,
    pub(super) prepared: Option<Prepared>,
    /// For which sandbox, labels and annotations the volumes are written.
    pub(super) populated: String,
    pub(super) failure: Option<Failure>,
    pub(super) start_time: Time,
    conditions: Vec<Doc>,
    published: Option<Published>,
    pub(super) listed: bool,
    /// Until when containers that did not start are left alone, and of which generation of the pod that was.
    pub(super) pauses: HashMap<String, Instant>,
    pub(super) pauses_of: i64,
    retries: u32,
}

impl Worker {
    pub fn new(cx: Arc<Cx>, mailbox: Arc<Mailbox>) -> Self {
        let pod = mailbox.wish().pod;
        let start_time = pod.status()["startTime"].as_str().and_then(Time::parse).unwrap_or_else(|| cx.clock.now());
        Self {
            conditions: status::known_conditions(pod.status()).to_vec(),
            cx,
            mailbox,
            pod,
            life: Life::New,
            observed: Observed::default(),
            probes: Probes::default(),
            reasons: HashMap::new(),
            messages: HashMap::new(),
            starting: HashSet::new(),
            crashes: Backoffs::default(),
            pulls: Pulls::default(),
            prepared: None,
            populated: String::new(),
            failure: None,
            start_time,
            published: None,
            listed: false,
            pauses: HashMap::new(),
            pauses_of: 0,
            retries: 0,
        }
    }

    /// Until the pod is gone, or the kubelet stops.
    pub async fn run(mut self, stop: CancellationToken) {
        let uid = self.pod.uid().to_owned();
        if stop.run_until_cancelled(self.work()).await.is_some() {
            let cx = &self.cx;
            cx.prober.stop(&uid, None);
            cx.admission.release(&uid);
            cx.shown.remove(&uid);
        }
    }

    async fn work(&mut self) {
        loop {
            let mailbox = self.mailbox.clone();
            let accepted = match self.life {
                Life::Ending { grace_s } => Some(grace_s),
                Life::Ended => Some(i64::MIN),
                _ => None,
            };
            let pass = tokio::select! {
                biased;
                () = mailbox.hurried(accepted) => None,
                pass = Box::pin(self.pass()) => Some(pass),
            };
            match pass {
                None => self.hurry(),
                Some(Ok(Pass::Done)) => return,
                Some(Ok(Pass::Again)) => self.retries = 0,
                Some(Ok(Pass::Wait(most))) => wait(&mailbox, most).await,
                Some(Err(error)) => {
                    tracing::warn!(pod = self.pod.long_name(), error, "trying again");
                    let pause = self.retry_pause();
                    wait(&mailbox, Some(pause)).await;
                }
            }
        }
    }

    /// The pod must end, or end sooner: whatever was under way has been given up, so nothing is known for sure.
    fn hurry(&mut self) {
        self.pod = self.mailbox.wish().pod;
        self.listed = false;
        let wish = self.mailbox.wish();
        if let Some(grace_s) = wish.urgency() {
            // What ends by itself, or by a deletion, has not failed by being evicted as well.
            if let (Life::New | Life::Running, Some(eviction)) = (self.life, wish.evicted) {
                self.failure = Some(Failure {
                    reason: eviction::REASON.into(),
                    message: eviction.message.to_string(),
                    disruption: eviction.disruption,
                });
            }
            self.life = Life::Ending { grace_s };
        }
    }

    pub(super) fn retry_pause(&mut self) -> Duration {
        let pause = (RETRY_FIRST * 2_u32.pow(self.retries.min(4))).min(RETRY_MAX);
        self.retries += 1;
        pause
    }

    async fn pass(&mut self) -> std::result::Result<Pass, String> {
        let wish = self.mailbox.wish();
        self.pod = wish.pod;
        self.observe().await.map_err(|error| error.to_string())?;
        match self.life {
            Life::New => Ok(self.admit()),
            Life::Running => self.sync().await,
            Life::Ending { grace_s } => self.end(grace_s).await,
            Life::Ended if wish.gone || self.pod.is_deleting() => self.remove(wish.gone).await,
            Life::Ended => Ok(Pass::Wait(None)),
        }
    }

    fn admit(&mut self) -> Pass {
        if self.pod.is_terminal() {
            self.life = Life::Ending { grace_s: self.pod.grace_seconds() };
            return Pass::Again;
        }
        let runs = !self.observed.sandboxes.is_empty();
        let room = if runs { Ok(()) } else { self.cx.pressure.admit(&self.pod) };
        match room.and_then(|()| self.cx.admission.admit(&self.pod, runs)) {
            Ok(()) => {
                self.adopt();
                self.life = Life::Running;
                Pass::Again
            }
            Err(failure) => {
                self.cx.events.pod(&self.pod, Warning, reason_of(&failure.reason), failure.message.clone());
                let message = format!("Pod was rejected: {}", failure.message);
                let shown = Failure { message, ..failure };
                let status = status::rejected(&self.pod, &shown, self.cx.clock.now());
                self.cx.statuses.set(&self.pod, Arc::new(status));
                self.life = Life::Ended;
                Pass::Again
            }
        }
    }

    /// What probes said of containers that a kubelet before this one started.
    fn adopt(&mut self) {
        let found = self.observed.alive().filter_map(|status| {
            let known = status::containers::find(self.pod.status(), &status.config.name);
            (known["containerID"] == status::containers::container_id(status)).then_some((status, known))
        });
        let mut results = Vec::new();
        for (status, known) in found {
            for (field, kind) in [("started", ProbeKind::Startup), ("ready", ProbeKind::Readiness)] {
                if known[field] == true {
                    results.push(ProbeResult {
                        pod_uid: self.pod.uid().into(),
                        container: status.config.name.clone(),
                        container_id: status.config.id.clone(),
                        kind,
                        ok: true,
                        message: String::new(),
                    });
                }
            }
        }
        results.into_iter().for_each(|result| self.probes.take_in(result));
    }

    /// Takes in what the runtime and others say.
    pub(super) async fn observe(&mut self) -> Result<()> {
        let Inbox { probes, relist, lost_sandboxes } = self.mailbox.take();
        probes.into_iter().for_each(|result| self.probes.take_in(result));
        if relist || !self.listed {
            self.list().await?;
            self.listed = true;
        } else {
            self.refresh().await?;
        }
        for sandbox in self.observed.sandboxes.iter_mut().filter(|sandbox| lost_sandboxes.contains(&sandbox.config.id)) {
            sandbox.state = SandboxState::NotReady;
        }
        self.read_messages().await;
        let observed = &self.observed;
        self.probes.keep(|id| observed.alive().any(|status| status.config.id == id));
        Ok(())
    }

    async fn list(&mut self) -> Result<()> {
        let (sandboxes, containers) = self.cx.runtime.list_pod(self.pod.uid()).await?;
        let addresses = std::mem::take(&mut self.observed.addresses);
        let before = self.observed.ready_sandbox().map(|sandbox| sandbox.config.id.clone());
        self.observed = Observed::new(sandboxes, containers);
        // They belong to the sandbox that they were set up for.
        if before.is_some() && self.observed.ready_sandbox().map(|sandbox| &sandbox.config.id) == before.as_ref() {
            self.observed.addresses = addresses;
        }
        Ok(())
    }

    /// Only what can have changed: containers that had not ended.
    async fn refresh(&mut self) -> Result<()> {
        let alive: Vec<String> = self.observed.alive().map(|status| status.config.id.clone()).collect();
        for id in alive {
            match self.cx.runtime.container_status(&id).await {
                Ok(status) => self.observed.put_container(status),
                Err(Error::NotFound { .. }) => self.observed.containers.retain(|status| status.config.id != id),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read_messages(&mut self) {
        for status in self.observed.containers.iter().filter(|status| status.state == ContainerState::Exited) {
            if !self.messages.contains_key(&status.config.id)
                && let Some(container) = self.pod.container(&status.config.name)
            {
                let message = termination::message(container, status).await;
                self.messages.insert(status.config.id.clone(), message);
            }
        }
        let observed = &self.observed;
        self.messages.retain(|id, _| observed.containers.iter().any(|status| status.config.id == *id));
    }

    /// Says how the pod is. `ended`: nothing of it runs any more.
    pub(super) fn publish(&mut self, ended: bool) {
        let ending = matches!(self.life, Life::Ending { .. } | Life::Ended);
        if self.published.as_ref().is_some_and(|published| published.is_of(self, ending, ended)) {
            return;
        }
        let api = status::known_conditions(self.pod.status());
        let mut known = self.conditions.clone();
        known.extend(api.iter().filter(|condition| !self.conditions.iter().any(|own| own["type"] == condition["type"])).cloned());
        let facts = Facts {
            pod: &self.pod,
            runtime: &self.observed,
            probes: &self.probes,
            reasons: &self.reasons,
            messages: &self.messages,
            starting: &self.starting,
            failure: self.failure.as_ref(),
            ending,
            ended,
            host_ips: &self.cx.config.addresses,
            start_time: self.start_time,
            known: &known,
            now: self.cx.clock.now(),
        };
        let status = Arc::new(status::generate(&facts));
        self.conditions = status::known_conditions(&status).to_vec();
        let observed = Arc::new(self.observed.clone());
        self.cx.shown.put(ShownPod { pod: self.pod.clone(), status: status.clone(), observed: observed.clone() });
        self.cx.statuses.set(&self.pod, status);
        self.published = Some(Published {
            pod: self.pod.clone(),
            observed,
            probes: self.probes.clone(),
            reasons: self.reasons.clone(),
            messages: self.messages.clone(),
            starting: self.starting.clone(),
            failure: self.failure.clone(),
            ending,
            ended,
        });
    }
}

impl Published {
    /// Whether the worker would say the same again.
    fn is_of(&self, worker: &Worker, ending: bool, ended: bool) -> bool {
        Arc::ptr_eq(&self.pod, &worker.pod)
            && (self.ending, self.ended) == (ending, ended)
            && *self.observed == worker.observed
            && self.probes == worker.probes
            && self.reasons == worker.reasons
            && self.messages == worker.messages
            && self.starting == worker.starting
            && self.failure == worker.failure
    }
}

/// Reasons of events are constants.
fn reason_of(reason: &str) -> &'static str {
    const KNOWN: [&str; 7] =
        [eviction::REASON, "OutOfcpu", "OutOfmemory", "OutOfpods", "OutOfephemeral-storage", "NodeAffinity", "NodePorts"];
    KNOWN.into_iter().find(|known| *known == reason).unwrap_or("UnexpectedAdmissionError")
}

async fn wait(mailbox: &Mailbox, most: Option<Duration>) {
    match most {
        None => mailbox.told().await,
        Some(most) => {
            let until = Instant::now() + most;
            // Either is a reason to look again.
            drop(tokio::time::timeout_at(until, mailbox.told()).await);
        }
    }
}
