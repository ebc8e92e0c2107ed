//! VPCs on a real kernel: what the agent makes of records, mends and takes away.

mod balancing;
#[path = "../management/mod.rs"]
mod management;
#[path = "../../../node-os/tests/sandbox/mod.rs"]
mod sandbox;
mod world;

use node_os::link::{LOOPBACK, Links};
use node_os::netns::{self, NetNs};
use pod_network::{AddressSource, Config, Interface, Limits, PodNetwork, SourceError};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{CONTROL_PLANES, NETWORK_INTERFACES, SUBNETS, VPCS, World};

const ONE: &str = "eni-00000000000000011";
const TWO: &str = "eni-00000000000000022";
const PLANE: [&str; 2] = ["eni-00000000000000033", "eni-00000000000000044"];
const POD: Ipv4Addr = Ipv4Addr::new(172, 31, 16, 30);
const AT_ONE: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const AT_TWO: Ipv4Addr = Ipv4Addr::new(172, 31, 16, 10);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(172, 31, 16, 40);
const ROUTER: &str = "ph-0123abcd-vpc-1";

/// Two subnets, an instance in each, and a control plane in both.
async fn records(world: &World) {
    world.create(VPCS, "vpc-1", json!({"vpcId": "vpc-1", "cidrBlock": "172.31.0.0/16"})).await;
    for (name, cidr) in [("subnet-a", "172.31.0.0/20"), ("subnet-b", "172.31.16.0/20")] {
        world.create(SUBNETS, name, json!({"subnetId": name, "cidrBlock": cidr, "vpcId": "vpc-1"})).await;
    }
    world.create(CONTROL_PLANES, "demo", json!({"host": "here", "clusterName": "demo", "networkInterfaceIds": PLANE})).await;
    let instance = |id: &str| json!({"instanceId": id, "deviceIndex": 0});
    let plane = |index: u32| json!({"controlPlane": "demo", "deviceIndex": index});
    world.interface(ONE, "subnet-a", &["172.31.0.10"], instance("i-1")).await;
    world.interface(TWO, "subnet-b", &["172.31.16.10", "172.31.16.30"], instance("i-2")).await;
    world.interface(PLANE[0], "subnet-a", &["172.31.0.40"], plane(0)).await;
    world.interface(PLANE[1], "subnet-b", &["172.31.16.40"], plane(1)).await;
    for interface in [ONE, TWO, PLANE[0], PLANE[1]] {
        world.realised(interface).await;
    }
}

fn named(name: &str) -> NetNs {
    NetNs::named(&format!("ph-0123abcd-{name}")).expect("a namespace")
}

async fn talk(from: (&NetNs, Ipv4Addr), to: (&NetNs, Ipv4Addr)) {
    let at = SocketAddr::from((to.1, 8080));
    let listener = to.0.listen_tcp(at).expect("a listener");
    let (dialled, accepted) = tokio::join!(from.0.connect_tcp(at), listener.accept());
    dialled.expect("dialled");
    assert_eq!(accepted.expect("accepted").1.ip(), from.1, "no address is translated");
}

/// What EC2 would say of the second instance.
struct Assigned;

#[async_trait::async_trait]
impl AddressSource for Assigned {
    async fn interfaces(&self) -> Result<Vec<Interface>, SourceError> {
        let subnet = "172.31.16.0/20".parse().expect("a subnet");
        Ok(vec![Interface { id: TWO.into(), device_index: 0, subnet, primary: AT_TWO, secondary: vec![POD] }])
    }
    async fn assign(&self, _: &str, _: u32) -> Result<Vec<Ipv4Addr>, SourceError> {
        Err(SourceError::InsufficientFreeAddresses)
    }
    async fn attach_interface(&self, _: u32, _: u32) -> Result<Interface, SourceError> {
        Err(SourceError::InsufficientFreeAddresses)
    }
}

/// The pod of the second instance, until its directory goes.
async fn pod_at(node: &NetNs) -> (NetNs, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let limits = Limits { interfaces: 1, addresses_per_interface: 2 };
    let config = Config { namespace: node.clone(), checkpoint: directory.path().join("pods"), limits };
    let pods = PodNetwork::open(config, Arc::new(Assigned)).expect("a pod network");
    let pod = netns::create("pod").expect("a namespace");
    assert_eq!(pods.attach("pod", &pod).await.expect("an address"), POD);
    (pod, directory)
}

/// `www.name` as a question for its A record.
fn question(name: &str) -> Vec<u8> {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a label"));
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// The last four bytes of an answer with one address.
fn address(answer: &[u8]) -> Ipv4Addr {
    let last: [u8; 4] = answer[answer.len() - 4..].try_into().expect("four bytes");
    Ipv4Addr::from(last)
}

async fn resolves(from: &NetNs, own: Ipv4Addr) {
    let resolver = SocketAddr::from(([172, 31, 0, 2], 53));
    for (name, expected) in
        [("ip-172-31-16-10.ec2.internal", AT_TWO), ("sts.us-east-1.amazonaws.com", Ipv4Addr::new(172, 31, 0, 3))]
    {
        let question = question(name);
        let udp = from.bind_udp((own, 0).into()).expect("a socket");
        udp.send_to(&question, resolver).await.expect("asked");
        let mut answer = [0; 512];
        let (length, who) = udp.recv_from(&mut answer).await.expect("answered");
        assert_eq!((who, address(&answer[..length])), (resolver, expected));
        let mut tcp = from.connect_tcp(resolver).await.expect("connected");
        let length = u16::try_from(question.len()).expect("short");
        tcp.write_all(&[&length.to_be_bytes()[..], &question].concat()).await.expect("asked");
        let mut answer = vec![0; tcp.read_u16().await.expect("answered").into()];
        tcp.read_exact(&mut answer).await.expect("answered");
        assert_eq!(address(&answer), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_reach_each_other_pods_and_services() {
    if !sandbox::inside("interfaces_reach_each_other_pods_and_services") {
        return;
    }
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    let (one, two) = (named("i-1"), named("i-2"));
    talk((&one, AT_ONE), (&two, AT_TWO)).await;
    talk((&two, AT_TWO), (&one, AT_ONE)).await;
    resolves(&one, AT_ONE).await;
    let mut said = String::new();
    let mut aws = one.connect_tcp(([172, 31, 0, 3], 443).into()).await.expect("connected");
    aws.read_to_string(&mut said).await.expect("read");
    assert_eq!(said, "aws at 172.31.0.3");
    let addresses = json!(["172.31.0.40", "172.31.16.40"]);
    world.until(CONTROL_PLANES, "demo", |doc| doc.is_some_and(|doc| doc["status"]["addresses"] == addresses)).await;
    let planes: Vec<String> = netns::list("ph-0123abcd-cp-").expect("names");
    let plane = NetNs::named(&planes[0]).expect("a namespace");
    talk((&plane, Ipv4Addr::new(172, 31, 0, 40)), (&two, AT_TWO)).await;
    let (pod, _directory) = pod_at(&two).await;
    for other in [(&one, AT_ONE), (&two, AT_TWO), (&plane, Ipv4Addr::new(172, 31, 0, 40))] {
        talk(other, (&pod, POD)).await;
        talk((&pod, POD), other).await;
    }
    // The second interface of the control plane has no way of its own out of its namespace, and needs none.
    let listener = plane.listen_tcp((NEIGHBOUR, 8443).into()).expect("a listener");
    let (dialled, accepted) = tokio::join!(pod.connect_tcp((NEIGHBOUR, 8443).into()), listener.accept());
    assert!(dialled.is_ok() && accepted.is_ok());
    resolves(&pod, POD).await;
    agent.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_mends_only_the_difference() {
    if !sandbox::inside("a_restart_mends_only_the_difference") {
        return;
    }
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    let (one, two) = (named("i-1"), named("i-2"));
    let router = Links::open(&NetNs::named(ROUTER).expect("a router")).expect("netlink");
    let before = router.list().await.expect("links");
    let routes = router.routes().await.expect("routes");
    let local = router.addresses(LOOPBACK).await.expect("addresses");
    let at = SocketAddr::from((AT_TWO, 9000));
    let listener = two.listen_tcp(at).expect("a listener");
    let (dialled, accepted) = tokio::join!(one.connect_tcp(at), listener.accept());
    let (mut dialled, mut accepted) = (dialled.expect("dialled"), accepted.expect("accepted").0);
    agent.stop().await;
    // While nobody looked: routes went, an address came, and a link lost its end of configuration.
    for route in routes.iter().filter(|route| route.via.is_some()) {
        router.delete_route(route).await.expect("deleted");
    }
    router.add_address(LOOPBACK, Ipv4Addr::new(172, 31, 99, 99).into()).await.expect("added");
    let unfinished = router.need("v0000000011").await.expect("a link");
    let mut again = world.agent();
    again.serving().await;
    let sorted = |mut routes: Vec<node_os::link::Route>| {
        routes.sort_unstable();
        routes
    };
    assert_eq!(router.list().await.expect("links"), before, "no link was made anew");
    assert_eq!(sorted(router.routes().await.expect("routes")), sorted(routes.clone()));
    assert_eq!(router.addresses(LOOPBACK).await.expect("addresses"), local);
    dialled.write_all(b"still here").await.expect("sent");
    let mut heard = [0; 10];
    accepted.read_exact(&mut heard).await.expect("heard");
    again.stop().await;
    // A pair without its note is one that a crash left unfinished.
    router.set_alias(unfinished.index, "").await.expect("forgotten");
    let mut again = world.agent();
    again.serving().await;
    assert_ne!(router.need("v0000000011").await.expect("a link").index, unfinished.index);
    talk((&one, AT_ONE), (&two, AT_TWO)).await;
    again.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_what_was_deleted() {
    if !sandbox::inside("nothing_is_left_of_what_was_deleted") {
        return;
    }
    for stray in ["vpc-gone", "i-gone", "cp-00000000"] {
        netns::create(&format!("ph-0123abcd-{stray}")).expect("made");
    }
    netns::create("ph-4567cdef-vpc-1").expect("another service's");
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    world.delete(NETWORK_INTERFACES, TWO).await;
    world.gone(TWO).await;
    assert!(NetNs::named("ph-0123abcd-i-2").is_err());
    let router = Links::open(&NetNs::named(ROUTER).expect("a router")).expect("netlink");
    assert_eq!(router.find("v0000000022").await.expect("a look"), None);
    assert!(router.routes().await.expect("routes").iter().all(|route| route.destination != POD.into()));
    for interface in [PLANE[0], PLANE[1], ONE] {
        world.delete(NETWORK_INTERFACES, interface).await;
        world.gone(interface).await;
    }
    assert_eq!(netns::list("ph-").expect("names"), ["ph-4567cdef-vpc-1"]);
    agent.stop().await;
    world.stop().await;
}
