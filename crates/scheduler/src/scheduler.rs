//! The loop: take in what happened, place the next pod, hand the binding on (kubernetes pkg/scheduler/schedule_one.go).

use crate::cluster::Cluster;
use crate::draw::Draw;
use crate::framework::{Diagnosis, best, feasible};
use crate::inbox::Inbox;
use crate::model::Pod;
use crate::plugins::{SCHEDULER_PLUGINS, default_binder};
use crate::queue::{Queue, Queued};
use crate::stats::Stats;
use crate::writes::{Failure, Permit, Writes};
use meta::Status;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long the loop works before it lets others run, and how many pods it places at most in that time.
const SLICE: Duration = Duration::from_millis(1);
const MOST_PODS: usize = 64;

pub struct Scheduler {
    inbox: Arc<Inbox>,
    writes: Writes,
    stats: Arc<Stats>,
    draw: Draw,
    pub(crate) cluster: Cluster,
    pub(crate) queue: Queue,
    /// Pods that are being bound.
    pub(crate) binding: HashMap<String, Queued>,
    /// Where the next search for nodes starts.
    start: usize,
}

/// What a cycle came to.
enum Decision {
    Bind(String),
    Keep(Diagnosis),
}

impl Scheduler {
    pub fn new(inbox: Arc<Inbox>, writes: Writes, stats: Arc<Stats>, draw: Draw) -> Self {
        let (cluster, queue) = (Cluster::default(), Queue::default());
        Self { inbox, writes, stats, draw, cluster, queue, binding: HashMap::new(), start: 0 }
    }

    pub async fn run(mut self) {
        loop {
            let started = Instant::now();
            for _ in 0..MOST_PODS {
                self.take_in();
                let Some(queued) = self.queue.pop(Instant::now()) else { break };
                let permit = self.writes.permit().await;
                self.schedule_one(queued, permit);
                if started.elapsed() > SLICE {
                    break;
                }
            }
            self.take_in();
            self.stats.pending.store(self.queue.len() as u64, Ordering::Relaxed);
            match self.queue.has_work(Instant::now()) {
                true => tokio::task::yield_now().await,
                false => self.rest().await,
            }
        }
    }

    /// Until news arrive or a pause ends.
    async fn rest(&self) {
        match self.queue.next_due() {
            // Late or early makes no difference to timeouts of news.
            Some(due) => drop(tokio::time::timeout_at(due, self.inbox.arrived()).await),
            None => self.inbox.arrived().await,
        }
    }

    fn take_in(&mut self) {
        for news in self.inbox.take() {
            self.hear(news, Instant::now());
        }
    }

    fn schedule_one(&mut self, queued: Queued, permit: Permit) {
        if queued.pod.is_deleting() || self.cluster.is_assumed(queued.pod.uid()) {
            return;
        }
        let started = std::time::Instant::now();
        let decision = self.decide(&queued.pod);
        self.stats.cycle(started.elapsed());
        match decision {
            Decision::Bind(node) => self.assume_and_bind(queued, node, permit),
            Decision::Keep(diagnosis) => self.keep(queued, diagnosis, permit),
        }
    }

    fn decide(&mut self, pod: &Pod) -> Decision {
        SCHEDULER_PLUGINS.iter().for_each(|plugin| plugin.prepare(&mut self.cluster, pod));
        self.cluster.begin_cycle();
        let outcome = feasible(SCHEDULER_PLUGINS, &self.cluster, pod, self.start);
        let nodes = self.cluster.nodes().len();
        self.start = if nodes == 0 { 0 } else { (self.start + outcome.looked_at) % nodes };
        let draw = &mut self.draw;
        match best(SCHEDULER_PLUGINS, &self.cluster, pod, &outcome.feasible, |n| draw.below(n)) {
            Some(node) => Decision::Bind(self.cluster.host(node).name.clone()),
            None => Decision::Keep(outcome.diagnosis),
        }
    }

    /// From now on the pod counts as being there, and the next one is placed without waiting.
    fn assume_and_bind(&mut self, queued: Queued, node: String, permit: Permit) {
        let pod = queued.pod.clone();
        self.cluster.nominated.remove(pod.uid());
        self.cluster.place(pod.clone(), &node, true);
        self.binding.insert(pod.uid().into(), queued);
        self.writes.bind(pod, node, permit);
    }

    fn keep(&mut self, queued: Queued, diagnosis: Diagnosis, permit: Permit) {
        Stats::count(&self.stats.unschedulable);
        let pod = queued.pod.clone();
        let failure = Failure { reason: "Unschedulable", message: diagnosis.message(), nominated: None };
        self.queue.unschedulable(queued, diagnosis.plugins, Instant::now());
        self.writes.fail(pod, failure, permit);
    }

    /// What came of binding a pod.
    pub(crate) fn bound(&mut self, uid: &str, outcome: Result<(), Status>, now: Instant) {
        let queued = self.binding.remove(uid);
        match outcome {
            Ok(()) => Stats::count(&self.stats.scheduled),
            Err(status) => {
                Stats::count(&self.stats.errors);
                self.forget(uid, now);
                if let Some(queued) = queued {
                    self.report_error(&queued.pod, &status);
                    self.queue.failed(queued, now);
                }
            }
        }
    }

    fn report_error(&self, pod: &Arc<Pod>, status: &Status) {
        let message = format!("running Bind plugin {:?}: {status}", default_binder::NAME);
        tracing::warn!(pod = pod.name(), namespace = pod.namespace(), message, "a pod was not bound");
        // Errors are rare; with too many writes under way this one is not worth a pause.
        if let Some(permit) = self.writes.try_permit() {
            self.writes.fail(pod.clone(), Failure { reason: "SchedulerError", message, nominated: None }, permit);
        }
    }
}
