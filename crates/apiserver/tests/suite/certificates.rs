//! Certificate requests: who asks, who approves, who signs.

use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::{Client, Resource};
use meta::{Doc, Status, User};
use serde_json::json;

const REQUESTS: Resource = Resource::new("certificates.k8s.io", "v1", "certificatesigningrequests");

fn request(name: &str, signer: &str) -> Doc {
    json!({"metadata": {"name": name}, "spec": {"request": STANDARD.encode("csr"), "signerName": signer,
        "usages": ["client auth"], "username": "system:admin", "groups": ["system:masters"], "uid": "0"}})
}

async fn condition(client: &Client, sub: &str, kind: &str) -> Result<Doc, Status> {
    let condition = json!({"type": kind, "status": "True", "reason": "Suite", "message": "as said"});
    let patch = json!({"status": {"conditions": [condition]}});
    client.patch(REQUESTS, "", "csr", sub, patch).await.map(|o| o.to_doc())
}

fn why<T>(outcome: Result<T, Status>) -> String {
    outcome.map_or_else(|s| format!("{} {}", s.code(), s.message), |_| "ok".into())
}

#[tokio::test]
async fn a_request_carries_its_requester() {
    let world = World::start(36).await;
    world.grant("jane", "certificates.k8s.io", &["certificatesigningrequests"], &["create", "update"]).await;
    let jane = world.as_user(User::authenticated("jane", ["dev"]));
    let made = jane.create(REQUESTS, "", request("csr", "example.com/a")).await.expect("made").to_doc();
    let spec = &made["spec"];
    assert_eq!(
        (&spec["username"], &spec["groups"], spec.get("uid")),
        (&json!("jane"), &json!(["dev", "system:authenticated"]), None)
    );
    let mut forged = made.clone();
    forged["spec"]["username"] = "system:admin".into();
    let kept = jane.update(REQUESTS, "", "csr", forged).await.expect("a no-op").to_doc();
    assert_eq!(kept, made);
    let refused = jane.create(REQUESTS, "", request("bad", "kubernetes.io/kube-apiserver-client")).await;
    assert!(
        why(refused).starts_with("403 certificatesigningrequests.certificates.k8s.io \"bad\" is forbidden: unable to parse CSR")
    );
}

#[tokio::test]
async fn approving_and_signing_need_a_say_over_the_signer() {
    let world = World::start(36).await;
    let subs = ["certificatesigningrequests/approval", "certificatesigningrequests/status"];
    for user in ["jane", "boss"] {
        world.grant(user, "certificates.k8s.io", &subs, &["patch", "update"]).await;
    }
    world.grant("boss", "certificates.k8s.io", &["signers"], &["approve", "sign"]).await;
    world.make(REQUESTS, "", request("csr", "example.com/a")).await;
    let (jane, boss) = (world.user("jane"), world.user("boss"));
    let prefix = "403 certificatesigningrequests.certificates.k8s.io \"csr\" is forbidden: user not permitted to";
    let refused = why(condition(&jane, "approval", "Approved").await);
    assert_eq!(refused, format!("{prefix} approve requests with signerName \"example.com/a\""));
    let approved = condition(&boss, "approval", "Approved").await.expect("approved");
    assert_eq!(approved["status"]["conditions"][0]["type"], "Approved");
    let certificate = json!({"status": {"certificate": STANDARD.encode("pem")}});
    let refused = why(jane.patch(REQUESTS, "", "csr", "status", certificate.clone()).await);
    assert_eq!(refused, format!("{prefix} sign requests with signerName \"example.com/a\""));
    assert_eq!(why(boss.patch(REQUESTS, "", "csr", "status", certificate).await), "ok");
}
