//! Pods that wait: to be tried, for a pause to end, or for something to change
//! (kubernetes pkg/scheduler/backend/queue/scheduling_queue.go).

mod backoff;
#[cfg(test)]
mod tests;

use crate::model::Pod;
use crate::plugins::priority_sort::{Rank, rank};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// After this long a pod is tried again whatever happened: the net under the hints.
const MAX_UNSCHEDULABLE: Duration = Duration::from_secs(300);

/// A pod on its way through the queue.
#[derive(Clone, Debug)]
pub struct Queued {
    pub pod: Arc<Pod>,
    /// How often it was found unschedulable.
    pub attempts: u32,
    /// Whose refusals keep it. Empty: nobody's in particular.
    pub refused_by: BTreeSet<&'static str>,
    /// When it came, or was last tried.
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Until others let it in.
    Gated,
    /// Until it is popped.
    Active,
    /// Until its pause ends, or there is nothing else to do.
    BackingOff,
    /// Until its pause ends: the last attempt was an error.
    Failed,
    /// Until a change wakes it.
    Unschedulable,
}

#[derive(Debug)]
struct Entry {
    queued: Queued,
    place: Place,
    /// Changes with the place, so that what heaps still hold of former places is told apart.
    serial: u64,
}

/// By the hour: when it is due, and which entry.
type Timetable = BinaryHeap<Reverse<(Instant, u64, Arc<str>)>>;

#[derive(Debug, Default)]
pub struct Queue {
    entries: HashMap<Arc<str>, Entry>,
    active: BinaryHeap<(Rank, Arc<str>)>,
    backing_off: Timetable,
    failed: Timetable,
    unschedulable: Timetable,
    serial: u64,
}

impl Queue {
    /// Takes in a new pod.
    pub fn add(&mut self, pod: Arc<Pod>, is_gated: bool, now: Instant) {
        let queued = Queued { pod, attempts: 0, refused_by: BTreeSet::new(), since: now };
        self.put(queued, if is_gated { Place::Gated } else { Place::Active }, now);
    }

    pub fn get(&self, uid: &str) -> Option<&Queued> {
        self.entries.get(uid).map(|entry| &entry.queued)
    }

    /// Takes in a newer version. One that asks for something else is tried anew.
    pub fn update(&mut self, pod: Arc<Pod>, is_gated: bool, now: Instant) {
        let Some(entry) = self.entries.get_mut(pod.uid()) else { return };
        let same = entry.queued.pod.same_to_plugins(&pod);
        entry.queued.pod = pod;
        let (queued, place) = (entry.queued.clone(), entry.place);
        match place {
            Place::Gated if !is_gated => self.put(queued, Place::Active, now),
            Place::Unschedulable if !same => self.wake_one(queued, now),
            Place::Active if !same => self.put(queued, Place::Active, now),
            _ => {}
        }
    }

    pub fn remove(&mut self, uid: &str) -> Option<Queued> {
        self.entries.remove(uid).map(|entry| entry.queued)
    }

    /// The next pod to try. With none left, one whose pause is not over yet, unless its last attempt was an error.
    pub fn pop(&mut self, now: Instant) -> Option<Queued> {
        self.put_due_back(now);
        while let Some((rank, uid)) = self.active.pop() {
            if self.is_current(&uid, Place::Active, rank.2.0) {
                return self.remove(&uid);
            }
        }
        while let Some(Reverse((_, serial, uid))) = self.backing_off.pop() {
            if self.is_current(&uid, Place::BackingOff, serial) {
                return self.remove(&uid);
            }
        }
        None
    }

    /// Keeps a pod that fits nowhere, until something changes.
    pub fn unschedulable(&mut self, mut queued: Queued, refused_by: BTreeSet<&'static str>, now: Instant) {
        queued.attempts += 1;
        queued.refused_by = refused_by;
        queued.since = now;
        self.put(queued, Place::Unschedulable, now);
    }

    /// Keeps a pod that could not be tried or bound, until a pause is over.
    pub fn failed(&mut self, mut queued: Queued, now: Instant) {
        queued.attempts += 1;
        queued.since = now;
        self.put(queued, Place::Failed, now);
    }

    /// Has the pods tried again that a change may help.
    pub fn wake(&mut self, now: Instant, mut helps: impl FnMut(&Queued) -> bool) {
        let waiting = self.entries.values().filter(|entry| entry.place == Place::Unschedulable);
        let woken: Vec<Queued> = waiting.filter(|entry| helps(&entry.queued)).map(|entry| entry.queued.clone()).collect();
        woken.into_iter().for_each(|queued| self.wake_one(queued, now));
    }

    fn wake_one(&mut self, queued: Queued, now: Instant) {
        let is_pausing = now < queued.since + backoff::pause(queued.attempts);
        self.put(queued, if is_pausing { Place::BackingOff } else { Place::Active }, now);
    }

    /// When a pod comes back by itself.
    pub fn next_due(&self) -> Option<Instant> {
        let tables = [&self.backing_off, &self.failed, &self.unschedulable];
        tables.into_iter().filter_map(|table| table.peek().map(|Reverse((due, ..))| *due)).min()
    }

    /// Whether [`Queue::pop`] may have a pod.
    pub fn has_work(&self, now: Instant) -> bool {
        !self.active.is_empty() || !self.backing_off.is_empty() || self.next_due().is_some_and(|due| due <= now)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    fn put_due_back(&mut self, now: Instant) {
        for place in [Place::BackingOff, Place::Failed, Place::Unschedulable] {
            while let Some((serial, uid)) = self.take_due(place, now) {
                if self.is_current(&uid, place, serial)
                    && let Some(queued) = self.remove(&uid)
                {
                    self.put(queued, Place::Active, now);
                }
            }
        }
    }

    fn take_due(&mut self, place: Place, now: Instant) -> Option<(u64, Arc<str>)> {
        let table = match place {
            Place::BackingOff => &mut self.backing_off,
            Place::Failed => &mut self.failed,
            Place::Unschedulable => &mut self.unschedulable,
            Place::Active | Place::Gated => return None,
        };
        table.peek().filter(|Reverse((due, ..))| *due <= now)?;
        table.pop().map(|Reverse((_, serial, uid))| (serial, uid))
    }

    fn is_current(&self, uid: &str, place: Place, serial: u64) -> bool {
        self.entries.get(uid).is_some_and(|entry| entry.place == place && entry.serial == serial)
    }

    fn put(&mut self, queued: Queued, place: Place, now: Instant) {
        self.serial += 1;
        let (uid, serial): (Arc<str>, u64) = (queued.pod.uid().into(), self.serial);
        let pause_ends = queued.since + backoff::pause(queued.attempts);
        match place {
            Place::Active => self.active.push((rank(queued.pod.asks.priority, queued.since, serial), uid.clone())),
            Place::BackingOff => self.backing_off.push(Reverse((pause_ends, serial, uid.clone()))),
            Place::Failed => self.failed.push(Reverse((pause_ends, serial, uid.clone()))),
            Place::Unschedulable => self.unschedulable.push(Reverse((now + MAX_UNSCHEDULABLE, serial, uid.clone()))),
            Place::Gated => {}
        }
        self.entries.insert(uid, Entry { queued, place, serial });
    }
}
