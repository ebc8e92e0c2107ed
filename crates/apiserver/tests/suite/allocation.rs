//! Cluster IPs and node ports: given once, kept while wanted, free again afterwards.

use crate::world::{NS, SERVICES, World};
use client::{Client, DeleteOptions, Resource};
use futures::future::join_all;
use meta::{Doc, Status};
use serde_json::json;
use std::collections::BTreeSet;

const ADDRESSES: Resource = Resource::new("networking.k8s.io", "v1", "ipaddresses");

fn service(name: &str, spec: Doc) -> Doc {
    let mut doc = json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
    for (field, value) in spec.as_object().into_iter().flatten() {
        doc["spec"][field] = value.clone();
    }
    doc
}

async fn create(client: &Client, name: &str, spec: Doc) -> Result<Doc, Status> {
    client.create(SERVICES, NS, service(name, spec)).await.map(|o| o.to_doc())
}

async fn delete(client: &Client, name: &str) {
    client.delete(SERVICES, NS, name, DeleteOptions::default()).await.expect("deleted");
}

async fn patch(client: &Client, name: &str, spec: Doc) -> Result<Doc, Status> {
    client.patch(SERVICES, NS, name, "", json!({ "spec": spec })).await.map(|o| o.to_doc())
}

fn ip(doc: &Doc) -> String {
    doc["spec"]["clusterIP"].as_str().unwrap_or_default().to_owned()
}

fn port(doc: &Doc) -> u64 {
    doc["spec"]["ports"][0]["nodePort"].as_u64().unwrap_or(0)
}

async fn is_claimed(client: &Client, ip: &str) -> bool {
    client.find(ADDRESSES, "", ip).await.expect("a read").is_some()
}

#[tokio::test]
async fn addresses_are_given_once_and_come_back() {
    let world = World::start(36).await;
    let admin = world.admin();
    let auto = create(&admin, "auto", json!({})).await.expect("allocated");
    assert!(ip(&auto).starts_with("10.100."), "{auto}");
    assert_eq!(auto["spec"]["clusterIPs"], json!([ip(&auto)]));
    assert_eq!((&auto["spec"]["ipFamilies"], &auto["spec"]["ipFamilyPolicy"]), (&json!(["IPv4"]), &json!("SingleStack")));
    let claim = admin.get(ADDRESSES, "", &ip(&auto)).await.expect("claimed").to_doc();
    assert_eq!(claim["spec"]["parentRef"], json!({"group": "", "resource": "services", "namespace": NS, "name": "auto"}));
    let named = create(&admin, "named", json!({"clusterIP": "10.100.0.10"})).await.expect("free");
    assert_eq!(ip(&named), "10.100.0.10");
    for (asked, why) in [
        ("10.100.0.10", "failed to allocate IP 10.100.0.10: provided IP is already allocated"),
        (
            "10.200.0.1",
            "failed to allocate IP 10.200.0.1: the provided IP (10.200.0.1) is not in the valid range. The range of valid IPs is 10.100.0.0/16",
        ),
        (
            "10.100.0.0",
            "failed to allocate IP 10.100.0.0: the provided IP (10.100.0.0) is not in the valid range. The range of valid IPs is 10.100.0.0/16",
        ),
    ] {
        let refused = create(&admin, "second", json!({"clusterIP": asked})).await.expect_err(asked);
        let text = format!("Service \"second\" is invalid: spec.clusterIPs: Invalid value: [\"{asked}\"]: {why}");
        assert_eq!((refused.code(), refused.message), (422, text));
    }
    assert_eq!(ip(&create(&admin, "headless", json!({"clusterIP": "None"})).await.expect("headless")), "None");
    delete(&admin, "named").await;
    assert!(!is_claimed(&admin, "10.100.0.10").await);
    create(&admin, "second", json!({"clusterIP": "10.100.0.10"})).await.expect("free again");
    // An address goes with the type that has it, and cannot change.
    let moved = patch(&admin, "second", json!({"clusterIP": "10.100.0.11", "clusterIPs": ["10.100.0.11"]})).await;
    let text = "spec.clusterIPs[0]: Invalid value: [\"10.100.0.11\"]: may not change once set";
    assert_eq!(moved.expect_err("set").message, format!("Service \"second\" is invalid: {text}"));
    let external = patch(&admin, "second", json!({"type": "ExternalName", "externalName": "a.example"})).await.expect("changed");
    assert_eq!(external["spec"].get("clusterIP"), None, "{external}");
    assert!(!is_claimed(&admin, "10.100.0.10").await);
    let back = patch(&admin, "second", json!({"type": "ClusterIP", "externalName": null})).await.expect("changed back");
    assert!(is_claimed(&admin, &ip(&back)).await, "{back}");
}

#[tokio::test]
async fn node_ports_are_given_once_and_come_back() {
    let world = World::start(36).await;
    let admin = world.admin();
    let auto = create(&admin, "auto", json!({"type": "NodePort"})).await.expect("allocated");
    assert!((30000..=32767).contains(&port(&auto)), "{auto}");
    let fixed = |number: u64| json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": number}]});
    create(&admin, "fixed", fixed(30080)).await.expect("free");
    for (number, why) in [
        (30080, "provided port is already allocated"),
        (80, "provided port is not in the valid range. The range of valid ports is 30000-32767"),
    ] {
        let refused = create(&admin, "second", fixed(number)).await.expect_err("refused");
        let text = format!("Service \"second\" is invalid: spec.ports[0].nodePort: Invalid value: {number}: {why}");
        assert_eq!((refused.code(), refused.message), (422, text));
    }
    // A refused create claims nothing, not even the address it was given before.
    let services = admin.list(SERVICES, "", Default::default()).await.expect("a list").items;
    let addresses = admin.list(ADDRESSES, "", Default::default()).await.expect("a list").items;
    assert_eq!(addresses.len(), services.len());
    // One number serves two protocols of one service.
    let both = json!({"type": "NodePort", "ports": [
        {"name": "t", "port": 53, "protocol": "TCP", "nodePort": 30053}, {"name": "u", "port": 53, "protocol": "UDP", "nodePort": 30053}]});
    create(&admin, "dns", both).await.expect("one claim");
    // Back to ClusterIP: the port goes, the address stays.
    let before = admin.get(SERVICES, NS, "fixed").await.expect("there").to_doc();
    let plain = patch(&admin, "fixed", json!({"type": "ClusterIP"})).await.expect("changed");
    assert_eq!((port(&plain), ip(&plain)), (0, ip(&before)));
    create(&admin, "second", fixed(30080)).await.expect("free again");
    // What an update leaves out stays.
    let kept = patch(&admin, "second", json!({"ports": [{"port": 80, "targetPort": 8080}]})).await.expect("changed");
    assert_eq!(port(&kept), 30080);
    let moved = patch(&admin, "second", json!({"ports": [{"port": 80, "nodePort": 30081}]})).await.expect("changed");
    assert_eq!(port(&moved), 30081);
    create(&admin, "third", fixed(30080)).await.expect("free again");
    delete(&admin, "dns").await;
    create(&admin, "fourth", fixed(30053)).await.expect("free again");
    let none = json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false});
    assert_eq!(port(&create(&admin, "balanced", none).await.expect("without ports")), 0);
}

/// Load balancers want one number for both protocols of a port.
#[tokio::test]
async fn two_protocols_of_a_port_get_one_node_port() {
    let world = World::start(36).await;
    let admin = world.admin();
    let dns = |udp: u64| {
        json!({"type": "NodePort", "ports": [
            {"name": "t", "port": 53, "protocol": "TCP"}, {"name": "metrics", "port": 9153, "protocol": "TCP"},
            {"name": "u", "port": 53, "protocol": "UDP", "nodePort": udp},
        ]})
    };
    let numbers = |service: &Doc| [0, 1, 2].map(|index| service["spec"]["ports"][index]["nodePort"].as_u64().unwrap_or(0));
    let [tcp, metrics, udp] = numbers(&create(&admin, "chosen", dns(0)).await.expect("allocated"));
    assert!(tcp > 0 && tcp == udp && metrics > 0 && metrics != tcp, "{tcp} {metrics} {udp}");
    let asked = create(&admin, "asked", dns(30053)).await.expect("allocated");
    assert_eq!([numbers(&asked)[0], numbers(&asked)[2]], [30053, 30053]);
    // What was asked for and is taken is not chosen anew.
    create(&admin, "taken", dns(30053)).await.expect_err("taken");
    delete(&admin, "chosen").await;
    create(&admin, "again", dns(tcp)).await.expect("free again");
}

/// A health check port is a node port like any other.
#[tokio::test]
async fn health_check_ports_are_claimed() {
    let world = World::start(36).await;
    let admin = world.admin();
    let local = |port: u64| json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": port});
    let auto = create(&admin, "auto", local(0)).await.expect("allocated");
    let chosen = auto["spec"]["healthCheckNodePort"].as_u64().unwrap_or(0);
    assert!((30000..=32767).contains(&chosen), "{auto}");
    create(&admin, "held", json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]})).await.expect("free");
    let refused = create(&admin, "taken", local(30080)).await.expect_err("taken");
    let text = "spec.healthCheckNodePort: Invalid value: 30080: provided port is already allocated";
    assert_eq!(refused.message, format!("Service \"taken\" is invalid: {text}"));
    delete(&admin, "auto").await;
    create(&admin, "again", local(chosen)).await.expect("free again");
}

/// A full range says so.
#[tokio::test]
async fn ranges_end() {
    let world = World::configured(36, |config| {
        config.node_ports = 30000..=30002;
        config.service_cidr = Some("10.100.0.0/29".parse().expect("a valid range"));
    })
    .await;
    let admin = world.admin();
    // Service `kubernetes` has one of the six addresses.
    for n in 0..3 {
        create(&admin, &format!("port-{n}"), json!({"type": "NodePort"})).await.expect("room");
    }
    let refused = create(&admin, "port-3", json!({"type": "NodePort"})).await.expect_err("no port left").message;
    let text = "spec.ports[0].nodePort: Internal error: failed to allocate a nodePort: range is full";
    assert_eq!(refused, format!("Service \"port-3\" is invalid: {text}"));
    for n in 0..2 {
        create(&admin, &format!("ip-{n}"), json!({})).await.expect("room");
    }
    let refused = create(&admin, "ip-2", json!({})).await.expect_err("no address left").message;
    let text = "spec.clusterIPs: Internal error: failed to allocate a serviceIP: range is full";
    assert_eq!(refused, format!("Service \"ip-2\" is invalid: {text}"));
    delete(&admin, "port-1").await;
    create(&admin, "port-3", json!({"type": "NodePort"})).await.expect("room again");
}

#[tokio::test]
async fn many_at_once_get_distinct_addresses_and_ports() {
    let world = World::configured(36, |config| {
        // Narrow, so that choices collide.
        config.node_ports = 30000..=30255;
        config.service_cidr = Some("10.100.0.0/24".parse().expect("a valid range"));
    })
    .await;
    let admin = world.admin();
    let names: Vec<String> = (0..200).map(|n| format!("s-{n}")).collect();
    let made = join_all(names.iter().map(|name| create(&admin, name, json!({"type": "NodePort"})))).await;
    let made: Vec<Doc> = made.into_iter().collect::<Result<_, _>>().expect("there is room for all");
    assert_eq!(made.iter().map(ip).collect::<BTreeSet<_>>().len(), 200);
    assert_eq!(made.iter().map(port).collect::<BTreeSet<_>>().len(), 200);
    join_all(names.iter().map(|name| delete(&admin, name))).await;
    let left = admin.list(ADDRESSES, "", Default::default()).await.expect("a list").items;
    assert_eq!(left.len(), 1, "only that of Service kubernetes");
}
