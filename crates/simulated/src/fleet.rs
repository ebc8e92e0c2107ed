//! The simulated nodes of one cluster.

use crate::Declared;
use crate::prober::DeclaredProber;
use client::Client;
use kubelet::fake::{FakeImages, FakeNetwork, FakeRuntime, NoVolumes, PlainEnvironment};
use kubelet::{Config, Events, Kubelet, Parts};
use meta::User;
use meta::time::SharedClock;
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Makes a client of any user: composition's privilege, used for each node's own user only.
pub type ClientFor = Arc<dyn Fn(User) -> Client + Send + Sync>;

/// Pods of simulated nodes have addresses of the shared address space (RFC 6598), 256 for each node.
const FIRST_POD_ADDRESS: u32 = 0x6440_0001;
const ADDRESSES_PER_NODE: u32 = 256;
const MOST_NODES: u32 = (1 << 22) / ADDRESSES_PER_NODE;

struct Node {
    kubelet: Runtime,
    number: u32,
    /// Outlives its kubelet, as a real node's containers do.
    containers: FakeRuntime,
    network: Arc<FakeNetwork>,
    config: Config,
}

/// Starts nodes, and lets them be lost.
pub struct Fleet {
    client_for: ClientFor,
    clock: SharedClock,
    runtime: Runtime,
    images: Arc<FakeImages>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nodes: HashMap<String, Node>,
    /// Numbers that nodes have given back.
    free: Vec<u32>,
    next: u32,
}

impl State {
    fn number(&mut self) -> Option<u32> {
        self.free.pop().or_else(|| {
            let number = self.next;
            (number < MOST_NODES).then(|| {
                self.next += 1;
                number
            })
        })
    }
}

impl Fleet {
    /// The nodes end with the runtime.
    pub fn new(client_for: ClientFor, clock: SharedClock, runtime: &Runtime) -> Self {
        Self { client_for, clock, runtime: runtime.clone(), images: Arc::default(), state: Mutex::default() }
    }

    /// Lets a node join and keeps it running. Nothing changes for one that runs. False: there are no more addresses.
    pub fn start(&self, mut config: Config) -> bool {
        let mut state = self.state.lock();
        let name = config.node_name.clone();
        if state.nodes.get(&name).is_some_and(|node| !node.kubelet.stop.is_cancelled()) {
            return true;
        }
        config.root = std::path::PathBuf::new();
        let node = match state.nodes.remove(&name) {
            Some(node) => Node { config, kubelet: self.runtime.child(), ..node },
            None => match state.number() {
                Some(number) => self.new_node(number, config),
                None => return false,
            },
        };
        self.run(&node);
        state.nodes.insert(name, node);
        true
    }

    fn new_node(&self, number: u32, config: Config) -> Node {
        let rule = |sandbox: &runtime::cri::SandboxConfig, container: &runtime::cri::ContainerConfig| {
            Declared::new(&sandbox.annotations, &container.name).lifecycle()
        };
        let first = Ipv4Addr::from(FIRST_POD_ADDRESS + number * ADDRESSES_PER_NODE);
        Node {
            kubelet: self.runtime.child(),
            number,
            containers: FakeRuntime::new(self.clock.clone(), &self.runtime, rule),
            network: Arc::new(FakeNetwork::starting_at(first)),
            config,
        }
    }

    fn run(&self, node: &Node) {
        let name = &node.config.node_name;
        let client = (self.client_for)(User::authenticated(format!("system:node:{name}"), ["system:nodes"]));
        let parts = Parts {
            runtime: Arc::new(node.containers.clone()),
            images: self.images.clone(),
            network: node.network.clone(),
            volumes: Arc::new(NoVolumes),
            environment: Arc::new(PlainEnvironment),
            prober: Arc::new(DeclaredProber::new(&node.kubelet)),
            clock: self.clock.clone(),
            events: Events::start(client.clone(), name, self.clock.clone(), &node.kubelet),
        };
        Kubelet::new(node.config.clone(), client, parts).run(&node.kubelet);
    }

    /// The node falls silent: its lease runs out, its containers run on until it comes back.
    pub fn silence(&self, name: &str) {
        if let Some(node) = self.state.lock().nodes.get(name) {
            node.kubelet.stop.cancel();
        }
    }

    /// The machine is gone, and with it all that ran there. Its objects are others' to clean up.
    pub fn remove(&self, name: &str) {
        let mut state = self.state.lock();
        if let Some(node) = state.nodes.remove(name) {
            node.kubelet.stop.cancel();
            state.free.push(node.number);
        }
    }

    /// How many containers run on a node.
    pub fn containers(&self, name: &str) -> usize {
        self.state.lock().nodes.get(name).map_or(0, |node| node.containers.running())
    }

    pub fn len(&self) -> usize {
        self.state.lock().nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
