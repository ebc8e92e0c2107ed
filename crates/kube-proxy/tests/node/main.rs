//! Services of a real API server, led by a real kernel: every packet here is one.

#[path = "../../../node-os/tests/sandbox/mod.rs"]
mod sandbox;

mod packets;
#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
mod world;

use meta::Doc;
use node_os::nft::{self, Transaction};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{CLIENT, NODE, REMOTE, SERVICE, SERVICES, SLICES, World, endpoints};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 11);
const C: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 12);
const WEB: (Ipv4Addr, u16) = (SERVICE, 80);
const NODE_PORT: (Ipv4Addr, u16) = (NODE, 30080);

fn service(spec: Doc) -> Doc {
    let mut whole = json!({"clusterIP": SERVICE, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]});
    whole.as_object_mut().expect("an object").extend(spec.as_object().cloned().expect("an object"));
    json!({"metadata": {"name": "web"}, "spec": whole})
}

fn node_port(policy: &str) -> Doc {
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080}]);
    service(json!({"type": "NodePort", "ports": ports, "externalTrafficPolicy": policy}))
}

fn slice(places: &[(Ipv4Addr, bool)], protocol: &str) -> Doc {
    let metadata = json!({"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}});
    let ports = json!([{"name": "http", "port": 8080, "protocol": protocol}]);
    json!({"metadata": metadata, "addressType": "IPv4", "ports": ports, "endpoints": endpoints(places)["endpoints"]})
}

fn sees(pod: Ipv4Addr, client: Ipv4Addr) -> String {
    format!("{pod} sees {client}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_reached_by_its_address() {
    if !sandbox::inside("a_service_is_reached_by_its_address") {
        return;
    }
    let mut world = World::start().await;
    let (a, b) = (world.pods[&A].clone(), world.pods[&B].clone());
    let (node, client) = (world.node.clone(), world.client.clone());
    world.hears(&a, WEB, "silence").await; // nobody has this address
    world.create(SERVICES, service(json!({}))).await;
    world.hears(&a, WEB, "refused").await;
    world.create(SLICES, slice(&[(B, true)], "TCP")).await;
    world.hears(&a, WEB, &sees(B, A)).await;
    assert_eq!(world.ask(&a, (SERVICE, 81)).await, "refused", "it has no such port");
    assert_eq!(world.ask(&b, WEB).await, sees(B, NODE), "a pod that reaches itself");
    assert_eq!(world.ask(&node, WEB).await, sees(B, NODE));
    world.patch(SLICES, "web-1", endpoints(&[(B, true), (C, true), (REMOTE, true)])).await;
    while world.ask(&a, WEB).await != sees(REMOTE, A) {}
    let all = [sees(B, A), sees(C, A), sees(REMOTE, A)];
    assert_eq!(world.hears_all(&a, WEB).await, BTreeSet::from(all));
    // A rolling update: new endpoints come, old ones end, and nobody notices.
    let steps: [&[(Ipv4Addr, bool)]; 3] = [&[(B, false), (C, true)], &[(C, true)], &[(C, false), (A, true)]];
    for places in steps {
        let before = world.passes();
        world.patch(SLICES, "web-1", endpoints(places)).await;
        while world.passes() == before {
            let heard = world.ask(&b, WEB).await;
            assert!(heard.contains("sees"), "{heard}");
        }
    }
    world.hears(&b, WEB, &sees(A, B)).await;
    world.patch(SLICES, "web-1", endpoints(&[])).await;
    assert!(world.ask(&client, WEB).await.contains("unreachable"), "the VPC knows no Services");
    world.hears(&a, WEB, "refused").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_port_follows_its_policy() {
    if !sandbox::inside("a_node_port_follows_its_policy") {
        return;
    }
    let mut world = World::start().await;
    let (a, client) = (world.pods[&A].clone(), world.client.clone());
    world.create(SERVICES, node_port("Cluster")).await;
    world.hears(&client, NODE_PORT, "refused").await;
    world.create(SLICES, slice(&[(B, true)], "TCP")).await;
    world.hears(&client, NODE_PORT, &sees(B, NODE)).await;
    world.patch(SLICES, "web-1", endpoints(&[(REMOTE, true)])).await;
    world.hears(&client, NODE_PORT, &sees(REMOTE, NODE)).await;
    world.patch(SERVICES, "web", node_port("Local")).await;
    world.hears(&client, NODE_PORT, "silence").await;
    assert_eq!(world.ask(&a, NODE_PORT).await, sees(REMOTE, A), "for a pod all endpoints are near enough");
    world.patch(SLICES, "web-1", endpoints(&[(REMOTE, true), (B, true)])).await;
    world.hears(&client, NODE_PORT, &sees(B, CLIENT)).await;
    assert_eq!(world.hears_all(&client, NODE_PORT).await, BTreeSet::from([sees(B, CLIENT)]));
    world.delete(SERVICES, "web").await;
    world.hears(&client, NODE_PORT, "refused").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancers_are_told_where_endpoints_are() {
    if !sandbox::inside("load_balancers_are_told_where_endpoints_are") {
        return;
    }
    let mut world = World::start().await;
    let client = world.client.clone();
    let mut doc = node_port("Local");
    (doc["spec"]["type"], doc["spec"]["healthCheckNodePort"]) = (json!("LoadBalancer"), json!(32000));
    world.create(SERVICES, doc).await;
    let pod = world.pods[&A].clone();
    world.hears(&pod, WEB, "refused").await;
    for (places, status, count) in [(&[][..], "503 Service Unavailable", 0), (&[(B, true), (REMOTE, true)], "200 OK", 1)] {
        if count > 0 {
            world.create(SLICES, slice(places, "TCP")).await;
            world.hears(&client, NODE_PORT, &sees(B, CLIENT)).await;
        }
        let mut stream = client.connect_tcp((NODE, 32000).into()).await.expect("it listens");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains(&format!("\"localEndpoints\":{count}")), "{answer}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_stay_with_their_endpoint() {
    if !sandbox::inside("clients_stay_with_their_endpoint") {
        return;
    }
    let mut world = World::start().await;
    let (a, b) = (world.pods[&A].clone(), world.pods[&B].clone());
    let affinity = json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}}});
    world.create(SERVICES, service(affinity)).await;
    world.create(SLICES, slice(&[(C, true)], "TCP")).await;
    world.hears(&a, WEB, &sees(C, A)).await;
    world.patch(SLICES, "web-1", endpoints(&[(C, true), (REMOTE, true)])).await;
    for from in [&a, &b] {
        assert_eq!(world.hears_all(from, WEB).await.len(), 1);
    }
    world.patch(SERVICES, "web", json!({"spec": {"sessionAffinity": "None", "sessionAffinityConfig": null}})).await;
    while world.hears_all(&a, WEB).await.len() == 1 {}
    world.stop().await;
}

/// Packets that the elements of Service `web` have counted: where clients send to, and where they are led.
fn counted(world: &World) -> (u64, u64) {
    let counters = nft::element_counters(&world.node, kube_proxy::TABLE).expect("counters");
    let of_web = |counter: &&nft::ElementCounter| counter.element.key[0] == nft::Datum::Address(SERVICE);
    let sum = |map: &str| counters.iter().filter(of_web).filter(|c| c.set == map).map(|c| c.packets).sum();
    (sum("service-ways"), sum("cluster-endpoints"))
}

/// Grows with each transaction.
fn generation(world: &World) -> u32 {
    nft::Tables::open(&world.node).and_then(|tables| tables.generation()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_leaves_packets_alone() {
    if !sandbox::inside("a_restart_leaves_packets_alone") {
        return;
    }
    let mut world = World::start().await;
    let a = world.pods[&A].clone();
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080}]);
    let affine = json!({"clusterIP": "10.100.7.8", "sessionAffinity": "ClientIP", "ports": ports});
    world.create(SERVICES, json!({"metadata": {"name": "affine"}, "spec": affine})).await;
    let mut other = slice(&[(B, true), (C, true), (REMOTE, true)], "TCP");
    other["metadata"] = json!({"name": "affine-1", "labels": {"kubernetes.io/service-name": "affine"}});
    world.create(SLICES, other).await;
    world.create(SERVICES, service(json!({}))).await;
    world.create(SLICES, slice(&[(B, true)], "TCP")).await;
    world.hears(&a, WEB, &sees(B, A)).await;
    assert_eq!(counted(&world), (1, 1), "the way of a packet can be seen");
    let affine = (Ipv4Addr::new(10, 100, 7, 8), 80);
    let chosen = world.ask(&a, affine).await;
    let before = generation(&world);
    let mut open = a.connect_tcp(WEB.into()).await.expect("it listens");
    world.restart_proxy().await;
    assert_eq!(generation(&world), before, "all is as the new one wants it");
    assert_eq!(counted(&world), (2, 2));
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.expect("the connection goes on");
    assert_eq!(answer, sees(B, A));
    assert_eq!(world.hears_all(&a, affine).await, BTreeSet::from([chosen]), "clients stay with their endpoints");
    world.stop_proxy().await;
    world.patch(SLICES, "web-1", endpoints(&[(C, true)])).await;
    world.restart_proxy().await;
    assert_eq!(world.ask(&a, WEB).await, sees(C, A), "what changed meanwhile is made up for");
    assert_eq!(generation(&world), before + 1, "by one change");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_spoils_is_mended() {
    if !sandbox::inside("what_another_program_spoils_is_mended") {
        return;
    }
    let mut world = World::start().await;
    let a = world.pods[&A].clone();
    world.create(SERVICES, service(json!({}))).await;
    world.create(SLICES, slice(&[(B, true)], "TCP")).await;
    world.hears(&a, WEB, &sees(B, A)).await;
    Transaction::new(kube_proxy::TABLE).remove_table().commit(&world.node).expect("gone");
    assert!(world.ask(&a, WEB).await.contains("unreachable"), "the VPC knows no Services");
    world.hears(&a, WEB, &sees(B, A)).await; // noticed without any change
    Transaction::new(kube_proxy::TABLE).remove_table().commit(&world.node).expect("gone");
    world.patch(SLICES, "web-1", endpoints(&[(C, true)])).await;
    world.hears(&a, WEB, &sees(C, A)).await; // noticed by a change that the kernel refuses
    Transaction::new(kube_proxy::TABLE).flush_chain("services").commit(&world.node).expect("no rules");
    world.hears(&a, WEB, &sees(C, A)).await;
    assert_eq!(counted(&world), (2, 2), "what was not spoiled has gone on counting");
    world.listing_can_be_read();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_udp_client_does_not_talk_to_the_dead() {
    if !sandbox::inside("a_udp_client_does_not_talk_to_the_dead") {
        return;
    }
    let world = World::start().await;
    let a = world.pods[&A].clone();
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080, "protocol": "UDP"}, {"name": "tcp", "port": 80}]);
    world.create(SERVICES, service(json!({"ports": ports}))).await;
    world.create(SLICES, slice(&[(B, true)], "UDP")).await;
    let socket = a.bind_udp((A, 5555).into()).expect("a socket");
    for (places, expected) in [(&[(B, true)][..], B), (&[(C, true)], C), (&[(REMOTE, true)], REMOTE)] {
        world.patch(SLICES, "web-1", endpoints(places)).await;
        // The same socket, so that it is the same flow to the kernel.
        let heard = async {
            let mut buffer = [0; 64];
            loop {
                // Refused while there is no endpoint: the kernel tells it at the next call.
                if socket.send_to(b"?", WEB).await.is_err() {
                    continue;
                }
                let answer = tokio::time::timeout(Duration::from_millis(100), socket.recv_from(&mut buffer)).await;
                if let Ok(Ok((length, from))) = answer {
                    // What was under way when its flow ended comes from the endpoint's own address: no client takes that.
                    if from.ip() == IpAddr::from(SERVICE) && buffer[..length] == *expected.to_string().as_bytes() {
                        return;
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), heard).await.unwrap_or_else(|_| panic!("{expected} never answers"));
    }
    world.stop().await;
}
