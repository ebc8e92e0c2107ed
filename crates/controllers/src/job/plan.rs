//! The decision about one job: `syncJob` of kubernetes `pkg/controller/job/job_controller.go`.

use super::ending::{self, Ending, deadline_in};
use super::manage::{Managed, manage};
use super::pod::JobPod;
use super::status::JobStatus;
use super::tally::Tally;
use super::template::{self, NewPod};
use super::track::track;
use super::view::Job;
use crate::workloads::Pod;
use meta::Time;
use reconcile::EventType;
use std::sync::Arc;

/// All that a decision may look at.
pub(super) struct Seen {
    pub job: Job,
    /// The job's own.
    pub pods: Vec<JobPod>,
    /// False after pods could not be made or deleted: then this plan only counts.
    pub settled: bool,
}

type Pods = Vec<Arc<Pod>>;

/// In the order they are taken.
#[derive(Debug)]
pub(super) enum Step {
    /// Deletes pods that nobody will count.
    Discard(Pods),
    /// Deletes pods whose end will be counted.
    Delete(Pods),
    Create(Vec<NewPod>),
    /// On the version of the job that was looked at.
    Status(Box<JobStatus>),
    /// Puts the finalizer on pods that came without.
    Track(Pods),
    /// Takes the finalizer off pods that status has by now.
    Untrack(Pods),
    Say(EventType, String, String),
    /// Looks again after so many seconds.
    Again(i64),
}

pub(super) fn plan(seen: &Seen, now: Time) -> Vec<Step> {
    let job = &seen.job;
    if job.is_managed_elsewhere() {
        return Vec::new();
    }
    if job.status.is_finished() {
        return untrack(seen.pods.iter().filter(|pod| pod.is_tracked()).collect()).into_iter().collect();
    }
    Pass::new(seen, now).run()
}

struct Pass<'a> {
    seen: &'a Seen,
    now: Time,
    tally: Tally<'a>,
    status: JobStatus,
    steps: Vec<Step>,
    said: Vec<Step>,
}

impl<'a> Pass<'a> {
    fn new(seen: &'a Seen, now: Time) -> Self {
        let tally = Tally::of(seen);
        let mut status = seen.job.status.clone();
        status.active = tally.active.len() as i64;
        status.ready = Some(tally.ready);
        status.terminating = Some(tally.terminating);
        if !seen.job.is_suspended() {
            status.start_time = status.start_time.or(Some(now));
        }
        Self { seen, now, tally, status, steps: Vec::new(), said: Vec::new() }
    }

    fn run(mut self) -> Vec<Step> {
        let ending = self.seen.settled.then(|| self.end_or_manage()).flatten();
        let released = track(self.seen, &self.tally, ending.as_ref(), &mut self.status);
        if let Some(ending) = ending {
            self.conclude(&ending, released.is_empty());
        }
        if self.status != self.seen.job.status {
            self.steps.push(Step::Status(Box::new(self.status)));
        }
        self.steps.extend(untrack(released));
        self.steps.extend(self.said);
        self.steps
    }

    fn end_or_manage(&mut self) -> Option<Ending> {
        if let Some(ending) = ending::ending(self.seen, &self.tally, self.now) {
            let active = self.tally.active.clone();
            self.remove(&active, Step::Delete);
            return Some(ending);
        }
        let job = &self.seen.job;
        self.steps.extend(deadline_in(job, self.now).map(Step::Again));
        let managing = !job.is_deleting();
        if managing {
            self.adopt();
            self.manage();
        }
        let enough = match job.completions() {
            None => self.tally.succeeded > 0,
            Some(completions) => self.tally.succeeded >= completions,
        };
        if enough && self.status.active == 0 {
            return Some(Ending::completed());
        }
        if managing {
            self.suspend_or_resume();
        }
        None
    }

    /// Pods that run for the job and were not made by it.
    fn adopt(&mut self) {
        let untracked: Vec<&JobPod> = self.tally.active.iter().filter(|pod| !pod.is_tracked()).copied().collect();
        if !untracked.is_empty() {
            self.steps.push(Step::Track(handles(&untracked)));
        }
    }

    fn manage(&mut self) {
        let job = &self.seen.job;
        match manage(self.seen, &self.tally, self.now) {
            Managed::Enough => {}
            Managed::Delete(pods) => self.remove(&pods, Step::Discard),
            Managed::Create(count) => self.create(vec![template::plain(job); count]),
            Managed::CreateIndexes(which) => {
                let indexes = self.tally.indexes.as_ref();
                let pods = which.into_iter().filter_map(|index| Some(template::of_index(job, indexes?, index))).collect();
                self.create(pods);
            }
            Managed::Wait(seconds) => self.steps.push(Step::Again(seconds)),
        }
    }

    fn create(&mut self, pods: Vec<NewPod>) {
        self.status.active += pods.len() as i64;
        self.steps.push(Step::Create(pods));
    }

    /// Status tells what will be when the steps are taken.
    fn remove(&mut self, pods: &[&JobPod], step: fn(Pods) -> Step) {
        if pods.is_empty() {
            return;
        }
        let (count, ready) = (pods.len() as i64, pods.iter().filter(|pod| pod.pod.ready).count() as i64);
        self.status.active -= count;
        self.status.terminating = Some(self.status.terminating.unwrap_or(0) + count);
        self.status.ready = Some(self.status.ready.unwrap_or(0) - ready);
        self.steps.push(step(handles(pods)));
    }

    fn suspend_or_resume(&mut self) {
        let suspended = self.seen.job.is_suspended();
        let (word, reason, message) = match suspended {
            true => ("Suspended", "JobSuspended", "Job suspended"),
            false => ("Resumed", "JobResumed", "Job resumed"),
        };
        if !self.status.set_condition("Suspended", suspended, (reason, message), self.now) {
            return;
        }
        // The deadline counts from the last time the job was let go on.
        if !suspended {
            self.status.start_time = Some(self.now);
        }
        self.say(EventType::Normal, word, message);
    }

    /// The end is written in two steps: what it will be, and, with every pod counted and gone, that it is.
    fn conclude(&mut self, ending: &Ending, all_released: bool) {
        let (because, now) = ((ending.reason.as_str(), ending.message.as_str()), self.now);
        if self.status.condition(ending.interim()).is_none() {
            self.status.set_condition(ending.interim(), true, because, now);
        }
        if !all_released || !self.status.uncounted.is_empty() || self.status.terminating.unwrap_or(0) > 0 {
            return;
        }
        self.status.set_condition(ending.terminal(), true, because, now);
        if !ending.success {
            return self.say(EventType::Warning, &ending.reason, &ending.message);
        }
        self.status.completion_time = Some(now);
        if self.seen.job.completions().is_some_and(|wanted| self.status.succeeded > wanted) {
            let message = "Too many succeeded pods running after completion count reached";
            self.say(EventType::Warning, "TooManySucceededPods", message);
        }
        self.say(EventType::Normal, "Completed", "Job completed");
    }

    fn say(&mut self, level: EventType, reason: &str, message: &str) {
        self.said.push(Step::Say(level, reason.into(), message.into()));
    }
}

fn untrack(pods: Vec<&JobPod>) -> Option<Step> {
    (!pods.is_empty()).then(|| Step::Untrack(handles(&pods)))
}

fn handles(pods: &[&JobPod]) -> Pods {
    pods.iter().map(|pod| pod.pod.clone()).collect()
}
