//! What a worker does: makes a pod true, ends it, and removes what is left of it
//! (kubernetes pkg/kubelet/kubelet.go SyncPod, SyncTerminatingPod, SyncTerminatedPod).

use super::hooks::{self, Place};
use super::observed::time_of;
use super::plan::{Hold, Kill, Plan, Seen, Start, plan};
use super::sandbox::{self, Failed};
use super::start::{self, Ground};
use super::stop;
use super::trouble::{CRASH_LOOP, POST_START, PULL, PULL_BACKOFF, Trouble};
use super::worker::{Life, Pass, Worker};
use crate::parts::{ProbeKind, ProbeTarget};
use crate::pod::ContainerView;
use crate::status::Failure;
use meta::Time;
use reconcile::EventType::{Normal, Warning};
use runtime::cri::{ContainerState, ContainerStatus, SandboxState};
use std::time::Duration;
use tokio::time::Instant;

/// A failed pull is shown as such for a moment before it becomes a pause.
const AFTER_FAILED_PULL: Duration = Duration::from_secs(1);

type Outcome = Result<Pass, String>;

fn until(then: Time, now: Time) -> Duration {
    let millis = then.0.duration_since(now.0).as_millis().clamp(1, i128::from(u32::MAX));
    Duration::from_millis(millis as u64)
}

fn sooner(first: Option<Duration>, second: Option<Duration>) -> Option<Duration> {
    first.into_iter().chain(second).min()
}

impl Worker {
    pub(super) async fn sync(&mut self) -> Outcome {
        let left = match self.deadline() {
            Some(left) if left.is_zero() => return Ok(self.fail_by_deadline()),
            left => left,
        };
        let plan = self.plan();
        if plan.finish {
            self.life = Life::Ending { grace_s: self.pod.grace_seconds() };
            return Ok(Pass::Again);
        }
        if let Some(attempt) = plan.sandbox {
            self.publish(false);
            return self.renew_sandbox(attempt).await;
        }
        if let Err(failed) = self.furnish().await {
            self.publish(false);
            return Ok(self.retry(failed));
        }
        self.apply(plan, left).await
    }

    fn plan(&self) -> Plan {
        plan(&Seen {
            pod: &self.pod,
            runtime: &self.observed,
            probes: &self.probes,
            backoffs: &self.crashes,
            now: self.cx.clock.now(),
        })
    }

    async fn apply(&mut self, plan: Plan, left: Option<Duration>) -> Outcome {
        self.probe();
        let progress = !(plan.kill.is_empty() && plan.start.is_empty());
        let mut wake = left;
        for hold in &plan.hold {
            wake = sooner(wake, Some(self.hold(hold)));
        }
        self.publish(false);
        for kill in plan.kill {
            self.kill(kill).await?;
        }
        let mut started = false;
        self.forget_pauses();
        for start in plan.start {
            let name = start.name.clone();
            if let Some(left) = self.pause_left(&name) {
                wake = sooner(wake, Some(left));
                continue;
            }
            match self.start(start).await? {
                None => started = true,
                Some(pause) => {
                    self.pauses.insert(name, Instant::now() + pause);
                    wake = sooner(wake, Some(pause));
                }
            }
        }
        if progress {
            self.observe().await.map_err(|error| error.to_string())?;
            self.publish(false);
        }
        if !progress {
            self.collect().await?;
        }
        Ok(if started { Pass::Again } else { Pass::Wait(wake) })
    }

    /// A changed pod is tried again at once.
    fn forget_pauses(&mut self) {
        if self.pauses_of != self.pod.generation() {
            self.pauses.clear();
            self.pauses_of = self.pod.generation();
        }
    }

    /// How long a container that did not start is left alone.
    fn pause_left(&self, name: &str) -> Option<Duration> {
        let left = self.pauses.get(name)?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// How long the pod may still be active.
    fn deadline(&self) -> Option<Duration> {
        let end = self.start_time.plus_seconds(self.pod.active_deadline_seconds()?);
        let now = self.cx.clock.now();
        Some(if now < end { until(end, now) } else { Duration::ZERO })
    }

    fn fail_by_deadline(&mut self) -> Pass {
        let message = "Pod was active on the node longer than the specified deadline";
        self.cx.events.pod(&self.pod, Normal, "DeadlineExceeded", message);
        self.failure = Some(Failure { reason: "DeadlineExceeded".into(), message: message.into(), ..Failure::default() });
        self.life = Life::Ending { grace_s: self.pod.grace_seconds() };
        Pass::Again
    }

    /// A new sandbox, after what is left of the ones before it.
    async fn renew_sandbox(&mut self, attempt: u32) -> Outcome {
        if attempt > 0 {
            self.cx.events.pod(&self.pod, Normal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
        }
        self.stop_sandboxes().await?;
        self.observed.addresses.clear();
        let made = async {
            let prepared = sandbox::prepare(&self.cx, &self.pod).await?;
            let made = sandbox::make(&self.cx, &self.pod, &prepared, attempt).await?;
            Ok((prepared, made))
        };
        match made.await {
            Ok((prepared, (status, addresses))) => {
                self.prepared = Some(prepared);
                self.observed.put_sandbox(status);
                self.observed.addresses = addresses;
                Ok(Pass::Again)
            }
            Err(failed) => Ok(self.retry(failed)),
        }
    }

    fn retry(&mut self, failed: Failed) -> Pass {
        self.cx.events.pod(&self.pod, Warning, failed.reason, failed.message);
        Pass::Wait(Some(self.retry_pause()))
    }

    /// Everything that containers find in their sandbox; done again by a kubelet that finds the sandbox already there.
    async fn furnish(&mut self) -> Result<(), Failed> {
        let Some(sandbox) = self.observed.ready_sandbox().cloned() else { return Ok(()) };
        if self.observed.addresses.is_empty() {
            self.observed.addresses = sandbox::addresses(&self.cx, &self.pod, &sandbox).await?;
        }
        if self.prepared.is_none() {
            self.prepared = Some(sandbox::prepare(&self.cx, &self.pod).await?);
        }
        // Files may show labels and annotations, which change while the pod runs.
        let wanted = format!("{} {:?} {:?}", sandbox.config.id, self.pod.labels(), self.pod.annotations());
        if let Some(prepared) = self.prepared.as_ref().filter(|_| self.populated != wanted) {
            let populated = self.cx.volumes.populate(&self.pod, prepared, &sandbox).await;
            populated.map_err(|error| Failed { reason: "FailedMount", message: error.message })?;
            self.populated = wanted;
        }
        Ok(())
    }

    /// Starts the probes of what runs and stops those of what does not.
    fn probe(&self) {
        let Some(sandbox) = self.observed.ready_sandbox() else { return };
        let probed = |container: &ContainerView<'_>| ProbeKind::ALL.iter().any(|kind| container.probe(kind.field()).is_some());
        for container in self.pod.all_containers().filter(probed) {
            match self.observed.current(container.name()) {
                Some(status) if status.state == ContainerState::Running => self.cx.prober.start(ProbeTarget {
                    pod: self.pod.clone(),
                    container: container.name().into(),
                    container_id: status.config.id.clone(),
                    started_at_ns: status.started_at_ns,
                    started: self.probes.started(container, status),
                    pod_ip: self.observed.addresses.first().copied(),
                    sandbox: sandbox.clone(),
                }),
                _ => self.cx.prober.stop(self.pod.uid(), Some(container.name())),
            }
        }
    }

    /// Says that a container is left alone for a while, and for how long.
    fn hold(&mut self, hold: &Hold) -> Duration {
        if self.reasons.get(&hold.name).is_none_or(|(reason, _)| reason != CRASH_LOOP) {
            let name = self.pod.long_name();
            let pause = go_duration(hold.pause_s);
            let message = format!("back-off {pause} restarting failed container={} pod={name}", hold.name);
            self.reasons.insert(hold.name.clone(), (CRASH_LOOP.into(), message));
            if let Some(container) = self.pod.container(&hold.name) {
                let message = format!("Back-off restarting failed container {} in pod {name}", hold.name);
                self.cx.events.container(&self.pod, container, Warning, "BackOff", message);
            }
        }
        until(hold.until, self.cx.clock.now())
    }

    async fn kill(&mut self, kill: Kill) -> Result<(), String> {
        let Some(status) = self.observed.containers.iter().find(|status| status.config.id == kill.id) else { return Ok(()) };
        self.cx.prober.stop(self.pod.uid(), Some(&kill.name));
        let own = |field| self.pod.container(&kill.name)?.probe(field)?["terminationGracePeriodSeconds"].as_i64();
        let grace_s = own("livenessProbe").unwrap_or_else(|| self.pod.grace_seconds());
        let killed = stop::kill(&self.cx, &self.pod, &self.observed, status, &kill.message, grace_s).await;
        killed.map_err(|error| error.to_string())
    }

    /// Starts a container. Some: it did not start, and when to try again.
    async fn start(&mut self, start: Start) -> Result<Option<Duration>, String> {
        let (cx, pod) = (self.cx.clone(), self.pod.clone());
        let Some(container) = pod.container(&start.name) else { return Ok(None) };
        let (Some(sandbox), Some(prepared)) = (self.observed.ready_sandbox().cloned(), self.prepared.clone()) else {
            return Ok(None);
        };
        if let Some(last) = self.observed.newest(&start.name).filter(|status| status.state == ContainerState::Exited) {
            self.crashes.next(&start.name, time_of(last.finished_at_ns), cx.clock.now());
        }
        self.drop_unstarted(&start.name).await?;
        let observed = self.observed.clone();
        let ground = Ground { pod: &pod, sandbox: &sandbox, prepared: &prepared, observed: &observed };
        match start::start(&cx, &ground, &mut self.pulls, container, start.attempt).await {
            Ok(id) => {
                self.reasons.remove(&start.name);
                let status = cx.runtime.container_status(&id).await.map_err(|error| error.to_string())?;
                self.observed.put_container(status);
                self.post_start(container, &id).await
            }
            Err(trouble) => Ok(Some(self.trouble(&start.name, container.image(), trouble))),
        }
    }

    /// Takes away what an interrupted start left.
    async fn drop_unstarted(&mut self, name: &str) -> Result<(), String> {
        let unstarted = |status: &&ContainerStatus| status.state == ContainerState::Created;
        let ids: Vec<String> = self.observed.named(name).filter(unstarted).map(|status| status.config.id.clone()).collect();
        for id in ids {
            self.cx.runtime.remove_container(&id).await.map_err(|error| error.to_string())?;
            self.observed.containers.retain(|status| status.config.id != id);
        }
        Ok(())
    }

    fn trouble(&mut self, name: &str, image: &str, trouble: Trouble) -> Duration {
        let now = self.cx.clock.now();
        // What was made of it is in the runtime under an id that is not known here.
        self.listed = false;
        let pause = match trouble.reason {
            PULL => AFTER_FAILED_PULL,
            PULL_BACKOFF => {
                self.pulls.backoffs.waiting_since_noted(image, now).map_or(AFTER_FAILED_PULL, |(then, _)| until(then, now))
            }
            _ => self.retry_pause(),
        };
        self.reasons.insert(name.to_owned(), (trouble.reason.into(), trouble.message));
        pause
    }

    /// A container whose postStart fails is killed.
    async fn post_start(&mut self, container: ContainerView<'_>, id: &str) -> Result<Option<Duration>, String> {
        let hook = &container.lifecycle()["postStart"];
        let Some(sandbox) = self.observed.ready_sandbox().cloned().filter(|_| hook.is_object()) else { return Ok(None) };
        self.starting.insert(id.to_owned());
        self.publish(false);
        let place = Place { container, id, sandbox: &sandbox, pod_ip: self.observed.addresses.first().copied() };
        let outcome = hooks::run(&self.cx, &place, hook).await;
        self.starting.remove(id);
        if let Err(error) = outcome {
            let name = container.name();
            tracing::debug!(pod = self.pod.long_name(), container = name, error, "postStart");
            self.cx.events.container(&self.pod, container, Warning, "FailedPostStartHook", "PostStartHook failed");
            self.reasons.insert(name.into(), (POST_START.into(), error));
            self.kill(Kill { id: id.into(), name: name.into(), message: "FailedPostStartHook".into() }).await?;
        }
        Ok(None)
    }

    /// Of each container only the newest and the one before it are kept, and of old sandboxes those that hold one.
    async fn collect(&mut self) -> Result<(), String> {
        let names: Vec<String> = self.pod.all_containers().map(|container| container.name().to_owned()).collect();
        let old =
            |name: &String| self.observed.named(name).rev().skip(2).map(|status| status.config.id.clone()).collect::<Vec<_>>();
        let gone: Vec<String> = names.iter().flat_map(old).collect();
        for id in gone {
            self.cx.runtime.remove_container(&id).await.map_err(|error| error.to_string())?;
            self.observed.containers.retain(|status| status.config.id != id);
        }
        let Some(newest) = self.observed.newest_sandbox().map(|sandbox| sandbox.config.id.clone()) else { return Ok(()) };
        let held = |id: &str| self.observed.containers.iter().any(|status| status.sandbox_id == id);
        let empty: Vec<String> =
            self.observed.sandboxes.iter().map(|s| s.config.id.clone()).filter(|id| *id != newest && !held(id)).collect();
        for id in empty {
            self.cx.runtime.remove_sandbox(&id).await.map_err(|error| error.to_string())?;
            self.observed.sandboxes.retain(|sandbox| sandbox.config.id != id);
        }
        Ok(())
    }

    async fn stop_sandboxes(&mut self) -> Result<(), String> {
        for sandbox in &mut self.observed.sandboxes {
            sandbox::stop(&self.cx, &self.pod, sandbox).await?;
            sandbox.state = SandboxState::NotReady;
        }
        Ok(())
    }

    /// Ends all containers, then what they stood on.
    pub(super) async fn end(&mut self, grace_s: i64) -> Outcome {
        self.cx.prober.stop(self.pod.uid(), None);
        self.cx.volumes.settle(self.pod.uid());
        self.starting.clear();
        if self.observed.alive().next().is_some() {
            self.publish(false);
            let killed = stop::kill_all(&self.cx, &self.pod, &self.observed, grace_s).await;
            killed.map_err(|error| error.to_string())?;
            self.observe().await.map_err(|error| error.to_string())?;
        }
        self.stop_sandboxes().await?;
        self.observed.addresses.clear();
        self.cx.volumes.teardown(self.pod.uid()).await.map_err(|error| error.message)?;
        self.life = Life::Ended;
        self.reasons.clear();
        self.publish(true);
        self.cx.admission.release(self.pod.uid());
        Ok(Pass::Again)
    }

    /// Removes what is left of a pod whose object is going or gone.
    pub(super) async fn remove(&mut self, gone: bool) -> Outcome {
        for sandbox in &self.observed.sandboxes {
            self.cx.runtime.remove_sandbox(&sandbox.config.id).await.map_err(|error| error.to_string())?;
        }
        start::remove_logs(&self.cx, &self.observed, &self.pod).await.map_err(|error| format!("logs: {error}"))?;
        self.cx.volumes.teardown(self.pod.uid()).await.map_err(|error| error.message)?;
        if gone {
            self.cx.statuses.forget(self.pod.uid());
        } else {
            self.cx.statuses.delete(&self.pod);
        }
        Ok(Pass::Done)
    }
}

/// `10s`, `1m20s`, `5m0s`: how Go prints whole seconds.
fn go_duration(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        _ => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_print_as_go_prints_them() {
        for (seconds, text) in [(10, "10s"), (80, "1m20s"), (300, "5m0s")] {
            assert_eq!(go_duration(seconds), text);
        }
    }
}
