//! A node's DNS over real sockets, asked by real resolvers, over a real API server.

#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
#[path = "../../../node-os/tests/sandbox/mod.rs"]
mod sandbox;
mod world;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use serde_json::json;
use serve::dns::Transport;
use std::path::Path;
use world::{NAMESPACES, SERVICES, SLICES, World};

fn said(message: &Message) -> String {
    let answers: Vec<String> = message.answers.iter().map(|record| record.data.to_string()).collect();
    format!("{:?} {}", message.metadata.response_code, answers.join(" "))
}

/// A Service with an address, a headless one, and an alias of the VPC's.
async fn populate(world: &World) {
    world.create(NAMESPACES, "", json!({"metadata": {"name": "site"}})).await;
    let ports = json!([{"name": "http", "port": 80}]);
    let web = json!({"metadata": {"name": "web"}, "spec": {"clusterIP": "10.100.7.7", "ports": ports}});
    let db = json!({"metadata": {"name": "db"}, "spec": {"clusterIP": "None", "ports": ports}});
    let out = json!({
        "metadata": {"name": "out"}, "spec": {"type": "ExternalName", "externalName": "ip-10-0-1-23.ec2.internal"},
    });
    for service in [web, db, out] {
        world.create(SERVICES, "site", service).await;
    }
    let endpoints: Vec<_> =
        (0..100).map(|n| json!({"addresses": [format!("10.0.9.{n}")], "hostname": format!("db-{n}")})).collect();
    let slice = json!({
        "metadata": {"name": "db-1", "labels": {"kubernetes.io/service-name": "db"}}, "addressType": "IPv4",
        "endpoints": endpoints, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    });
    world.create(SLICES, "site", slice).await;
}

#[tokio::test]
async fn queries_are_answered_by_datagram_and_by_stream() {
    if !sandbox::inside("queries_are_answered_by_datagram_and_by_stream") {
        return;
    }
    let world = World::start().await;
    populate(&world).await;
    use RecordType as T;
    for (name, kind, expected) in [
        ("web.site.svc.cluster.local.", T::A, "NoError 10.100.7.7"),
        ("web.site.svc.cluster.local.", T::AAAA, "NoError "),
        ("kubernetes.default.svc.cluster.local.", T::A, "NoError 10.100.0.1"),
        ("7.7.100.10.in-addr.arpa.", T::PTR, "NoError web.site.svc.cluster.local."),
        ("db-42.db.site.svc.cluster.local.", T::A, "NoError 10.0.9.42"),
        ("out.site.svc.cluster.local.", T::A, "NoError ip-10-0-1-23.ec2.internal. 10.0.1.23"),
        ("none.site.svc.cluster.local.", T::A, "NXDomain "),
        // The VPC's.
        ("ip-10-0-1-23.ec2.internal.", T::A, "NoError 10.0.1.23"),
        ("sts.us-east-1.amazonaws.com.", T::A, "NoError 10.0.0.3"),
        ("23.1.0.10.in-addr.arpa.", T::PTR, "NoError ip-10-0-1-23.ec2.internal."),
        ("example.com.", T::A, "NXDomain "),
    ] {
        for transport in [Transport::Datagram, Transport::Stream] {
            assert_eq!(said(&world.ask(name, kind, transport).await), expected, "{name} {transport:?}");
        }
    }
    let long = world.ask("db.site.svc.cluster.local.", T::A, Transport::Datagram).await;
    assert!(long.metadata.truncation && !long.answers.is_empty(), "a datagram holds some of them");
    assert_eq!(world.ask("db.site.svc.cluster.local.", T::A, Transport::Stream).await.answers.len(), 100);
    world.delete(SERVICES, "site", "web").await;
    assert_eq!(said(&world.ask("web.site.svc.cluster.local.", T::A, Transport::Datagram).await), "NXDomain ");
    world.stop().await;
}

#[tokio::test]
async fn a_vpc_that_is_silent_is_no_vpc_without_names() {
    if !sandbox::inside("a_vpc_that_is_silent_is_no_vpc_without_names") {
        return;
    }
    let world = World::start().await;
    world.stop_vpc().await;
    for transport in [Transport::Datagram, Transport::Stream] {
        let reply = world.ask("ip-10-0-1-23.ec2.internal.", RecordType::A, transport).await;
        assert_eq!(reply.metadata.response_code, ResponseCode::ServFail, "{transport:?}");
    }
    world.start_vpc();
    let reply = world.ask("ip-10-0-1-23.ec2.internal.", RecordType::A, Transport::Datagram).await;
    assert_eq!(said(&reply), "NoError 10.0.1.23");
    world.stop().await;
}

#[tokio::test]
async fn resolvers_of_pods_find_services() {
    if !sandbox::inside("resolvers_of_pods_find_services") {
        return;
    }
    let world = World::start().await;
    populate(&world).await;
    world.use_resolv_conf();
    // glibc: by the search path, by full names, by an alias, more than a datagram holds, and what is not there.
    for (arguments, addresses, expected) in [
        (&["ahostsv4", "web"][..], 1, "10.100.7.7"),
        (&["ahostsv4", "web.site"], 1, "10.100.7.7"),
        (&["ahosts", "web.site.svc.cluster.local"], 1, "10.100.7.7"),
        (&["ahostsv4", "kubernetes.default"], 1, "10.100.0.1"),
        (&["ahostsv4", "out"], 1, "10.0.1.23"),
        (&["ahostsv4", "ip-10-0-1-23"], 1, "10.0.1.23"),
        (&["ahostsv4", "db"], 100, "10.0.9.99"),
        (&["hosts", "10.100.7.7"], 1, "web.site.svc.cluster.local"),
        (&["ahostsv4", "none"], 0, ""),
    ] {
        let Some(text) = world.run("getent", arguments).await else {
            println!("skipped: there is no getent here");
            break;
        };
        let found: std::collections::BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert!(found.len() == addresses && text.contains(expected), "{arguments:?}: {text}");
    }
    match world.musl_resolver() {
        Some(resolver) => ask_musl(&world, &resolver).await,
        None => println!("skipped: there is no musl-gcc here"),
    }
    match world.run("busybox", &["nslookup", "web.site.svc.cluster.local"]).await {
        Some(text) => assert!(text.contains("10.100.7.7") && text.contains("10.100.0.10"), "{text}"),
        None => println!("skipped: there is no busybox here"),
    }
    world.stop().await;
}

/// As glibc, but that before 1.2.4 it is content with what a datagram holds.
async fn ask_musl(world: &World, resolver: &Path) {
    for (arguments, addresses, expected) in [
        (&["web"], 1..=1, "10.100.7.7"),
        (&["web.site"], 1..=1, "10.100.7.7"),
        (&["web.site.svc.cluster.local"], 1..=1, "10.100.7.7"),
        (&["kubernetes.default"], 1..=1, "10.100.0.1"),
        (&["out"], 1..=1, "10.0.1.23"),
        (&["ip-10-0-1-23"], 1..=1, "10.0.1.23"),
        (&["db-42.db"], 1..=1, "10.0.9.42"),
        (&["db"], 2..=100, "10.0.9."),
        (&["none"], 1..=1, "Name does not resolve"),
    ] {
        let text = world.run(resolver.to_owned(), arguments).await.expect("it has just been built");
        assert!(addresses.contains(&text.lines().count()) && text.contains(expected), "musl {arguments:?}: {text}");
    }
}
