//! A simulated cluster. Its clock jumps as soon as nobody has anything to do.

use crate::fuse::Fuse;
use crate::plane;
use crate::quiet_store::QuietStore;
use crate::stage::{Acts, NODES, Stage, condition};
use apiserver::{ApiServer, Parts};
use client::{Client, Resource};
use controllers::KindFacts;
use meta::time::SharedClock;
use meta::{Clock, Doc, Time, User};
use parking_lot::Mutex;
use reconcile::Runtime;
use serde_json::json;
use simulated::Fleet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use storage::Engine;
use storage::backend::SimDisk;
use tokio::time::Instant;

const ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
/// What pods tolerate if they say nothing.
const TOLERATED: Duration = Duration::from_secs(300);
/// Of simulated time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The hour follows tokio's clock.
struct StoryClock {
    begun: Instant,
}

impl Clock for StoryClock {
    fn now(&self) -> Time {
        Time(Time::from_unix(1_790_000_000).0 + self.begun.elapsed())
    }
}

pub struct World {
    server: Arc<ApiServer>,
    admin: Client,
    pub fleet: Fleet,
    nodes: Mutex<Vec<kubelet::Config>>,
    clock: SharedClock,
    runtime: Runtime,
    /// Of controllers and scheduler.
    control: Mutex<Runtime>,
    engine: Engine,
}

impl Stage for World {
    fn admin(&self) -> &Client {
        &self.admin
    }
    fn silence(&self, node: &str) {
        self.fleet.silence(node);
    }
    fn bring_back(&self, node: &str) {
        let config = self.nodes.lock().iter().find(|config| config.node_name == node).expect("a node").clone();
        self.start_node(config);
    }
    fn template(&self, version: &str, ready_after: u32) -> Doc {
        let ready_after = format!("{ready_after}s");
        json!({
            "metadata": {"labels": {"app": "web"}, "annotations": {"simulation.pilothouse.dev/ready-after": ready_after}},
            "spec": {"containers": [
                {"name": "c", "image": version, "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1}},
            ]},
        })
    }
    fn tolerated(&self) -> Duration {
        TOLERATED
    }
    fn moment(&self) -> Duration {
        Duration::from_secs(5)
    }
    fn patience(&self) -> Duration {
        PATIENCE
    }
}

impl World {
    /// With so many nodes in each of the zones, called `a0`, `a1`, `b0`, all of them ready.
    pub async fn start(zones: &[&str], nodes: usize) -> Self {
        let world = Self::without_control().await;
        world.start_control(None);
        world.with_nodes(zones, nodes).await
    }

    pub async fn without_control() -> Self {
        let clock: SharedClock = Arc::new(StoryClock { begun: Instant::now() });
        let runtime = Runtime::new();
        // No time passes while the store works.
        let quiet = |parts: &mut Parts| parts.store = Arc::new(QuietStore(parts.store.clone()));
        let until = (&runtime.tasks, &runtime.stop);
        let (engine, server, admin) = plane::start(SimDisk::default(), clock.clone(), until, quiet).await;
        let fleet = Fleet::new(clock.clone(), &runtime);
        let (nodes, control) = (Mutex::default(), Mutex::default());
        Self { server, admin, fleet, nodes, clock, runtime, control, engine }
    }

    pub async fn with_nodes(self, zones: &[&str], nodes: usize) -> Self {
        for (number, zone) in zones.iter().enumerate() {
            for at in 0..nodes {
                let mut config = kubelet::Config::new(&format!("{zone}{at}"), "");
                config.zone = (*zone).to_owned();
                let host = u8::try_from(number * nodes + at).expect("few nodes");
                config.addresses = vec![Ipv4Addr::new(10, 0, 0, host).into()];
                self.nodes.lock().push(config.clone());
                self.start_node(config);
            }
        }
        let all = zones.len() * nodes;
        let ready = |nodes: &[Doc]| nodes.iter().filter(|node| condition(node, "Ready") == "True").count();
        self.follow(NODES).await.until("ready nodes", |nodes| ready(nodes) == all).await;
        let mut accounts = self.follow(ACCOUNTS).await;
        accounts.until("an account for pods", |accounts| !accounts.is_empty()).await;
        self
    }

    fn start_node(&self, config: kubelet::Config) {
        let name = config.node_name.clone();
        let user = User::authenticated(format!("system:node:{name}"), ["system:nodes"]);
        assert!(self.fleet.start(&name, config, self.server.client(user)), "there are addresses enough");
    }

    /// Controllers and scheduler, as one process that dies with the fuse.
    pub fn start_control(&self, fuse: Option<&Arc<Fuse>>) {
        let runtime = Runtime::new();
        *self.control.lock() = runtime.clone();
        let (server, fuse) = (self.server.clone(), fuse.cloned());
        let client_for = move |user: User| match &fuse {
            Some(fuse) => fuse.guard(&user.name.clone(), server.client(user)),
            None => server.client(user),
        };
        let scheduler = client_for(User::authenticated::<String>(scheduler::USER, []));
        let facts = |def: &Arc<api::ResourceDef>| KindFacts {
            gvr: def.gvr.clone(),
            kind: def.kind.clone(),
            namespaced: def.namespaced,
            verbs: def.verbs.clone(),
        };
        let informers = controllers::start(controllers::Context {
            client: Arc::new(client_for),
            kinds: plane::published(plane::MINOR).catalog().iter().map(facts).collect(),
            root_ca_pem: "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n".into(),
            authority: None,
            node_names: None,
            load_balancers: None,
            clock: self.clock.clone(),
            runtime: runtime.clone(),
        });
        scheduler::start(scheduler::Context { client: scheduler, informers, clock: self.clock.clone(), runtime });
    }

    pub async fn stop_control(&self) {
        let running = self.control.lock().clone();
        running.shutdown().await;
    }

    pub async fn stop(self) {
        self.stop_control().await;
        self.runtime.shutdown().await;
        drop(self.server);
        self.engine.close().await;
    }

    /// Waits in simulated time.
    pub async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}
