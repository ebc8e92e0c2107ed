//! Namespaces, links and sockets for real, in a sandbox.

mod sandbox;

use ipnet::Ipv4Net;
use node_os::link::{End, LOOPBACK, Links, Mac, Route};
use node_os::netns::{self, NetNs};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a prefix")
}

#[tokio::test]
async fn namespaces_have_names_and_lose_them() {
    if !sandbox::inside("namespaces_have_names_and_lose_them") {
        return;
    }
    let first = netns::create("ph-names-a").expect("made");
    let again = netns::create("ph-names-a").expect("opened");
    assert_eq!(first.inode().expect("number"), again.inode().expect("number"));
    assert_ne!(first.inode().expect("number"), NetNs::current().expect("own").inode().expect("number"));
    // What a crash leaves between making the file and mounting on it.
    std::fs::write(netns::path_of("ph-names-b"), "").expect("a file");
    netns::create("ph-names-b").expect("made");
    assert_eq!(netns::list("ph-names-").expect("names"), ["ph-names-a", "ph-names-b"]);
    for name in ["ph-names-a", "ph-names-b", "ph-names-c"] {
        netns::delete(name).expect("deleted");
    }
    assert_eq!(netns::list("ph-names-").expect("names"), Vec::<String>::new());
}

#[tokio::test]
async fn packets_cross_a_router() {
    if !sandbox::inside("packets_cross_a_router") {
        return;
    }
    let router = netns::create("ph-test-router").expect("made");
    let links = Links::open(&router).expect("netlink");
    links.sysctl("net/ipv4/ip_forward", "1").expect("forwarding");
    let mut ends = Vec::new();
    for (number, address) in [(1_u8, Ipv4Addr::new(10, 0, 1, 4)), (2, Ipv4Addr::new(10, 0, 2, 4))] {
        let owner = netns::create(&format!("ph-test-{number}")).expect("made");
        let mac = Mac([2, 0, 0, 0, 0, number]);
        let here = format!("v{number}");
        let (a, b) =
            (End { name: &here, mac: None, namespace: &router }, End { name: "eth0", mac: Some(mac), namespace: &owner });
        links.add_veth(&a, &b, 9001).await.expect("a pair");
        let link = links.need(&here).await.expect("a link");
        links.set_up(link.index).await.expect("up");
        links.sysctl(&format!("net/ipv4/conf/{here}/proxy_arp"), "1").expect("proxy arp");
        let route = Route::direct(net(&format!("{address}/32")), link.index);
        for _ in 0..2 {
            links.put_route(&route).await.expect("a route");
        }
        assert_eq!(links.routes().await.expect("routes").iter().filter(|known| **known == route).count(), 1);
        let inside = Links::open(&owner).expect("netlink");
        for name in ["lo", "eth0"] {
            let link = inside.need(name).await.expect("a link");
            inside.set_up(link.index).await.expect("up");
        }
        let eth = inside.need("eth0").await.expect("a link");
        assert_eq!((eth.mac, eth.up), (Some(mac), true));
        let own = Ipv4Net::new(address, 24).expect("a prefix");
        inside.add_address(eth.index, own).await.expect("an address");
        inside.add_address(eth.index, own).await.expect("the same again");
        assert_eq!(inside.addresses(eth.index).await.expect("addresses"), [own]);
        let gateway = Ipv4Addr::new(10, 0, number, 1);
        inside.put_route(&Route::via(Ipv4Net::default(), gateway, eth.index)).await.expect("a default route");
        inside.put_rule(address, 100, 512).await.expect("a rule");
        inside.put_rule(address, 100, 512).await.expect("the same rule");
        inside.put_rule_to(address, 254, 100).await.expect("a rule");
        inside.put_rule_to(address, 254, 100).await.expect("the same rule");
        assert_eq!(inside.ruled_addresses().await.expect("rules"), [address, address]);
        inside.delete_rules(address).await.expect("no rule");
        assert!(inside.ruled_addresses().await.expect("rules").is_empty());
        links.set_alias(link.index, "ph-test/eth0").await.expect("a note");
        assert_eq!(links.need(&here).await.expect("a link").alias, "ph-test/eth0");
        ends.push((owner, address, inside));
    }
    // Gateways live on the router's loopback, as the proxy for everything else does.
    let lo = links.need("lo").await.expect("lo");
    links.set_up(lo.index).await.expect("up");
    for gateway in ["10.0.1.1/32", "10.0.2.1/32"] {
        links.add_address(lo.index, net(gateway)).await.expect("a gateway");
    }
    let address = SocketAddr::from((ends[1].1, 7));
    let listener = ends[1].0.listen_tcp(address).expect("a listener");
    let answering = async {
        let (mut stream, from) = listener.accept().await.expect("a connection");
        stream.write_all(from.ip().to_string().as_bytes()).await.expect("written");
    };
    let asking = async {
        let mut stream = ends[0].0.connect_tcp(address).await.expect("connected");
        let mut said = String::new();
        stream.read_to_string(&mut said).await.expect("read");
        assert_eq!(said, "10.0.1.4");
    };
    tokio::join!(answering, asking);
    links.delete("v1").await.expect("deleted");
    links.delete("v1").await.expect("nothing to delete");
    assert_eq!(ends[0].2.find("eth0").await.expect("a look"), None);
    for name in netns::list("ph-test-").expect("names") {
        netns::delete(&name).expect("deleted");
    }
}

#[tokio::test]
async fn addresses_that_only_answer_are_no_source() {
    if !sandbox::inside("addresses_that_only_answer_are_no_source") {
        return;
    }
    let (left, right) = (netns::create("left").expect("made"), netns::create("right").expect("made"));
    let links = Links::open(&left).expect("netlink");
    let (a, b) = (End { name: "v0", mac: None, namespace: &left }, End { name: "eth0", mac: None, namespace: &right });
    links.add_veth(&a, &b, 9001).await.expect("a pair");
    let (link, other) = (links.need("v0").await.expect("a link").index, Links::open(&right).expect("netlink"));
    let far = other.need("eth0").await.expect("a link").index;
    for (links, link) in [(&links, LOOPBACK), (&links, link), (&other, LOOPBACK), (&other, far)] {
        links.set_up(link).await.expect("up");
    }
    links.wait_for_running("v0").await.expect("running");
    other.wait_for_running("eth0").await.expect("running");
    let local = Ipv4Addr::new(169, 254, 169, 254);
    for _ in 0..2 {
        links.add_address(LOOPBACK, local.into()).await.expect("an address of lo");
        links.add_address_without_route(link, net("10.0.0.1/24")).await.expect("an address");
    }
    other.add_address(far, net("10.0.0.2/24")).await.expect("an address");
    links.put_route(&Route::direct(net("10.0.0.2/32"), link)).await.expect("a route");
    let at = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2), 80));
    let listener = right.listen_tcp(at).expect("a listener");
    let (dialled, accepted) = tokio::join!(left.connect_tcp(at), listener.accept());
    let own = dialled.expect("dialled").local_addr().expect("an address");
    assert_eq!(own.ip(), Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(accepted.expect("accepted").1, own);
    assert_eq!(links.addresses(LOOPBACK).await.expect("addresses").last(), Some(&local.into()));
}

#[tokio::test]
async fn links_are_waited_for() {
    if !sandbox::inside("links_are_waited_for") {
        return;
    }
    let (left, right) = (netns::create("left").expect("made"), netns::create("right").expect("made"));
    let (links, other) = (Links::open(&left).expect("netlink"), Links::open(&right).expect("netlink"));
    assert_eq!(links.wait_for("lo").await.expect("it is there").index, LOOPBACK);
    let making = async {
        for name in ["v0", "v1"] {
            let far = format!("eth{}", &name[1..]);
            let (a, b) = (End { name, mac: None, namespace: &right }, End { name: &far, mac: None, namespace: &left });
            other.add_veth(&a, &b, 1500).await.expect("a pair");
        }
    };
    let (found, ()) = tokio::join!(links.wait_for("eth1"), making);
    assert_eq!(found.expect("it came").name, "eth1");
}
