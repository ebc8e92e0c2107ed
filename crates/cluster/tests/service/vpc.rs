//! Control planes and the AWS endpoint, reached from an instance of their VPC.

use crate::sandbox;
use crate::world::{REGIONAL, World, http::send_over};
use aws_wire::HttpRequest;
use client::Options;
use cloud_eks::CONTROL_PLANES;
use http::Method;
use meta::Doc;
use node_os::netns::{self, NetNs};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};

/// An interface in the default VPC, as EC2 makes them.
async fn interface(world: &World, subnet: &Doc, number: u8, attachment: Doc) {
    let name = format!("eni-000000000000000{number}{number}");
    let spec = json!({
        "networkInterfaceId": name, "subnetId": subnet["spec"]["subnetId"], "vpcId": subnet["spec"]["vpcId"], "host": "local",
        "macAddress": format!("0a:00:00:00:00:0{number}"), "attachment": attachment, "addressCount": 1,
    });
    let doc = json!({"metadata": {"name": name, "finalizers": [cloud_ec2::ADDRESSES_FINALIZER]}, "spec": spec});
    world.admin().create(cloud_ec2::NETWORK_INTERFACES, REGIONAL, doc).await.expect("an interface");
}

async fn get(from: &NetNs, at: Ipv4Addr, name: &str, authority: &str, path: &str) -> (u16, String) {
    let stream = from.connect_tcp(SocketAddr::from((at, 443))).await.expect("connected");
    let mut request = HttpRequest::new(Method::GET, path);
    request.set_header("host", name);
    let reply = send_over(stream, name, authority, &request).await.expect("an answer");
    (reply.status, String::from_utf8_lossy(&reply.body).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_and_aws_answer_inside_the_vpc() {
    if !sandbox::inside("vpc::clusters_and_aws_answer_inside_the_vpc") {
        return;
    }
    let world = World::start().await;
    let subnets = world.admin().list(cloud_ec2::SUBNETS, REGIONAL, Options::default()).await.expect("subnets").items;
    let subnets: Vec<Doc> = subnets.iter().map(|subnet| subnet.to_doc()).collect();
    let enis = ["eni-00000000000000011", "eni-00000000000000022"];
    let plane = json!({
        "metadata": {"name": "inside", "finalizers": ["agent.pilothouse.dev/control-plane"]},
        "spec": {
            "host": "local", "clusterName": "inside", "clusterUid": "u", "version": "1.36", "serviceIpv4Cidr": "10.100.0.0/16",
            "oidcIssuer": "https://oidc.example", "authenticationMode": "API", "networkInterfaceIds": enis,
        },
    });
    world.admin().create(CONTROL_PLANES, REGIONAL, plane).await.expect("a control plane");
    interface(&world, &subnets[0], 1, json!({"controlPlane": "inside", "deviceIndex": 0})).await;
    interface(&world, &subnets[1], 2, json!({"controlPlane": "inside", "deviceIndex": 1})).await;
    interface(&world, &subnets[2], 3, json!({"instanceId": "i-1", "deviceIndex": 0})).await;
    let realised = |doc: Option<&Doc>| doc.is_some_and(|doc| doc["status"]["realised"] == true);
    world.until(cloud_ec2::NETWORK_INTERFACES, "eni-00000000000000033", realised).await;
    world.until(CONTROL_PLANES, "inside", |doc| doc.is_some_and(|doc| doc["status"]["addresses"].is_array())).await;
    let record = world.admin().get(CONTROL_PLANES, REGIONAL, "inside").await.expect("the record").to_doc();
    let names = netns::list(&format!("ph-{}-i-", world.service.info.instance)).expect("names");
    let instance = NetNs::named(&names[0]).expect("a namespace");
    let authority = record["status"]["certificateAuthority"].as_str().expect("an authority");
    for address in record["status"]["addresses"].as_array().expect("addresses") {
        let address: Ipv4Addr = address.as_str().and_then(|address| address.parse().ok()).expect("an address");
        let answer = get(&instance, address, &address.to_string(), authority, "/readyz").await;
        assert_eq!(answer, (200, "ok".into()), "{address}");
    }
    let authority = std::fs::read_to_string(world.service.state.authority()).expect("the endpoint's authority");
    let endpoint = Ipv4Addr::new(172, 31, 0, 3);
    for name in ["sts.us-east-1.amazonaws.com", "sts.amazonaws.com", "172.31.0.3"] {
        let (status, body) = get(&instance, endpoint, name, &authority, "/").await;
        assert!(status >= 400 && !body.is_empty(), "{name} refuses who does not sign: {status} {body}");
    }
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cluster_enters_its_vpc_and_leaves_it() {
    if !sandbox::inside("vpc::a_new_cluster_enters_its_vpc_and_leaves_it") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    world.until(CONTROL_PLANES, "demo", |doc| doc.is_some_and(|doc| doc["status"]["addresses"].is_array())).await;
    let record = world.admin().get(CONTROL_PLANES, REGIONAL, "demo").await.expect("the record").to_doc();
    let addresses = &record["status"]["addresses"];
    assert_eq!(addresses.as_array().map(Vec::len), Some(2));
    let kube = world.kube(&cluster, &aws);
    let (_, endpoints) = kube.get("/api/v1/namespaces/default/endpoints/kubernetes").await;
    let (_, slice) = kube.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes").await;
    for at in 0..2 {
        assert_eq!(endpoints["subsets"][0]["addresses"][at]["ip"], addresses[at], "{endpoints}");
        assert_eq!(slice["endpoints"][at]["addresses"][0], addresses[at], "{slice}");
    }
    assert_eq!(endpoints["subsets"][0]["ports"][0]["port"], 443);
    let prefix = format!("ph-{}-", world.service.info.instance);
    assert_eq!(netns::list(&prefix).expect("names").len(), 2, "a router and a control plane");
    aws.ok("eks", "DeleteCluster", json!({"name": "demo"})).await;
    world.gone("demo").await;
    assert_eq!(netns::list(&prefix).expect("names"), Vec::<String>::new());
    world.service.stop().await;
}
