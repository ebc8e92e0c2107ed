//! A container runtime in memory. Containers live as a rule over their configuration declares.

use ::runtime::cri::{
    ContainerConfig, ContainerRuntime, ContainerState, ContainerStats, ContainerStatus, Error, ExecConfig, Resources, Result,
    RuntimeEvent, SandboxConfig, SandboxState, SandboxStatus, Streams,
};
use meta::time::SharedClock;
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Events that a slow reader may be behind.
const EVENTS: usize = 64;
/// Calls that are remembered, for those who test a kubelet.
const CALLS: usize = 256;
const SIGKILL: i32 = 137;

/// How one container lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// None: until it is stopped.
    pub runs: Option<Duration>,
    pub exit_code: i32,
    /// It does not heed the stop signal.
    pub stubborn: bool,
    /// It cannot be started, for this reason.
    pub start_error: Option<String>,
}

type Rule = dyn Fn(&SandboxConfig, &ContainerConfig) -> Lifecycle + Send + Sync;

#[derive(Default)]
struct State {
    sandboxes: BTreeMap<String, SandboxStatus>,
    containers: BTreeMap<String, ContainerStatus>,
    /// What was asked for last, in order: `start web 0`.
    calls: VecDeque<String>,
    /// What containers use, by name.
    usage: BTreeMap<String, ContainerStats>,
}

impl State {
    fn call(&mut self, call: impl FnOnce() -> String) {
        if self.calls.len() == CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call());
    }
}

/// Cheap to clone; clones are one runtime, which outlives each kubelet.
#[derive(Clone)]
pub struct FakeRuntime {
    state: Arc<Mutex<State>>,
    rule: Arc<Rule>,
    events: broadcast::Sender<RuntimeEvent>,
    clock: SharedClock,
    tasks: Runtime,
}

fn missing(kind: &'static str, id: &str) -> Error {
    Error::NotFound { kind, id: id.to_owned() }
}

impl FakeRuntime {
    /// `tasks` owns the timers of containers that end by themselves.
    pub fn new(
        clock: SharedClock,
        tasks: &Runtime,
        rule: impl Fn(&SandboxConfig, &ContainerConfig) -> Lifecycle + Send + Sync + 'static,
    ) -> Self {
        Self { state: Arc::default(), rule: Arc::new(rule), events: broadcast::channel(EVENTS).0, clock, tasks: tasks.clone() }
    }

    /// From now on containers of this name use this much.
    pub fn set_usage(&self, container: &str, usage: ContainerStats) {
        self.state.lock().usage.insert(container.into(), usage);
    }

    pub fn calls(&self) -> Vec<String> {
        self.state.lock().calls.iter().cloned().collect()
    }

    pub fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.sandboxes.len(), state.containers.len())
    }

    pub fn running(&self) -> usize {
        self.state.lock().containers.values().filter(|container| container.state == ContainerState::Running).count()
    }

    /// The shim of a pod dies, and its containers with it.
    pub fn lose_sandbox(&self, pod_uid: &str) {
        let lost: Vec<String> = {
            let mut state = self.state.lock();
            let of_pod = |sandbox: &&mut SandboxStatus| sandbox.config.pod_uid == pod_uid;
            let lost = state.sandboxes.values_mut().filter(of_pod).map(|sandbox| {
                sandbox.state = SandboxState::NotReady;
                sandbox.config.id.clone()
            });
            lost.collect()
        };
        for sandbox in lost {
            self.end_all(&sandbox, SIGKILL);
            self.tell(RuntimeEvent::SandboxGone { pod_uid: pod_uid.into(), sandbox });
        }
    }

    fn tell(&self, event: RuntimeEvent) {
        // Nobody listens: nobody misses it.
        drop(self.events.send(event));
    }

    fn now_ns(&self) -> i64 {
        i64::try_from(self.clock.now().0.as_nanosecond()).unwrap_or(i64::MAX)
    }

    fn end(&self, id: &str, exit_code: i32, reason: &str, message: &str) {
        let now = self.now_ns();
        let event = {
            let mut state = self.state.lock();
            let Some(container) = state.containers.get_mut(id).filter(|c| c.state != ContainerState::Exited) else { return };
            container.state = ContainerState::Exited;
            container.exit_code = exit_code;
            container.finished_at_ns = now;
            container.reason = reason.into();
            container.message = message.into();
            let (name, sandbox) = (container.config.name.clone(), container.sandbox_id.clone());
            let pod_uid = state.sandboxes.get(&sandbox).map(|s| s.config.pod_uid.clone()).unwrap_or_default();
            RuntimeEvent::ContainerExited { pod_uid, container: name }
        };
        self.tell(event);
    }

    fn end_all(&self, sandbox: &str, exit_code: i32) {
        let ids: Vec<String> = {
            let state = self.state.lock();
            state.containers.values().filter(|c| c.sandbox_id == sandbox).map(|c| c.config.id.clone()).collect()
        };
        ids.iter().for_each(|id| self.end(id, exit_code, "", ""));
    }

    fn ends_later(&self, id: &str, after: Duration, exit_code: i32) {
        let (runtime, id, stop) = (self.clone(), id.to_owned(), self.tasks.stop.clone());
        self.tasks.tasks.spawn(async move {
            if stop.run_until_cancelled(tokio::time::sleep(after)).await.is_some() {
                runtime.end(&id, exit_code, "", "");
            }
        });
    }
}

#[async_trait::async_trait]
impl ContainerRuntime for FakeRuntime {
    fn version(&self) -> String {
        "fake://0.1.0".into()
    }

    async fn run_sandbox(&self, config: &SandboxConfig) -> Result<SandboxStatus> {
        let status = SandboxStatus { config: config.clone(), state: SandboxState::Ready, created_at_ns: self.now_ns(), pid: 1 };
        let mut state = self.state.lock();
        state.call(|| format!("sandbox {}", config.attempt));
        state.sandboxes.insert(config.id.clone(), status.clone());
        Ok(status)
    }

    async fn stop_sandbox(&self, id: &str) -> Result<()> {
        if let Some(sandbox) = self.state.lock().sandboxes.get_mut(id) {
            sandbox.state = SandboxState::NotReady;
        }
        self.end_all(id, SIGKILL);
        Ok(())
    }

    async fn remove_sandbox(&self, id: &str) -> Result<()> {
        self.stop_sandbox(id).await?;
        let mut state = self.state.lock();
        state.sandboxes.remove(id);
        state.containers.retain(|_, container| container.sandbox_id != id);
        Ok(())
    }

    async fn list_sandboxes(&self) -> Result<Vec<SandboxStatus>> {
        Ok(self.state.lock().sandboxes.values().cloned().collect())
    }

    async fn create_container(&self, sandbox: &str, config: &ContainerConfig) -> Result<()> {
        let status = ContainerStatus {
            config: config.clone(),
            sandbox_id: sandbox.into(),
            state: ContainerState::Created,
            pid: 0,
            created_at_ns: self.now_ns(),
            started_at_ns: 0,
            finished_at_ns: 0,
            exit_code: 0,
            reason: String::new(),
            message: String::new(),
        };
        self.state.lock().containers.insert(config.id.clone(), status);
        Ok(())
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        let now = self.now_ns();
        let (name, pod_uid, lifecycle) = {
            let mut state = self.state.lock();
            let container = state.containers.get_mut(id).ok_or_else(|| missing("container", id))?;
            container.state = ContainerState::Running;
            container.started_at_ns = now;
            let (config, sandbox) = (container.config.clone(), container.sandbox_id.clone());
            state.call(|| format!("start {} {}", config.name, config.attempt));
            let sandbox = state.sandboxes.get(&sandbox).ok_or_else(|| missing("sandbox", &sandbox))?;
            (config.name.clone(), sandbox.config.pod_uid.clone(), (self.rule)(&sandbox.config, &config))
        };
        if let Some(why) = lifecycle.start_error {
            self.end(id, 128, "StartError", &why);
            return Err(Error::Create(why));
        }
        self.tell(RuntimeEvent::ContainerStarted { pod_uid, container: name });
        if let Some(after) = lifecycle.runs {
            self.ends_later(id, after, lifecycle.exit_code);
        }
        Ok(())
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        let lifecycle = {
            let mut state = self.state.lock();
            let Some(container) = state.containers.get(id).filter(|c| c.state != ContainerState::Exited) else { return Ok(()) };
            let (config, sandbox) = (container.config.clone(), container.sandbox_id.clone());
            state.call(|| format!("stop {} {}", config.name, grace.as_secs()));
            let sandbox = state.sandboxes.get(&sandbox).ok_or_else(|| missing("sandbox", &sandbox))?;
            (self.rule)(&sandbox.config, &config)
        };
        if lifecycle.stubborn {
            tokio::time::sleep(grace).await;
            self.end(id, SIGKILL, "", "");
        } else {
            self.end(id, 0, "", "");
        }
        Ok(())
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.end(id, SIGKILL, "", "");
        self.state.lock().containers.remove(id);
        Ok(())
    }

    async fn list_containers(&self) -> Result<Vec<ContainerStatus>> {
        Ok(self.state.lock().containers.values().cloned().collect())
    }

    /// Without a copy of every other pod.
    async fn list_pod(&self, uid: &str) -> Result<(Vec<SandboxStatus>, Vec<ContainerStatus>)> {
        let state = self.state.lock();
        let sandboxes: Vec<SandboxStatus> = state.sandboxes.values().filter(|s| s.config.pod_uid == uid).cloned().collect();
        let own = |container: &&ContainerStatus| sandboxes.iter().any(|sandbox| sandbox.config.id == container.sandbox_id);
        let containers = state.containers.values().filter(own).cloned().collect();
        Ok((sandboxes, containers))
    }

    async fn container_status(&self, id: &str) -> Result<ContainerStatus> {
        self.state.lock().containers.get(id).cloned().ok_or_else(|| missing("container", id))
    }

    async fn container_stats(&self, id: &str) -> Result<ContainerStats> {
        let state = self.state.lock();
        let container = state.containers.get(id).ok_or_else(|| missing("container", id))?;
        let usage = state.usage.get(&container.config.name).cloned().unwrap_or_default();
        Ok(ContainerStats { container_id: id.into(), ..usage })
    }

    async fn update_resources(&self, id: &str, resources: &Resources) -> Result<()> {
        let mut state = self.state.lock();
        let container = state.containers.get_mut(id).ok_or_else(|| missing("container", id))?;
        container.config.resources = resources.clone();
        Ok(())
    }

    /// Every command says nothing and succeeds, but `false`.
    async fn exec(&self, id: &str, config: &ExecConfig) -> Result<Streams> {
        let mut state = self.state.lock();
        let name = state.containers.get(id).map(|c| c.config.name.clone()).ok_or_else(|| missing("container", id))?;
        state.call(|| format!("exec {name} {}", config.command.join(" ")));
        let (sender, exit) = oneshot::channel();
        let code = i32::from(config.command.first().is_some_and(|program| program == "false"));
        // The receiver is in our hands.
        drop(sender.send(Ok(code)));
        Ok(Streams { stdin: None, stdout: None, stderr: None, resize: mpsc::channel(1).0, exit })
    }

    async fn attach(&self, id: &str, config: &ExecConfig) -> Result<Streams> {
        self.exec(id, config).await
    }

    fn events(&self) -> broadcast::Receiver<RuntimeEvent> {
        self.events.subscribe()
    }
}
