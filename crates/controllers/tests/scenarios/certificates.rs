//! A node's serving certificate, from its request to the certificate.

use crate::world::World;
use auth::pki::{PrivateKey, SigningRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::Resource;
use meta::{Doc, User};
use serde_json::json;

const REQUESTS: Resource = Resource::new("certificates.k8s.io", "v1", "certificatesigningrequests");
const NODES: Resource = Resource::new("", "v1", "nodes");

async fn ask(world: &World, name: &str, node: &str, address: &str) {
    let key = PrivateKey::generate().expect("a key");
    let pem = SigningRequest::write(&key, &format!("system:node:{node}"), &["system:nodes".into()], &[address.to_owned()]);
    let request = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
        "spec": {
            "request": STANDARD.encode(pem.expect("a request")), "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
        },
    });
    let client = world.server.client(User::authenticated(format!("system:node:{node}"), ["system:nodes"]));
    client.create(REQUESTS, "", request).await.expect("a node may ask");
}

fn certificate(doc: Option<&Doc>) -> Option<String> {
    let pem = STANDARD.decode(doc?["status"]["certificate"].as_str()?).expect("base64");
    Some(String::from_utf8(pem).expect("PEM"))
}

#[tokio::test]
async fn a_node_gets_a_certificate_for_its_own_addresses_only() {
    let world = World::start().await;
    let client = world.server.client(User::authenticated("system:node:a", ["system:nodes"]));
    client.create(NODES, "", json!({"metadata": {"name": "a"}})).await.expect("a node registers itself");
    ask(&world, "early", "a", "10.0.0.1").await;
    ask(&world, "foreign", "a", "10.0.0.9").await;
    let addresses = json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}});
    client.patch(NODES, "", "a", "status", addresses).await.expect("a node says where it is");
    // The request that came before the addresses is approved when they come.
    let signed = world.until((REQUESTS, "", "early"), |doc| certificate(doc).is_some()).await;
    let conditions = &signed.as_ref().expect("a request")["status"]["conditions"];
    assert_eq!((&conditions[0]["type"], &conditions[0]["reason"]), (&json!("Approved"), &json!("AutoApproved")));
    assert!(auth::pki::not_after(&certificate(signed.as_ref()).expect("a certificate")).is_ok());
    ask(&world, "late", "a", "10.0.0.1").await;
    world.until((REQUESTS, "", "late"), |doc| certificate(doc).is_some()).await;
    let foreign = world.there(REQUESTS, "", "foreign").await;
    assert!(foreign["status"]["conditions"].is_null(), "{foreign}");
    world.stop().await;
}
