//! Measures every ten seconds, and ends one pod at a time when something runs out (kubernetes pkg/kubelet/eviction,
//! synchronize). Promise: before a pod goes, what nobody uses goes; before the next pod goes, the last one is gone.

use super::rank::{Candidate, Usage, rank};
use super::settings::{EvictionSettings, Threshold};
use super::signal::{Condition, Level, Levels, NodeStats, Signal};
use super::watch::{Watch, passed};
use super::{Eviction, IMMEDIATE_GRACE_S, REASON, limits, measure, message};
use crate::image_gc::ImageCollector;
use crate::pods::cx::Cx;
use crate::pods::manager::Manager;
use crate::pods::shown::ShownPod;
use futures::future::join_all;
use meta::Time;
use reconcile::EventType::Warning;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// kubelet's `monitoringInterval`.
const EVERY: Duration = Duration::from_secs(10);
/// kubelet's `volumeStatsAggPeriod`: files are not walked more often while nothing is short.
const WALK_EVERY_S: i64 = 60;
/// How long an evicted pod is waited for before the next one goes.
const CLEANUP_S: i64 = 30;

struct Evictor {
    cx: Arc<Cx>,
    manager: Arc<Manager>,
    stats: Arc<dyn NodeStats>,
    images: Arc<ImageCollector>,
    settings: EvictionSettings,
    watch: Watch,
    /// What pods used when their files were walked last.
    used: HashMap<String, Usage>,
    walked_at: Option<Time>,
    /// Who was told to go, and when.
    going: Vec<(String, Time)>,
}

/// Until stopped.
pub async fn run(
    cx: Arc<Cx>,
    manager: Arc<Manager>,
    stats: Arc<dyn NodeStats>,
    images: Arc<ImageCollector>,
    stop: CancellationToken,
) {
    let settings = cx.config.eviction.clone();
    let mut evictor = Evictor {
        cx,
        manager,
        stats,
        images,
        settings,
        watch: Watch::default(),
        used: HashMap::new(),
        walked_at: None,
        going: Vec::new(),
    };
    let work = async {
        loop {
            evictor.pass().await;
            tokio::time::sleep(EVERY).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

impl Evictor {
    async fn pass(&mut self) {
        let now = self.cx.clock.now();
        let levels = self.levels().await;
        let seen = self.watch.observe(&self.settings, &levels, now);
        self.cx.pressure.set(seen.conditions);
        if self.somebody_goes(now) {
            return;
        }
        let walk = self.walked_at.is_none_or(|then| now.seconds_since(then) >= WALK_EVERY_S);
        if walk && self.enforce_limits(now).await {
            return;
        }
        if let Some(threshold) = seen.reclaim.first() {
            self.reclaim(*threshold, &levels, now).await;
        }
    }

    /// What pods have written counts against the node's own volume, however large the host's disk is.
    async fn levels(&self) -> Levels {
        let mut levels = self.stats.levels().await;
        let running = self.running();
        let used: i64 = running.iter().filter_map(|shown| self.used.get(shown.pod.uid())).map(|usage| usage.disk).sum();
        if let Some(disk) = levels.get_mut(&Signal::NodeFsAvailable) {
            disk.available = disk.available.min(disk.capacity.saturating_sub(used)).max(0);
        }
        levels
    }

    /// Whether a pod that was told to go still runs, and may yet.
    fn somebody_goes(&mut self, now: Time) -> bool {
        let running = self.running();
        let goes = |uid: &str| running.iter().any(|shown| shown.pod.uid() == uid);
        self.going.retain(|(uid, told)| now.seconds_since(*told) < CLEANUP_S && goes(uid));
        !self.going.is_empty()
    }

    fn running(&self) -> Vec<ShownPod> {
        let mut pods = self.cx.shown.all();
        pods.retain(|shown| shown.observed.alive().next().is_some());
        pods
    }

    async fn candidates(&mut self, now: Time) -> Vec<Candidate> {
        let running = self.running();
        let usages = join_all(running.iter().map(|shown| measure::usage(&self.cx, shown))).await;
        self.walked_at = Some(now);
        let candidates: Vec<Candidate> =
            running.into_iter().zip(usages).map(|(shown, usage)| Candidate { pod: shown.pod, usage }).collect();
        let known = |candidate: &Candidate| Some((candidate.pod.uid().to_owned(), candidate.usage.clone()?));
        self.used = candidates.iter().filter_map(known).collect();
        candidates
    }

    /// Pods that broke their own limits go, all of them. Whether there was any.
    async fn enforce_limits(&mut self, now: Time) -> bool {
        let mut evicted = false;
        for candidate in self.candidates(now).await {
            let exceeded = candidate.usage.as_ref().and_then(|usage| limits::exceeded(&candidate.pod, usage));
            if let Some(message) = exceeded {
                evicted |= self.evict(&candidate, &message, IMMEDIATE_GRACE_S, false, now);
            }
        }
        evicted
    }

    async fn reclaim(&mut self, threshold: Threshold, levels: &Levels, now: Time) {
        let Some(level) = levels.get(&threshold.signal).copied() else { return };
        self.cx.events.node(Warning, "EvictionThresholdMet", message::reclaiming(threshold.signal));
        if threshold.signal.condition() == Condition::DiskPressure && self.free_images().await {
            return;
        }
        let mut candidates = self.candidates(now).await;
        rank(threshold.signal, &mut candidates);
        self.evict_first(&threshold, level, &candidates, now);
    }

    /// Whether that was enough.
    async fn free_images(&self) -> bool {
        self.images.delete_unused().await;
        passed(&self.settings.thresholds, &self.levels().await, true).is_empty()
    }

    fn evict_first(&mut self, threshold: &Threshold, level: Level, candidates: &[Candidate], now: Time) {
        for candidate in candidates {
            let message = message::low(threshold, level, candidate);
            let own = candidate.pod.grace_seconds();
            let grace_s = if threshold.is_hard() { IMMEDIATE_GRACE_S } else { own.min(self.settings.max_pod_grace_s) };
            if self.evict(candidate, &message, grace_s, true, now) {
                return;
            }
        }
        tracing::warn!(signal = ?threshold.signal, "no pod can be evicted");
    }

    fn evict(&mut self, candidate: &Candidate, message: &str, grace_s: i64, disruption: bool, now: Time) -> bool {
        let pod = &candidate.pod;
        if pod.is_critical() {
            tracing::warn!(pod = pod.long_name(), "a critical pod is not evicted");
            return false;
        }
        self.cx.events.pod(pod, Warning, REASON, message);
        self.going.push((pod.uid().to_owned(), now));
        self.manager.evict(pod.uid(), Eviction { message: message.into(), grace_s, disruption });
        true
    }
}
