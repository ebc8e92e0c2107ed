//! Pods of two nodes behind a router, on a real kernel.

#[path = "../../node-os/tests/sandbox/mod.rs"]
mod sandbox;

use ipnet::Ipv4Net;
use node_os::link::{End, LOOPBACK, Links, Route};
use node_os::netns::{self, NetNs};
use pod_network::{AddressSource, Config, Interface, Limits, PodNetwork, SourceError};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const LIMITS: Limits = Limits { interfaces: 2, addresses_per_interface: 3 };

/// What EC2 gives a node: from one range, until it is used up.
struct Subnet {
    node: u8,
    given: AtomicU32,
    free: u32,
}

impl Subnet {
    fn new(node: u8, free: u32) -> Arc<Self> {
        Arc::new(Self { node, given: AtomicU32::new(0), free })
    }

    fn take(&self, count: u32) -> Result<Vec<Ipv4Addr>, SourceError> {
        let first = self.given.load(Ordering::SeqCst);
        if first + count > self.free {
            return Err(SourceError::InsufficientFreeAddresses);
        }
        self.given.store(first + count, Ordering::SeqCst);
        let addresses = (first..first + count).filter_map(|number| u8::try_from(number + 10).ok());
        Ok(addresses.map(|last| Ipv4Addr::new(10, 0, self.node, last)).collect())
    }
}

fn interface(node: u8, device_index: u8, secondary: Vec<Ipv4Addr>) -> Interface {
    Interface {
        id: format!("eni-{node}{device_index}"),
        device_index: device_index.into(),
        subnet: "10.0.0.0/16".parse().expect("a subnet"),
        primary: Ipv4Addr::new(10, 0, node, 4 + device_index),
        secondary,
    }
}

#[async_trait::async_trait]
impl AddressSource for Subnet {
    async fn interfaces(&self) -> Result<Vec<Interface>, SourceError> {
        Ok(vec![interface(self.node, 0, Vec::new())])
    }

    async fn assign(&self, _interface: &str, count: u32) -> Result<Vec<Ipv4Addr>, SourceError> {
        self.take(count)
    }

    async fn attach_interface(&self, device_index: u32, count: u32) -> Result<Interface, SourceError> {
        Ok(interface(self.node, u8::try_from(device_index).expect("small"), self.take(count)?))
    }
}

/// A node with both interfaces it may have; the router knows which address is behind which.
async fn node(router: &Links, number: u8) -> NetNs {
    let node = netns::create(&format!("node-{number}")).expect("made");
    let inside = Links::open(&node).expect("netlink");
    inside.set_up(LOOPBACK).await.expect("up");
    for device in 0..2_u8 {
        let (own, eth) = (Ipv4Addr::new(10, 0, number, 4 + device), format!("eth{device}"));
        let name = format!("v{number}{device}");
        let (a, b) =
            (End { name: &name, mac: None, namespace: router.namespace() }, End { name: &eth, mac: None, namespace: &node });
        router.add_veth(&a, &b, 9001).await.expect("a pair");
        let link = router.need(&name).await.expect("a link").index;
        router.set_up(link).await.expect("up");
        router.sysctl(&format!("net/ipv4/conf/{name}/proxy_arp"), "1").expect("proxy arp");
        router.sysctl(&format!("net/ipv4/neigh/{name}/proxy_delay"), "0").expect("proxy arp");
        router.put_route(&Route::direct(own.into(), link)).await.expect("a route");
        for secondary in [10 + 2 * device, 11 + 2 * device] {
            let secondary = Ipv4Addr::new(10, 0, number, secondary);
            router.put_route(&Route::via(secondary.into(), own, link)).await.expect("a route");
        }
        let eth = inside.need(&eth).await.expect("a link").index;
        inside.set_up(eth).await.expect("up");
        let net = Ipv4Net::new(own, 16).expect("a net");
        if device == 0 {
            inside.add_address(eth, net).await.expect("an address");
            let gateway = Ipv4Addr::new(10, 0, 0, 1);
            inside.put_route(&Route::via(Ipv4Net::default(), gateway, eth)).await.expect("a route");
        } else {
            inside.add_address_without_route(eth, net).await.expect("an address");
        }
    }
    node
}

async fn router() -> Links {
    let links = Links::open(&netns::create("router").expect("made")).expect("netlink");
    links.sysctl("net/ipv4/ip_forward", "1").expect("forwarding");
    links.set_up(LOOPBACK).await.expect("up");
    links.add_address(LOOPBACK, Ipv4Addr::new(10, 0, 0, 1).into()).await.expect("a gateway");
    links
}

fn open(node: &NetNs, file: &Path, source: Arc<Subnet>) -> PodNetwork {
    let config = Config { namespace: node.clone(), checkpoint: file.to_owned(), limits: LIMITS };
    PodNetwork::open(config, source).expect("a pod network")
}

async fn talk(from: (&NetNs, Ipv4Addr), to: (&NetNs, Ipv4Addr)) {
    let at = SocketAddr::from((to.1, 80));
    let listener = to.0.listen_tcp(at).expect("a listener");
    let (dialled, accepted) = tokio::join!(from.0.connect_tcp(at), listener.accept());
    dialled.expect("dialled");
    assert_eq!(accepted.expect("accepted").1.ip(), from.1, "no address is translated");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pod_reaches_every_pod_under_its_own_address() {
    if !sandbox::inside("every_pod_reaches_every_pod_under_its_own_address") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let router = router().await;
    let (one, two) = (node(&router, 1).await, node(&router, 2).await);
    let networks =
        [open(&one, &directory.path().join("1"), Subnet::new(1, 9)), open(&two, &directory.path().join("2"), Subnet::new(2, 9))];
    let mut pods = Vec::new();
    for (number, network) in networks.iter().enumerate() {
        network.warm().await.expect("warm");
        for pod in 0..4 {
            let namespace = netns::create(&format!("pod-{number}-{pod}")).expect("made");
            let address = network.attach(&format!("{number}-{pod}"), &namespace).await.expect("attached");
            assert_eq!(network.attach(&format!("{number}-{pod}"), &namespace).await.expect("again"), address);
            pods.push((namespace, address));
        }
    }
    let nodes = [(one, Ipv4Addr::new(10, 0, 1, 4)), (two, Ipv4Addr::new(10, 0, 2, 4))];
    for from in pods.iter().chain(&nodes) {
        for to in pods.iter().chain(&nodes).filter(|to| to.1 != from.1) {
            talk((&from.0, from.1), (&to.0, to.1)).await;
        }
    }
    let full = netns::create("pod-full").expect("made");
    let error = networks[0].attach("full", &full).await.expect_err("all are taken").to_string();
    assert!(error.starts_with("failed to assign an IP address to container"), "{error}");
    for pod in 0..4 {
        networks[0].detach(&format!("0-{pod}")).await.expect("detached");
        networks[0].detach(&format!("0-{pod}")).await.expect("gone is success");
    }
    let left = Links::open(&nodes[0].0).expect("netlink");
    assert_eq!(left.list().await.expect("links").len(), 3, "lo, eth0 and eth1");
    assert!(left.ruled_addresses().await.expect("rules").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_adopts_what_lives_and_takes_back_the_rest() {
    if !sandbox::inside("a_restart_adopts_what_lives_and_takes_back_the_rest") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pods");
    let router = router().await;
    let (node, ec2) = (node(&router, 1).await, Subnet::new(1, 2));
    let pods = ["a", "b"].map(|name| netns::create(name).expect("made"));
    let network = open(&node, &file, ec2.clone());
    let addresses = [network.attach("a", &pods[0]).await.expect("a"), network.attach("b", &pods[1]).await.expect("b")];
    drop(network);
    // As if the process had died between the link of a pod and its route.
    let links = Links::open(&node).expect("netlink");
    for route in links.routes().await.expect("routes").iter().filter(|route| route.destination == addresses[0].into()) {
        links.delete_route(route).await.expect("deleted");
    }
    let network = open(&node, &file, ec2.clone());
    network.adopt(&BTreeSet::from(["a".to_owned()])).await.expect("adopted");
    assert_eq!((network.address("a").await, network.address("b").await), (Some(addresses[0]), None));
    talk((&node, Ipv4Addr::new(10, 0, 1, 4)), (&pods[0], addresses[0])).await;
    let again = netns::create("c").expect("made");
    assert_eq!(network.attach("c", &again).await.expect("c"), addresses[1], "an address that was taken back is given out");
    assert!(network.attach("d", &netns::create("d").expect("made")).await.is_err());
}
