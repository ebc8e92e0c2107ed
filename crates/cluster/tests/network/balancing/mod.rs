//! Network Load Balancers on a real kernel: who gets the packets, what they see, and what is left in the end.

mod datagrams;
mod endings;
mod reach;

use super::world::{HOSTS, NETWORK_INTERFACES, World};
use super::{NetNs, ONE, TWO, address, named, question, records, sandbox};
use client::Resource;
use meta::Doc;
use node_os::nft;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

const INSTANCES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "instances");
const LOAD_BALANCERS: Resource = Resource::new("elbv2.pilothouse.dev", "v1", "loadbalancers");
const LISTENERS: Resource = Resource::new("elbv2.pilothouse.dev", "v1", "listeners");
const TARGET_GROUPS: Resource = Resource::new("elbv2.pilothouse.dev", "v1", "targetgroups");

const ID: &str = "0123456789abcdef";
const NAME: &str = "web-0123456789abcdef.elb.us-east-1.amazonaws.com";
const INTERFACE: &str = "eni-00000000000000055";
const AT: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 50);
const CLIENT: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 40);
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 64, 0, 9);
const RESOLVER: (Ipv4Addr, u16) = (Ipv4Addr::new(172, 31, 0, 2), 53);
const NODE_PORT: u16 = 30080;
/// By instance, and by address.
const GROUPS: [&str; 2] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];

/// The instances of both interfaces, each in a zone of its own.
async fn instances(world: &World) {
    for (name, number, zone) in [("i-1", 0, "us-east-1a"), ("i-2", 16, "us-east-1b")] {
        let spec = json!({"instanceId": name, "vpcId": "vpc-1", "availabilityZone": zone});
        world.create(INSTANCES, name, spec).await;
        let network = json!({"privateIpAddress": format!("172.31.{number}.10")});
        world.status(INSTANCES, name, json!({"state": "running", "network": network})).await;
    }
}

/// With an address in each of these zones: the letter of zone and subnet, and the interface.
async fn load_balancer(world: &World, zones: &[(char, &str, Ipv4Addr)]) {
    let mut listed = Vec::new();
    for (letter, interface, address) in zones {
        let (zone, subnet) = (format!("us-east-1{letter}"), format!("subnet-{letter}"));
        let attachment = json!({"loadBalancer": ID, "deviceIndex": 1});
        world.interface(interface, &subnet, &[&address.to_string()], attachment).await;
        listed.push(json!({"zoneName": zone, "subnetId": subnet, "networkInterfaceId": interface}));
    }
    let spec = json!({
        "name": "web", "dnsName": NAME, "vpcId": "vpc-1", "host": "here", "loopback": LOOPBACK, "availabilityZones": listed,
        "attributes": {"load_balancing.cross_zone.enabled": "true"},
    });
    world.create(LOAD_BALANCERS, ID, spec).await;
}

async fn target_group(world: &World, id: &str, kind: &str, protocol: &str, targets: &[&str], attributes: Doc) {
    let check = json!({"protocol": "TCP", "intervalSeconds": 5, "timeoutSeconds": 2, "unhealthyThresholdCount": 1});
    let targets: Vec<Doc> = targets.iter().map(|target| json!({"id": target})).collect();
    let spec = json!({
        "vpcId": "vpc-1", "host": "here", "protocol": protocol, "port": NODE_PORT, "targetType": kind, "healthCheck": check,
        "targets": targets, "attributes": attributes,
    });
    world.create(TARGET_GROUPS, id, spec).await;
}

async fn listener(world: &World, port: u16, protocol: &str, group: &str) {
    let arn = format!("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/{group}");
    let actions = json!([{"type": "forward", "targetGroupArn": arn}]);
    let spec = json!({"loadBalancer": ID, "port": port, "protocol": protocol, "defaultActions": actions});
    world.create(LISTENERS, &format!("{ID}.{port:016x}"), spec).await;
}

/// One load balancer in one zone before two instances in two: port 80 by instance and also for UDP, port 81 by address.
async fn balancer(world: &World) {
    instances(world).await;
    load_balancer(world, &[('a', INTERFACE, AT)]).await;
    target_group(world, GROUPS[0], "instance", "TCP_UDP", &["i-1", "i-2"], json!({})).await;
    target_group(world, GROUPS[1], "ip", "TCP", &["172.31.0.10", "172.31.16.10"], json!({})).await;
    listener(world, 80, "TCP_UDP", GROUPS[0]).await;
    listener(world, 81, "TCP", GROUPS[1]).await;
}

/// Says its name and who asks, over TCP and UDP, until it is dropped.
struct Server {
    streams: JoinSet<()>,
    #[expect(dead_code, reason = "its end is the end of the answers")]
    datagrams: JoinSet<()>,
}

impl Server {
    fn start(name: &'static str) -> Self {
        Self::inside(&named(name), name)
    }

    fn inside(inside: &NetNs, name: &'static str) -> Self {
        let at = SocketAddr::from((Ipv4Addr::UNSPECIFIED, NODE_PORT));
        let (mut streams, mut datagrams) = (JoinSet::new(), JoinSet::new());
        streams.spawn(answer_streams(inside.listen_tcp(at).expect("a listener"), name));
        datagrams.spawn(answer_datagrams(inside.bind_udp(at).expect("a socket"), name));
        Self { streams, datagrams }
    }
}

async fn answer_streams(listener: TcpListener, name: &str) {
    loop {
        let (mut stream, client) = listener.accept().await.expect("a connection");
        // Health checks do not wait for what is said.
        drop(stream.write_all(format!("{name} {}", client.ip()).as_bytes()).await);
    }
}

async fn answer_datagrams(socket: UdpSocket, name: &str) {
    let mut bytes = [0; 64];
    loop {
        let (_, client) = socket.recv_from(&mut bytes).await.expect("a datagram");
        socket.send_to(format!("{name} {}", client.ip()).as_bytes(), client).await.expect("sent");
    }
}

async fn heard(stream: std::io::Result<TcpStream>) -> String {
    let mut said = String::new();
    stream.expect("connected").read_to_string(&mut said).await.expect("an answer");
    said
}

/// How often each answer came, of so many.
async fn answers(client: &NetNs, port: u16, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        *counts.entry(heard(client.connect_tcp((AT, port).into()).await).await).or_default() += 1;
    }
    counts
}

fn states(group: Option<&Doc>) -> Vec<String> {
    let targets = group.and_then(|group| group["status"]["targets"].as_array());
    let state = |target: &Doc| target["state"].as_str().unwrap_or_default().to_owned();
    targets.into_iter().flatten().map(state).collect()
}

async fn realised(world: &World) {
    world.until(LOAD_BALANCERS, ID, |doc| doc.is_some_and(|doc| doc["status"]["realised"] == true)).await;
}

async fn until_targets(world: &World, expected: [&str; 2]) {
    for group in GROUPS {
        world.until(TARGET_GROUPS, group, |doc| states(doc) == expected).await;
    }
}

/// Who is neither a target nor the host: its first interface is in the subnet of the first instance.
fn control_plane() -> NetNs {
    let planes = node_os::netns::list("ph-0123abcd-cp-").expect("names");
    NetNs::named(&planes[0]).expect("a namespace")
}

fn counted(router: &NetNs, chain: &str) -> u64 {
    let counters = nft::counters(router, "pilothouse-elb").expect("counters");
    counters.iter().filter(|counter| counter.chain.starts_with(chain)).map(|counter| counter.packets).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_from_its_first_packet_to_its_last() {
    if !sandbox::inside("balancing::a_load_balancer_from_its_first_packet_to_its_last") {
        return;
    }
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    let (first, second) = (Server::start("i-1"), Server::start("i-2"));
    balancer(&world).await;
    realised(&world).await;
    until_targets(&world, ["healthy", "healthy"]).await;
    let (client, router) = (control_plane(), named("vpc-1"));

    // By instance the targets see the client, by address the load balancer.
    let both = |ip: Ipv4Addr| [format!("i-1 {ip}"), format!("i-2 {ip}")];
    let counts = answers(&client, 80, 40).await;
    assert_eq!(counts.keys().cloned().collect::<Vec<_>>(), both(CLIENT));
    let chain = |group: &str, number: u8| format!("target-{group}/172.31.{number}.10/");
    assert_eq!(counted(&router, &format!("listener-{ID}.")), 40);
    let of_each = [counted(&router, &chain(GROUPS[0], 0)), counted(&router, &chain(GROUPS[0], 16))];
    assert_eq!(of_each, [counts[&both(CLIENT)[0]] as u64, counts[&both(CLIENT)[1]] as u64]);
    assert_eq!(answers(&client, 81, 40).await.into_keys().collect::<Vec<_>>(), both(AT));

    let udp = client.bind_udp((CLIENT, 0).into()).expect("a socket");
    udp.send_to(b"hello", (AT, 80)).await.expect("sent");
    let mut said = [0; 512];
    let (length, from) = udp.recv_from(&mut said).await.expect("an answer");
    assert_eq!(from, SocketAddr::from((AT, 80)), "the answer comes from where the question went");
    assert!(both(CLIENT).contains(&String::from_utf8_lossy(&said[..length]).into_owned()));

    // Names: in the VPC and on the host.
    let udp = client.bind_udp((CLIENT, 0).into()).expect("a socket");
    for name in [NAME.to_owned(), format!("us-east-1a.{NAME}")] {
        udp.send_to(&question(&name), RESOLVER).await.expect("asked");
        let (length, _) = udp.recv_from(&mut said).await.expect("answered");
        assert_eq!(address(&said[..length]), AT, "{name}");
    }
    let block = format!("{HOSTS}# pilothouse 0123abcd begin\n{LOOPBACK} {NAME}\n# pilothouse 0123abcd end\n");
    assert_eq!(std::fs::read_to_string(world.hosts_file()).expect("a hosts file"), block);
    let host = NetNs::current().expect("the host's");
    for port in [80, 81] {
        assert!(both(AT).contains(&heard(host.connect_tcp((LOOPBACK, port).into()).await).await));
    }

    // Who does not answer its checks gets nothing, without a failed request after that.
    drop(second);
    until_targets(&world, ["healthy", "unhealthy"]).await;
    assert_eq!(answers(&client, 80, 20).await.into_keys().collect::<Vec<_>>(), [format!("i-1 {CLIENT}")]);
    let _second = Server::start("i-2");

    // A restart goes on from what is known: nobody is unhealthy for a moment, connections stay.
    let mut kept = client.connect_tcp((AT, 80).into()).await.expect("connected");
    agent.stop().await;
    assert_eq!(answers(&client, 80, 5).await.into_values().sum::<usize>(), 5, "rules outlive the service");
    let agent = world.agent();
    let mut said = String::new();
    kept.read_to_string(&mut said).await.expect("the connection is still there");
    world.until(TARGET_GROUPS, GROUPS[0], |doc| states(doc).first().is_some_and(|state| state == "healthy")).await;

    // A target that is taken out gets no new connections while its old ones end.
    world.change(TARGET_GROUPS, GROUPS[0], json!({"targets": [{"id": "i-2"}]})).await;
    world.until(TARGET_GROUPS, GROUPS[0], |doc| states(doc) == ["healthy", "draining"]).await;
    assert_eq!(answers(&client, 80, 20).await.into_keys().collect::<Vec<_>>(), [format!("i-2 {CLIENT}")]);

    // Nothing is left in the end.
    drop(first);
    world.delete(LOAD_BALANCERS, ID).await;
    world.until(LOAD_BALANCERS, ID, |doc| doc.is_none()).await;
    assert_eq!(std::fs::read_to_string(world.hosts_file()).expect("a hosts file"), HOSTS);
    assert!(host.connect_tcp((LOOPBACK, 80).into()).await.is_err(), "nobody listens on the host");
    assert!(client.connect_tcp((AT, 80).into()).await.is_err(), "nor in the VPC");
    assert_eq!(nft::chains(&router, "pilothouse-elb").expect("chains"), Vec::<String>::new());
    world.delete(NETWORK_INTERFACES, INTERFACE).await;
    world.gone(INTERFACE).await;
    for interface in [ONE, TWO] {
        world.realised(interface).await;
    }
    agent.stop().await;
    world.stop().await;
}
