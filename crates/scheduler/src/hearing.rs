//! What news mean to the snapshot and to waiting pods (kubernetes pkg/scheduler/eventhandlers.go).

use crate::cluster::Cluster;
use crate::framework::Change;
use crate::inbox::News;
use crate::model::{Node, Pod};
use crate::plugins::SCHEDULER_PLUGINS;
use crate::queue::{Queue, Queued};
use crate::scheduler::Scheduler;
use crate::writes::COMPONENT;
use std::sync::Arc;
use tokio::time::Instant;

impl Scheduler {
    pub(crate) fn hear(&mut self, news: News, now: Instant) {
        match news {
            News::Pod(pod) if pod.is_terminal => self.pod_gone(pod.uid(), now),
            News::Pod(pod) if pod.node_name.is_empty() => self.pod_waits(pod, now),
            News::Pod(pod) => self.pod_is_placed(pod, now),
            News::PodGone(uid) => self.pod_gone(&uid, now),
            News::Node(node) => self.node_is(node, now),
            News::NodeGone(name) => drop(self.cluster.set_node(&name, None)),
            News::Namespace(object, is_there) => {
                let labels = is_there.then(|| object.meta.labels.clone());
                self.cluster.set_namespace(&object.meta.name, labels);
            }
            News::Group(kind, object, is_there) => self.cluster.groups.set(kind, &object, is_there),
            News::Budget(object, is_there) => self.cluster.budgets.set(&object, is_there),
            News::Claim(object, is_there) => {
                self.cluster.claims.set(&object, is_there);
                wake(&self.cluster, &mut self.queue, &Change::Claim(&object), now);
            }
            News::StorageClass(object, is_there) => {
                self.cluster.claims.set_class(&object, is_there);
                wake(&self.cluster, &mut self.queue, &Change::StorageClass, now);
            }
            News::Bound(uid, outcome) => self.bound(&uid, outcome, now),
            News::Spared(victim, preemptor) => {
                self.cluster.doom(&victim, false);
                self.queue.wake(now, |queued| queued.pod.uid() == preemptor);
            }
        }
    }

    fn pod_waits(&mut self, pod: Arc<Pod>, now: Instant) {
        if pod.scheduler_name != COMPONENT {
            return;
        }
        if let Some(queued) = self.binding.get_mut(pod.uid()) {
            queued.pod = pod;
            return;
        }
        if self.cluster.is_assumed(pod.uid()) {
            return;
        }
        let is_gated = SCHEDULER_PLUGINS.iter().any(|plugin| !plugin.pre_enqueue(&pod));
        self.nominate(&pod);
        match self.queue.get(pod.uid()) {
            Some(_) => self.queue.update(pod, is_gated, now),
            None => self.queue.add(pod, is_gated, now),
        }
    }

    /// What another scheduler, or this one before a restart, wrote about room being made.
    fn nominate(&mut self, pod: &Arc<Pod>) {
        let known = self.cluster.nominated.node_of(pod.uid()).map(str::to_owned);
        let said = Some(&pod.nominated_node).filter(|node| !node.is_empty());
        if let Some(node) = said.or(known.as_ref()) {
            self.cluster.nominate(pod, node);
        }
    }

    fn pod_is_placed(&mut self, pod: Arc<Pod>, now: Instant) {
        self.queue.remove(pod.uid());
        self.cluster.nominated.remove(pod.uid());
        let known = self.cluster.placed(pod.uid()).map(|(known, _)| known.clone());
        let was_assumed = self.cluster.is_assumed(pod.uid());
        self.cluster.place(pod.clone(), &pod.node_name, false);
        match known {
            Some(old) if old.same_to_plugins(&pod) && !was_assumed => {}
            Some(old) if !was_assumed => wake(&self.cluster, &mut self.queue, &Change::PodUpdated { old: &old, new: &pod }, now),
            _ => wake(&self.cluster, &mut self.queue, &Change::PodAdded(&pod), now),
        }
    }

    fn pod_gone(&mut self, uid: &str, now: Instant) {
        let waiting = self.queue.remove(uid);
        self.binding.remove(uid);
        let kept = self.cluster.nominated.remove(uid).and_then(|node| self.cluster.id_of(&node));
        if let (Some(queued), Some(node)) = (waiting, kept) {
            // The room that was kept for it is free for others.
            let change = Change::PodRemoved { pod: &queued.pod, from: self.cluster.host(node) };
            wake(&self.cluster, &mut self.queue, &change, now);
        }
        self.forget(uid, now);
    }

    /// Takes a pod off its node.
    pub(crate) fn forget(&mut self, uid: &str, now: Instant) {
        if let Some((pod, from)) = self.cluster.take_off(uid) {
            let change = Change::PodRemoved { pod: &pod, from: self.cluster.host(from) };
            wake(&self.cluster, &mut self.queue, &change, now);
        }
    }

    fn node_is(&mut self, node: Arc<Node>, now: Instant) {
        match self.cluster.set_node(node.name(), Some(node.clone())) {
            None => wake(&self.cluster, &mut self.queue, &Change::NodeAdded(&node), now),
            Some(old) if !old.same_to_plugins(&node) => {
                wake(&self.cluster, &mut self.queue, &Change::NodeUpdated { old: &old, new: &node }, now)
            }
            Some(_) => {}
        }
    }
}

fn wake(cluster: &Cluster, queue: &mut Queue, change: &Change<'_>, now: Instant) {
    queue.wake(now, |queued: &Queued| {
        let refusing = SCHEDULER_PLUGINS.iter().filter(|plugin| queued.refused_by.contains(plugin.name()));
        queued.refused_by.is_empty() || refusing.into_iter().any(|plugin| plugin.wakes(cluster, &queued.pod, change))
    });
}
