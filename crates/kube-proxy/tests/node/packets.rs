//! The table that the tracer reads, sent as real packets.

use crate::sandbox;
use crate::world::{CLIENT, ELSEWHERE, NODE, OWN, SERVICE, SERVICES, SLICES, World};
use meta::Doc;
use node_os::netns::NetNs;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const POD: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);
/// Endpoints 1 and 2. A pod is on this node if its slice says so.
const ENDPOINTS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 1, 11), Ipv4Addr::new(10, 0, 1, 12)];
/// Enough that chance leaves none of two out, once in half a million.
const TRIES: usize = 20;

/// What rows with the same first columns have in common: Service number so-and-so.
struct Case {
    number: u8,
    endpoints: &'static str,
    policy: &'static str,
}

impl Case {
    fn name(&self) -> String {
        format!("case-{}", self.number)
    }

    fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 100, 1, self.number)
    }

    fn external(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, self.number)
    }

    fn node_port(&self) -> u16 {
        30080 + u16::from(self.number)
    }

    fn service(&self) -> Doc {
        let policy = |name| if self.policy == name { "Local" } else { "Cluster" };
        let ports = json!([{"name": "http", "port": 80, "targetPort": 8080, "nodePort": self.node_port()}]);
        json!({"metadata": {"name": self.name()}, "spec": {"type": "NodePort", "clusterIP": self.address(), "ports": ports,
            "externalIPs": [self.external()], "externalTrafficPolicy": policy("external"), "internalTrafficPolicy": policy("internal")}})
    }

    fn slice(&self) -> Doc {
        let endpoints = ENDPOINTS.iter().zip(self.endpoints.split_whitespace()).map(|(address, word)| {
            let (ready, ending) = (word.contains('r'), word.contains('t'));
            let conditions = json!({"ready": ready, "serving": ready || ending, "terminating": ending});
            let node = if word.contains('l') { "n1" } else { "n2" };
            json!({"addresses": [address], "nodeName": node, "conditions": conditions})
        });
        slice(&self.name(), endpoints.collect())
    }

    fn destination(&self, name: &str) -> (Ipv4Addr, u16) {
        match name {
            "service" => (self.address(), 80),
            "other-port" => (self.address(), 81),
            "nobodys" => (Ipv4Addr::new(10, 100, 9, 9), 80),
            "node-port" => (NODE, self.node_port()),
            "external" => (self.external(), 80),
            "own" => (OWN, 53),
            "ssh" => (NODE, 22),
            _ => (ELSEWHERE, 80),
        }
    }
}

fn slice(service: &str, endpoints: Vec<Doc>) -> Doc {
    let metadata = json!({"name": format!("{service}-1"), "labels": {"kubernetes.io/service-name": service}});
    let ports = json!([{"name": "http", "port": 8080, "protocol": "TCP"}]);
    json!({"metadata": metadata, "addressType": "IPv4", "ports": ports, "endpoints": endpoints})
}

/// What the sender hears for an end of the table.
fn heard(end: &str, sender: Ipv4Addr, destination: Ipv4Addr) -> String {
    match end {
        "rejected" => "refused".into(),
        "dropped" => "silence".into(),
        "itself" => format!("{destination} sees {sender}"),
        _ => {
            let endpoint = ENDPOINTS[usize::from(end.starts_with('2'))];
            format!("{endpoint} sees {}", if end.ends_with('m') { NODE } else { sender })
        }
    }
}

async fn sent(world: &World, from: &NetNs, to: (Ipv4Addr, u16)) -> BTreeSet<String> {
    let mut heard = BTreeSet::new();
    for _ in 0..TRIES {
        let answer = world.ask(from, to).await;
        let again = answer.contains("sees");
        heard.insert(answer);
        if !again {
            break; // chance has no part in refusals
        }
    }
    heard
}

/// Informers see objects in the order of their creation: who has heard of the last has heard of all.
async fn serve(world: &mut World, cases: impl Iterator<Item = &Case>) {
    for case in cases {
        world.create(SERVICES, case.service()).await;
        world.create(SLICES, case.slice()).await;
    }
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080}]);
    world.create(SERVICES, json!({"metadata": {"name": "last"}, "spec": {"clusterIP": SERVICE, "ports": ports}})).await;
    world.create(SLICES, slice("last", vec![json!({"addresses": [ENDPOINTS[0]], "conditions": {"ready": true}})])).await;
    let pod = world.pods[&POD].clone();
    world.hears(&pod, (SERVICE, 80), &heard("1", POD, SERVICE)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_does_as_the_tracer_says() {
    if !sandbox::inside("packets::the_kernel_does_as_the_tracer_says") {
        return;
    }
    let rows: Vec<[&'static str; 5]> = include_str!("../../src/packets.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("five columns"))
        .collect();
    let mut cases = BTreeMap::new();
    for [endpoints, policy, ..] in &rows {
        let number = u8::try_from(cases.len() + 1).expect("few cases");
        cases.entry((*endpoints, *policy)).or_insert(Case { number, endpoints, policy });
    }
    let mut world = World::start().await;
    world.lead_to_node("10.100.0.0/16").await;
    world.lead_to_node("198.51.100.0/24").await;
    serve(&mut world, cases.values()).await;
    for [endpoints, policy, from, to, ends] in rows {
        let (sender, address) = match from {
            "pod" => (&world.pods[&POD], POD),
            "endpoint" => (&world.pods[&ENDPOINTS[0]], ENDPOINTS[0]),
            "node" => (&world.node, NODE),
            _ => (&world.client, CLIENT),
        };
        let destination = cases[&(endpoints, policy)].destination(to);
        // Who sends to itself has its own address as the source.
        let address = if from == "node" && to == "own" { OWN } else { address };
        let expected = ends.split(' ').map(|end| heard(end, address, destination.0)).collect();
        assert_eq!(sent(&world, sender, destination).await, expected, "{endpoints:?} {policy} {from} {to}");
    }
    world.stop().await;
}
