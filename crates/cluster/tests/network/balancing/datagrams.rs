//! Datagrams through a load balancer: who answers, from where, and for how long the same one does.

use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

const GROUP: &str = "cccccccccccccccc";
const PORT: u16 = 53;
/// How long a lost datagram is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

fn socket(client: &NetNs, own: Ipv4Addr) -> UdpSocket {
    client.bind_udp((own, 0).into()).expect("a socket")
}

async fn asked(socket: &UdpSocket, at: SocketAddr) -> String {
    socket.send_to(b"who?", at).await.expect("sent");
    let mut said = [0; 64];
    let answer = tokio::time::timeout(PATIENCE, socket.recv_from(&mut said)).await;
    let (length, from) = answer.expect("an answer in time").expect("an answer");
    assert_eq!(from, at, "the answer comes from where the question went");
    String::from_utf8_lossy(&said[..length]).into_owned()
}

/// Who answers several clients, each of whom is answered by the same one each time.
async fn answering(client: &NetNs, own: Ipv4Addr, at: SocketAddr) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for _ in 0..20 {
        let socket = socket(client, own);
        let first = asked(&socket, at).await;
        for _ in 0..5 {
            assert_eq!(asked(&socket, at).await, first, "a flow keeps its target");
        }
        all.insert(first);
    }
    all
}

/// A client that is answered by this target.
async fn client_of(target: &str, client: &NetNs, own: Ipv4Addr, at: SocketAddr) -> UdpSocket {
    loop {
        let socket = socket(client, own);
        if asked(&socket, at).await.starts_with(target) {
            return socket;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_keep_their_targets_while_these_are_well() {
    if !sandbox::inside("balancing::datagrams::flows_keep_their_targets_while_these_are_well") {
        return;
    }
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    let (_first, mut second) = (Server::start("i-1"), Server::start("i-2"));
    instances(&world).await;
    load_balancer(&world, &[('a', INTERFACE, AT)]).await;
    let delay = json!({"deregistration_delay.timeout_seconds": "1"});
    target_group(&world, GROUPS[0], "instance", "UDP", &["i-1", "i-2"], json!({})).await;
    target_group(&world, GROUPS[1], "ip", "UDP", &["172.31.0.10", "172.31.16.10"], json!({})).await;
    target_group(&world, GROUP, "ip", "TCP_UDP", &["172.31.0.10", "172.31.16.10"], delay).await;
    for (port, protocol, group) in [(PORT, "UDP", GROUPS[0]), (PORT + 1, "UDP", GROUPS[1]), (PORT + 2, "TCP_UDP", GROUP)] {
        listener(&world, port, protocol, group).await;
    }
    realised(&world).await;
    until_targets(&world, ["healthy", "healthy"]).await;
    world.until(TARGET_GROUPS, GROUP, |doc| states(doc) == ["healthy", "healthy"]).await;

    let (client, host) = (control_plane(), NetNs::current().expect("the host's"));
    let both = |seen: Ipv4Addr| BTreeSet::from([format!("i-1 {seen}"), format!("i-2 {seen}")]);
    for port in [PORT, PORT + 1, PORT + 2] {
        assert_eq!(answering(&client, CLIENT, (AT, port).into()).await, both(CLIENT), "port {port}");
        let local = Ipv4Addr::LOCALHOST;
        assert_eq!(answering(&host, local, (LOOPBACK, port).into()).await, both(AT), "port {port} from the host");
    }
    assert_eq!(answers(&client, PORT + 2, 20).await.into_keys().collect::<BTreeSet<_>>(), both(CLIENT));

    let remembered = named("vpc-1").run(|| std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_udp_timeout"));
    assert_eq!(remembered.expect("a number").trim(), "120", "seconds, also when nobody answers");

    // A target that fails its checks, which are by TCP, loses its flows to the other.
    let at = SocketAddr::from((AT, PORT + 1));
    let moved = client_of("i-2", &client, CLIENT, at).await;
    second.streams.shutdown().await;
    until_targets(&world, ["healthy", "unhealthy"]).await;
    assert_eq!(asked(&moved, at).await, format!("i-1 {CLIENT}"));
    assert_eq!(answering(&client, CLIENT, at).await, BTreeSet::from([format!("i-1 {CLIENT}")]));

    agent.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_end_when_a_target_has_drained() {
    if !sandbox::inside("balancing::datagrams::flows_end_when_a_target_has_drained") {
        return;
    }
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    let _servers = [Server::start("i-1"), Server::start("i-2")];
    load_balancer(&world, &[('a', INTERFACE, AT)]).await;
    let delay = json!({"deregistration_delay.timeout_seconds": "3"});
    target_group(&world, GROUP, "ip", "UDP", &["172.31.0.10", "172.31.16.10"], delay).await;
    listener(&world, PORT, "UDP", GROUP).await;
    realised(&world).await;
    world.until(TARGET_GROUPS, GROUP, |doc| states(doc) == ["healthy", "healthy"]).await;
    let (client, at) = (control_plane(), SocketAddr::from((AT, PORT)));
    let flow = client_of("i-2", &client, CLIENT, at).await;
    world.change(TARGET_GROUPS, GROUP, json!({"targets": [{"id": "172.31.0.10"}]})).await;
    world.until(TARGET_GROUPS, GROUP, |doc| states(doc) == ["healthy", "draining"]).await;
    assert_eq!(asked(&flow, at).await, format!("i-2 {CLIENT}"), "it has time to end");
    assert_eq!(answering(&client, CLIENT, at).await, BTreeSet::from([format!("i-1 {CLIENT}")]), "new flows go elsewhere");
    world.until(TARGET_GROUPS, GROUP, |doc| states(doc) == ["healthy"]).await;
    assert_eq!(asked(&flow, at).await, format!("i-1 {CLIENT}"), "its time is over");
    agent.stop().await;
    world.stop().await;
}
