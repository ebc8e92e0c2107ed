//! An API server, a node with pods behind a router, and a client beyond it: each in a network namespace of its own.

use crate::plane;
use apiserver::ApiServer;
use client::{Client, DeleteOptions, Resource};
use ipnet::Ipv4Net;
use kube_proxy::Progress;
use meta::{Doc, SystemClock, User};
use node_os::link::{End, LOOPBACK, Links, Route};
use node_os::netns::{self, NetNs};
use pod_network::{AddressSource, Interface, Limits, PodNetwork, SourceError};
use reconcile::{Informers, Runtime};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use storage::Engine;
use storage::backend::SimDisk;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

pub const SERVICES: Resource = Resource::new("", "v1", "services");
pub const SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
pub const NODE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 4);
pub const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 100, 7, 7);
/// Beyond the router.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 9);
/// A pod of another node, as far as this one can tell.
pub const REMOTE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 20);
/// A Service's address that the node answers on itself.
pub const OWN: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 53);
/// Neither a pod nor a Service.
pub const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 0, 9, 9);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NODE_NAME: &str = "n1";
/// Longer than anything here takes, shorter than anyone waits.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub admin: Client,
    pub node: NetNs,
    pub client: NetNs,
    /// Each pod by its address. The first is 10.0.1.10.
    pub pods: BTreeMap<Ipv4Addr, NetNs>,
    router: Links,
    progress: watch::Receiver<Progress>,
    proxy: Runtime,
    runtime: Runtime,
    engine: Engine,
    server: Arc<ApiServer>,
    _directory: tempfile::TempDir,
}

struct Subnet;

#[async_trait::async_trait]
impl AddressSource for Subnet {
    async fn interfaces(&self) -> Result<Vec<Interface>, SourceError> {
        let subnet = net("10.0.0.0/16");
        let secondary = (10..13).map(|last| Ipv4Addr::new(10, 0, 1, last)).collect();
        Ok(vec![Interface { id: "eni-1".into(), device_index: 0, subnet, primary: NODE, secondary }])
    }

    async fn assign(&self, _interface: &str, _count: u32) -> Result<Vec<Ipv4Addr>, SourceError> {
        Err(SourceError::InsufficientFreeAddresses)
    }

    async fn attach_interface(&self, _device_index: u32, _count: u32) -> Result<Interface, SourceError> {
        Err(SourceError::InsufficientFreeAddresses)
    }
}

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a prefix")
}

impl World {
    pub async fn start() -> Self {
        let (runtime, directory) = (Runtime::new(), tempfile::tempdir().expect("a directory"));
        let until = (&runtime.tasks, &runtime.stop);
        let (engine, server, admin) = plane::start(SimDisk::default(), Arc::new(SystemClock), until, |_| {}).await;
        let router = Links::open(&netns::create("router").expect("made")).expect("netlink");
        router.sysctl("net/ipv4/ip_forward", "1").expect("forwarding");
        router.set_up(LOOPBACK).await.expect("up");
        router.add_address(LOOPBACK, GATEWAY.into()).await.expect("an address");
        let node = host(&router, "node", &[NODE]).await;
        Links::open(&node).expect("netlink").add_address(LOOPBACK, OWN.into()).await.expect("an address");
        let client = host(&router, "client", &[CLIENT, REMOTE, ELSEWHERE]).await;
        let pods = pods(&router, &node, directory.path()).await;
        let mut world = Self {
            admin,
            node,
            client,
            pods,
            router,
            progress: watch::channel(Progress::default()).1,
            proxy: Runtime::new(),
            runtime,
            engine,
            server,
            _directory: directory,
        };
        world.start_proxy();
        world.answer();
        world
    }

    fn start_proxy(&mut self) {
        self.proxy = Runtime::new();
        let user = User::authenticated(format!("system:node:{NODE_NAME}"), ["system:nodes", "system:authenticated"]);
        let (tasks, stop) = (self.proxy.tasks.clone(), self.proxy.stop.clone());
        let informers = Informers::new(self.server.client(user), tasks, stop);
        let config = kube_proxy::Config {
            node_name: NODE_NAME.into(),
            namespace: self.node.clone(),
            node_addresses: vec![NODE],
            service_cidrs: vec![net("10.100.0.0/16")],
            local_addresses: vec![OWN],
            pod_links: "eni*".into(),
            sync_period: Duration::from_secs(1),
        };
        self.progress = kube_proxy::start(config, &informers, &self.proxy);
    }

    pub async fn stop_proxy(&self) {
        self.proxy.shutdown().await;
    }

    pub async fn restart_proxy(&mut self) {
        self.stop_proxy().await;
        self.start_proxy();
        self.progress.wait_for(|progress| progress.in_step).await.expect("a pass");
    }

    /// Every place tells who it is and whom it sees, by TCP and by UDP.
    fn answer(&self) {
        let pods = self.pods.iter().map(|(address, namespace)| ((*address, 8080), namespace));
        let beyond = [(REMOTE, 8080), (ELSEWHERE, 80)].map(|place| (place, &self.client));
        let node = [(NODE, 22), (OWN, 53)].map(|place| (place, &self.node));
        for (place, namespace) in pods.chain(beyond).chain(node) {
            self.answer_at(place, namespace);
        }
    }

    fn answer_at(&self, (address, port): (Ipv4Addr, u16), namespace: &NetNs) {
        let listener = namespace.listen_tcp((address, port).into()).expect("a listener");
        let socket = namespace.bind_udp((address, port).into()).expect("a socket");
        let stop = self.runtime.stop.clone();
        self.runtime.tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                // A client that went away is no concern of the pod.
                drop(stream.write_all(format!("{address} sees {}", from.ip()).as_bytes()).await);
            }
        }));
        self.runtime.tasks.spawn(stop.run_until_cancelled_owned(async move {
            let mut buffer = [0; 64];
            while let Ok((_, from)) = socket.recv_from(&mut buffer).await {
                drop(socket.send_to(address.to_string().as_bytes(), from).await); // as above
            }
        }));
    }

    /// What the router does not know by itself it sends to the node.
    pub async fn lead_to_node(&self, network: &str) {
        let link = self.router.need("v-node").await.expect("a link").index;
        self.router.put_route(&Route::via(net(network), NODE, link)).await.expect("a route");
    }

    /// What is heard at an address: an answer, `refused` or `silence`.
    pub async fn ask(&self, from: &NetNs, to: (Ipv4Addr, u16)) -> String {
        let asked = async {
            let mut stream = from.connect_tcp(SocketAddr::from(to)).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(|_| answer)
        };
        match tokio::time::timeout(Duration::from_secs(1), asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => "refused".into(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "silence".into(),
        }
    }

    /// Waits for passes of the proxy until this is what is heard.
    pub async fn hears(&mut self, from: &NetNs, to: (Ipv4Addr, u16), expected: &str) {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                self.progress.borrow_and_update();
                let heard = self.ask(from, to).await;
                if heard == expected {
                    return;
                }
                self.progress.changed().await.expect("the proxy runs");
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{to:?} never says {expected:?}"));
    }

    /// All that is heard in so many tries.
    pub async fn hears_all(&self, from: &NetNs, to: (Ipv4Addr, u16)) -> BTreeSet<String> {
        let mut heard = BTreeSet::new();
        for _ in 0..40 {
            heard.insert(self.ask(from, to).await);
        }
        heard
    }

    pub async fn create(&self, resource: Resource, doc: Doc) {
        self.admin.create(resource, "default", doc).await.expect("created");
    }

    pub async fn patch(&self, resource: Resource, name: &str, patch: Doc) {
        self.admin.patch(resource, "default", name, "", patch).await.expect("patched");
    }

    pub async fn delete(&self, resource: Resource, name: &str) {
        self.admin.delete(resource, "default", name, DeleteOptions::default()).await.expect("deleted");
    }

    pub fn passes(&self) -> u64 {
        self.progress.borrow().passes
    }

    /// nft knows all that it finds, where it is at hand.
    pub fn listing_can_be_read(&self) {
        let listed = self.node.run(|| Command::new("nft").args(["list", "ruleset"]).output());
        let Ok(output) = listed else { return println!("nft is not here") };
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{error}");
    }

    pub async fn stop(self) {
        self.proxy.shutdown().await;
        self.runtime.shutdown().await;
        self.engine.close().await;
    }
}

/// Endpoints of Service `web` as they are.
pub fn endpoints(places: &[(Ipv4Addr, bool)]) -> Doc {
    let endpoints = places.iter().map(|(address, ready)| {
        let node = if *address == REMOTE { "n2" } else { NODE_NAME };
        json!({"addresses": [address], "nodeName": node, "conditions": {"ready": ready, "serving": true, "terminating": !ready}})
    });
    json!({"endpoints": endpoints.collect::<Vec<_>>()})
}

/// A namespace behind the router, with these addresses on `eth0`.
async fn host(router: &Links, name: &str, addresses: &[Ipv4Addr]) -> NetNs {
    let namespace = netns::create(name).expect("made");
    let inside = Links::open(&namespace).expect("netlink");
    inside.set_up(LOOPBACK).await.expect("up");
    let link = format!("v-{name}");
    let here = End { name: &link, mac: None, namespace: router.namespace() };
    let there = End { name: "eth0", mac: None, namespace: &namespace };
    router.add_veth(&here, &there, 9001).await.expect("a pair");
    let outer = router.need(&link).await.expect("a link").index;
    router.set_up(outer).await.expect("up");
    router.sysctl(&format!("net/ipv4/conf/{link}/proxy_arp"), "1").expect("proxy arp");
    router.sysctl(&format!("net/ipv4/neigh/{link}/proxy_delay"), "0").expect("proxy arp");
    let eth = inside.need("eth0").await.expect("a link").index;
    inside.set_up(eth).await.expect("up");
    for address in addresses {
        router.put_route(&Route::direct((*address).into(), outer)).await.expect("a route");
        inside.add_address(eth, Ipv4Net::new(*address, 16).expect("a net")).await.expect("an address");
    }
    inside.put_route(&Route::via(Ipv4Net::default(), GATEWAY, eth)).await.expect("a route");
    namespace
}

async fn pods(router: &Links, node: &NetNs, directory: &std::path::Path) -> BTreeMap<Ipv4Addr, NetNs> {
    let limits = Limits { interfaces: 1, addresses_per_interface: 4 };
    let config = pod_network::Config { namespace: node.clone(), checkpoint: directory.join("pods"), limits };
    let network = PodNetwork::open(config, Arc::new(Subnet)).expect("a pod network");
    let link = router.need("v-node").await.expect("a link").index;
    let mut pods = BTreeMap::new();
    for name in ["pod-a", "pod-b", "pod-c"] {
        let namespace = netns::create(name).expect("made");
        let address = network.attach(name, &namespace).await.expect("attached");
        router.put_route(&Route::via(address.into(), NODE, link)).await.expect("a route");
        pods.insert(address, namespace);
    }
    pods
}
