//! Who reaches whom through a load balancer, and whose address a target sees.

use super::super::{AT_ONE, AT_TWO, POD, pod_at};
use super::*;
use std::time::Duration;

/// The load balancer's addresses, in both zones.
const FRONTS: [Ipv4Addr; 2] = [AT, Ipv4Addr::new(172, 31, 16, 50)];
/// Longer than the kernel waits before it sends a first packet again.
const PATIENCE: Duration = Duration::from_millis(1500);
const TARGETS: [(&str, Ipv4Addr); 3] = [("i-1", AT_ONE), ("i-2", AT_TWO), ("pod", POD)];
/// Ports of listeners, each before one target: from here those that keep the client's address, from there those that hide it.
const KEEPING: u16 = 100;
const HIDING: u16 = 200;

async fn one_listener_a_target(world: &World) {
    load_balancer(world, &[('a', INTERFACE, FRONTS[0]), ('b', "eni-00000000000000066", FRONTS[1])]).await;
    for (first, keeps) in [(KEEPING, "true"), (HIDING, "false")] {
        for (port, (_, address)) in (first..).zip(TARGETS) {
            let group = format!("{port:016x}");
            let attributes = json!({"preserve_client_ip.enabled": keeps});
            target_group(world, &group, "ip", "TCP", &[&address.to_string()], attributes).await;
            listener(world, port, "TCP", &group).await;
        }
    }
    realised(world).await;
    for port in (KEEPING..).take(TARGETS.len()).chain((HIDING..).take(TARGETS.len())) {
        world.until(TARGET_GROUPS, &format!("{port:016x}"), |doc| states(doc) == ["healthy"]).await;
    }
}

/// Whom the target saw, or nothing when there was no connection.
async fn seen_by(target: &str, client: &NetNs, to: SocketAddr) -> String {
    match tokio::time::timeout(PATIENCE, client.connect_tcp(to)).await {
        Err(_) => "nobody".into(),
        Ok(stream) => {
            let said = heard(stream).await;
            said.strip_prefix(&format!("{target} ")).expect("the one target's answer").to_owned()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_address_a_target_sees() {
    if !sandbox::inside("balancing::reach::whose_address_a_target_sees") {
        return;
    }
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    let (one, two) = (named("i-1"), named("i-2"));
    let (pod, _directory) = pod_at(&two).await;
    let _servers = [Server::start("i-1"), Server::start("i-2"), Server::inside(&pod, "pod")];
    one_listener_a_target(&world).await;
    // A target that is to see its client sends its answer by itself: to itself, or to a pod of its own node, that never
    // passes the load balancer (Elastic Load Balancing, "Requests time out from a target to its load balancer").
    for (client, address, reaches) in [
        (&control_plane(), CLIENT, [true, true, true]),
        (&one, AT_ONE, [false, true, true]),
        (&two, AT_TWO, [true, false, false]),
        (&pod, POD, [true, false, false]),
    ] {
        for (front, (number, (target, _))) in FRONTS.iter().flat_map(|front| TARGETS.iter().enumerate().map(move |t| (front, t)))
        {
            let port = |first: u16| SocketAddr::from((*front, first + u16::try_from(number).expect("few")));
            let kept = if reaches[number] { address.to_string() } else { "nobody".into() };
            let (keeping, hiding) = tokio::join!(seen_by(target, client, port(KEEPING)), seen_by(target, client, port(HIDING)));
            assert_eq!((keeping, hiding), (kept, front.to_string()), "{address} to {target} through {front}");
        }
    }
    reached_from_the_host().await;
    changed_meanwhile(&world).await;
    agent.stop().await;
    world.stop().await;
}

async fn reached_from_the_host() {
    let host = NetNs::current().expect("the host's");
    for (number, (target, _)) in (0..).zip(TARGETS) {
        for port in [KEEPING, HIDING] {
            let seen = seen_by(target, &host, (LOOPBACK, port + number).into()).await;
            assert!(FRONTS.iter().any(|front| front.to_string() == seen), "the host to {target}: {seen}");
        }
    }
}

/// What a target group says of clients counts from the next connection on.
async fn changed_meanwhile(world: &World) {
    for (keeps, seen) in [("true", CLIENT), ("false", AT)] {
        let attributes = json!({"attributes": {"preserve_client_ip.enabled": keeps}});
        world.change(TARGET_GROUPS, &format!("{HIDING:016x}"), attributes).await;
        let changed = async {
            while seen_by("i-1", &control_plane(), (AT, HIDING).into()).await != seen.to_string() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), changed).await.expect("it counts");
    }
}
