//! Simulated nodes, of one cluster or of many.

use crate::Declared;
use crate::prober::DeclaredProber;
use client::Client;
use kubelet::fake::{FakeImages, FakeNetwork, FakeRuntime, NoVolumes, PlainEnvironment};
use kubelet::{Config, Events, Kubelet, Parts};
use meta::time::SharedClock;
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Pods of simulated nodes have addresses of the shared address space (RFC 6598), 256 for each node.
const FIRST_POD_ADDRESS: u32 = 0x6440_0001;
const ADDRESSES_PER_NODE: u32 = 256;
const MOST_NODES: u32 = (1 << 22) / ADDRESSES_PER_NODE;

struct Node {
    kubelet: Runtime,
    client: Client,
    number: u32,
    /// Outlives its kubelet, as a real node's containers do.
    containers: FakeRuntime,
    network: Arc<FakeNetwork>,
    config: Config,
}

/// Starts nodes, and lets them be lost. Each has a key by which its owner knows it.
pub struct Fleet {
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
    pub fn new(clock: SharedClock, runtime: &Runtime) -> Self {
        Self { clock, runtime: runtime.clone(), images: Arc::default(), state: Mutex::default() }
    }

    /// Lets a node join and keeps it running; `client` speaks as the node's own user. Nothing changes for one that runs.
    /// False: there are no more addresses.
    pub fn start(&self, key: &str, mut config: Config, client: Client) -> bool {
        let mut state = self.state.lock();
        if state.nodes.get(key).is_some_and(|node| !node.kubelet.stop.is_cancelled()) {
            return true;
        }
        config.root = std::path::PathBuf::new();
        let node = match state.nodes.remove(key) {
            Some(node) => Node { config, client, kubelet: self.runtime.child(), ..node },
            None => match state.number() {
                Some(number) => self.new_node(number, config, client),
                None => return false,
            },
        };
        self.run(&node);
        state.nodes.insert(key.to_owned(), node);
        true
    }

    fn new_node(&self, number: u32, config: Config, client: Client) -> Node {
        let rule = |sandbox: &runtime::cri::SandboxConfig, container: &runtime::cri::ContainerConfig| {
            Declared::new(&sandbox.annotations, &container.name).lifecycle()
        };
        let first = Ipv4Addr::from(FIRST_POD_ADDRESS + number * ADDRESSES_PER_NODE);
        Node {
            kubelet: self.runtime.child(),
            client,
            number,
            containers: FakeRuntime::new(self.clock.clone(), &self.runtime, rule),
            network: Arc::new(FakeNetwork::starting_at(first)),
            config,
        }
    }

    fn run(&self, node: &Node) {
        let client = &node.client;
        let parts = Parts {
            runtime: Arc::new(node.containers.clone()),
            images: self.images.clone(),
            network: node.network.clone(),
            volumes: Arc::new(NoVolumes),
            environment: Arc::new(PlainEnvironment),
            prober: Arc::new(DeclaredProber::new(&node.kubelet)),
            clock: self.clock.clone(),
            events: Events::start(client.clone(), &node.config.node_name, self.clock.clone(), &node.kubelet),
        };
        Kubelet::new(node.config.clone(), client.clone(), parts).run(&node.kubelet);
    }

    /// The node falls silent: its lease runs out, its containers run on until it comes back.
    pub fn silence(&self, key: &str) {
        if let Some(node) = self.state.lock().nodes.get(key) {
            node.kubelet.stop.cancel();
        }
    }

    /// The machine is gone, and with it all that ran there. Its objects are others' to clean up.
    pub fn remove(&self, key: &str) {
        let mut state = self.state.lock();
        if let Some(node) = state.nodes.remove(key) {
            node.kubelet.stop.cancel();
            state.free.push(node.number);
        }
    }

    /// How many containers run on a node.
    pub fn containers(&self, key: &str) -> usize {
        self.state.lock().nodes.get(key).map_or(0, |node| node.containers.running())
    }

    pub fn len(&self) -> usize {
        self.state.lock().nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
