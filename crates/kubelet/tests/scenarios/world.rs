//! A control plane and a node whose containers live as a test declares. Time stands still unless a test lets it run.

use crate::plane;
use apiserver::ApiServer;
use client::{Client, EventKind, Options, Resource, WatchItem};
use futures::StreamExt;
use kubelet::fake::{FakeImages, FakeNetwork, FakeRuntime, FakeStats, Lifecycle, NoVolumes, PlainEnvironment, QuietProber};
use kubelet::{Events, Kubelet, PodLookup};
use meta::time::SharedClock;
use meta::{Clock, Doc, Time, User};
use reconcile::Runtime;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use storage::Engine;
use storage::backend::SimDisk;
use tokio::time::Instant;

pub const PODS: Resource = Resource::new("", "v1", "pods");
pub const NODES: Resource = Resource::new("", "v1", "nodes");
pub const EVENTS: Resource = Resource::new("", "v1", "events");
const ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
pub const NS: &str = "default";
pub const NODE: &str = "n1";
/// A second of the world, where time runs.
const TICK: Duration = Duration::from_millis(5);
/// More seconds than any story takes: one that gets there has failed.
const PATIENCE: u32 = 1500;

/// The hour follows tokio's clock.
struct TestClock {
    begun: Instant,
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        let base = Time::from_unix(1_790_000_000);
        let elapsed = i64::try_from(self.begun.elapsed().as_nanos()).expect("a short test");
        Time(base.0 + jiff_span(elapsed))
    }
}

fn jiff_span(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).expect("time goes on"))
}

pub struct World {
    _server: Arc<ApiServer>,
    pub admin: Client,
    node: Client,
    pub runtime: FakeRuntime,
    network: Arc<FakeNetwork>,
    pub images: Arc<FakeImages>,
    pub stats: Arc<FakeStats>,
    pub prober: Arc<QuietProber>,
    pub lookup: Option<Arc<dyn PodLookup>>,
    clock: SharedClock,
    tasks: Runtime,
    kubelet: Runtime,
    pub config: kubelet::Config,
    engine: Engine,
    directory: tempfile::TempDir,
    /// Dropped with the world; until then time does not run by itself.
    _standstill: std::sync::mpsc::SyncSender<()>,
}

impl World {
    /// `rule` says how a container of that name and attempt lives.
    pub async fn start(rule: impl Fn(&str, u32) -> Lifecycle + Send + Sync + 'static) -> Self {
        tokio::time::pause();
        let (standstill, waits) = std::sync::mpsc::sync_channel::<()>(0);
        let tasks = Runtime::new();
        // Tokio's paused clock does not run away while something blocks.
        tasks.tasks.spawn_blocking(move || waits.recv().is_err());
        let clock: SharedClock = Arc::new(TestClock { begun: Instant::now() });
        let directory = tempfile::tempdir().expect("a temporary directory");
        let until = (&tasks.tasks, &tasks.stop);
        let (engine, server, admin) = plane::start(SimDisk::default(), clock.clone(), until, |_| {}).await;
        let node = server.client(User::authenticated(format!("system:node:{NODE}"), ["system:nodes"]));
        admin.create(ACCOUNTS, NS, json!({"metadata": {"name": "default"}})).await.expect("an account");
        let mut config = kubelet::Config::new(NODE, directory.path().join("root"));
        config.addresses = vec!["10.0.0.5".parse().expect("an address")];
        let runtime = FakeRuntime::new(clock.clone(), &tasks, move |_, config| rule(&config.name, config.attempt));
        Self {
            _server: server,
            admin,
            node,
            runtime,
            network: Arc::default(),
            images: Arc::default(),
            stats: Arc::default(),
            prober: Arc::default(),
            lookup: None,
            clock,
            tasks,
            kubelet: Runtime::new(),
            config,
            engine,
            directory,
            _standstill: standstill,
        }
    }

    /// With its kubelet running.
    pub async fn run(rule: impl Fn(&str, u32) -> Lifecycle + Send + Sync + 'static) -> Self {
        let mut world = Self::start(rule).await;
        world.start_kubelet();
        world.until(NODES, "", NODE, |node| node.is_some()).await;
        world
    }

    pub fn start_kubelet(&mut self) {
        self.kubelet = Runtime::new();
        self.prober = Arc::default();
        let parts = kubelet::Parts {
            runtime: Arc::new(self.runtime.clone()),
            images: self.images.clone(),
            network: self.network.clone(),
            volumes: Arc::new(NoVolumes),
            environment: Arc::new(PlainEnvironment),
            prober: self.prober.clone(),
            clock: self.clock.clone(),
            events: Events::start(self.node.clone(), NODE, self.clock.clone(), &self.kubelet),
        };
        let kubelet = Kubelet::new(self.config.clone(), self.node.clone(), parts).with_stats(self.stats.clone());
        self.lookup = Some(kubelet.lookup());
        kubelet.run(&self.kubelet);
    }

    pub async fn stop_kubelet(&self) {
        self.kubelet.shutdown().await;
    }

    pub async fn stop(self) {
        self.stop_kubelet().await;
        drop(self._standstill);
        self.tasks.shutdown().await;
        self.engine.close().await;
        drop(self.directory);
    }

    /// A pod bound to the node; says its uid.
    pub async fn pod(&self, name: &str, spec: Doc) -> String {
        let mut spec = spec;
        spec["nodeName"] = NODE.into();
        let doc = json!({ "metadata": { "name": name }, "spec": spec });
        self.admin.create(PODS, NS, doc).await.expect("a pod").meta.uid.clone()
    }

    /// Waits for a pod to be as wanted, letting time run.
    pub async fn pod_until(&self, name: &str, wanted: impl Fn(&Doc) -> bool) -> Doc {
        let pod = self.until(PODS, NS, name, |doc| doc.is_some_and(&wanted)).await;
        pod.expect("it is there")
    }

    pub async fn gone(&self, name: &str) {
        self.until(PODS, NS, name, |doc| doc.is_none()).await;
    }

    pub async fn until(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        wanted: impl Fn(Option<&Doc>) -> bool,
    ) -> Option<Doc> {
        let selected = Options { field_selector: format!("metadata.name={name}"), ..Options::default() };
        let list = self.admin.list(resource, namespace, selected.clone()).await.expect("a list");
        let mut current = list.items.first().map(|object| object.to_doc());
        let options = Options { resource_version: list.revision.to_string(), ..selected };
        let mut changes = self.admin.watch(resource, namespace, options).await.expect("a watch");
        let mut ticks = Ticks::start();
        let mut seconds = 0;
        while !wanted(current.as_ref()) {
            tokio::select! {
                biased;
                item = changes.next() => match item.expect("the watch goes on") {
                    WatchItem::Event(event) => current = (event.kind != EventKind::Deleted).then(|| event.object.to_doc()),
                    other => panic!("{other:?}"),
                },
                () = ticks.next() => {
                    seconds += 1;
                    assert!(seconds < PATIENCE, "waited in vain for {name}: {current:?} {:?}", self.runtime.calls());
                    tokio::time::advance(Duration::from_secs(1)).await;
                }
            }
        }
        current
    }

    /// `reason: message` of the events about a pod.
    pub async fn events(&self, pod: &str) -> Vec<String> {
        let options = Options { field_selector: format!("involvedObject.name={pod}"), ..Options::default() };
        let said = self.admin.list(EVENTS, NS, options).await.expect("a list");
        let show = |event: &Doc| format!("{}: {}", text(event, "/reason"), text(event, "/message"));
        said.items.iter().map(|object| show(&object.to_doc())).collect()
    }

    /// Waits until an event about a pod was said.
    pub async fn said(&self, pod: &str, what: &str) {
        let mut ticks = Ticks::start();
        for _ in 0..PATIENCE {
            if self.events(pod).await.iter().any(|event| event.starts_with(what)) {
                return;
            }
            ticks.next().await;
        }
        panic!("nobody said {what:?}: {:#?}", self.events(pod).await);
    }
}

/// Real time, which does not stand still: what else would end a wait?
struct Ticks {
    ask: Sender<()>,
    answers: tokio::sync::mpsc::Receiver<()>,
}

impl Ticks {
    fn start() -> Self {
        let (ask, asked): (Sender<()>, Receiver<()>) = channel_of_one();
        let (answer, answers) = tokio::sync::mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            // Each tick waits for a message that never comes.
            while let Err(RecvTimeoutError::Timeout) = asked.recv_timeout(TICK) {
                if answer.blocking_send(()).is_err() {
                    return;
                }
            }
        });
        Self { ask, answers }
    }

    async fn next(&mut self) {
        let _held = &self.ask;
        self.answers.recv().await.expect("the ticks go on");
    }
}

#[expect(clippy::disallowed_methods, reason = "it carries nothing: its end is the message")]
fn channel_of_one() -> (Sender<()>, Receiver<()>) {
    channel()
}

pub fn text(doc: &Doc, pointer: &str) -> String {
    match doc.pointer(pointer) {
        Some(Doc::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "-".into(),
    }
}

pub fn phase(doc: &Doc) -> String {
    text(doc, "/status/phase")
}

pub fn ready(doc: &Doc) -> bool {
    let conditions = doc["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

pub fn for_ever() -> Lifecycle {
    Lifecycle::default()
}

pub fn exits(seconds: u64, exit_code: i32) -> Lifecycle {
    Lifecycle { runs: Some(Duration::from_secs(seconds)), exit_code, ..Lifecycle::default() }
}
