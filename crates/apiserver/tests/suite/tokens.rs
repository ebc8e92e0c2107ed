//! Service account tokens: what they prove, and when they stop proving it.

use crate::plane::{AUDIENCE, ISSUER};
use crate::world::{ACCOUNTS, Http, NS, PODS, World};
use auth::service_account::{Issuer, SigningKey, Subject};
use client::{Call, DeleteOptions, Reply, ReplyBody, Verb};
use meta::{Clock, Doc, Status};
use serde_json::json;
use std::sync::Arc;

async fn request(world: &World, spec: Doc) -> Result<Reply, Status> {
    let call = Call::new(Verb::Create, ACCOUNTS.gvr(), NS, "robot").subresource("token");
    world.admin().call(call.body(json!({ "spec": spec }))).await
}

async fn token(world: &World, spec: Doc) -> String {
    match request(world, spec).await.expect("a token").body {
        ReplyBody::Doc(doc) => doc["status"]["token"].as_str().expect("a token").to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn review(world: &World, token: &str, audiences: &[&str]) -> Doc {
    let reviews = client::Resource::new("authentication.k8s.io", "v1", "tokenreviews");
    let asked = json!({"spec": {"token": token, "audiences": audiences}});
    world.admin().create(reviews, "", asked).await.expect("a review").to_doc()["status"].clone()
}

async fn is_good(world: &World, token: &str) -> bool {
    // Authentication follows the cache.
    world.server.caches().fresh().await.expect("the caches follow");
    review(world, token, &[]).await["authenticated"] == true
}

async fn with_account() -> World {
    let world = World::start(36).await;
    world.make(ACCOUNTS, NS, json!({"metadata": {"name": "robot"}})).await;
    world
}

fn refuse_binding(name: &str, uid: &str) -> Doc {
    json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}})
}

#[tokio::test]
async fn a_token_is_an_identity() {
    let world = with_account().await;
    let face = world.face().await;
    let token = token(&world, json!({})).await;
    let mut wire = face.anonymous().await;
    let bearer = format!("Bearer {token}");
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let info = wire.send("POST", path, &[("Authorization", &bearer)], body).await.doc()["status"]["userInfo"].clone();
    assert_eq!(info["username"], "system:serviceaccount:suite:robot");
    assert_eq!(info["groups"], json!(["system:serviceaccounts", "system:serviceaccounts:suite", "system:authenticated"]));
    assert!(info["extra"]["authentication.kubernetes.io/credential-id"][0].as_str().is_some_and(|id| id.starts_with("JTI=")));
    // A certificate outranks a token.
    let mut admin = face.admin(Http::One).await;
    assert_eq!(admin.send("GET", "/api/v1/nodes", &[("Authorization", &bearer)], "").await.code, 200);
    let jwks = admin.get("/openid/v1/jwks").await.doc();
    assert_eq!(jwks["keys"][0]["alg"], "RS256");
    let discovery = admin.get("/.well-known/openid-configuration").await.doc();
    assert_eq!(discovery["issuer"], ISSUER);
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_its_account() {
    let world = with_account().await;
    let token_a = token(&world, json!({"expirationSeconds": 600})).await;
    assert!(is_good(&world, &token_a).await);
    world.clock.advance(600 + 59);
    assert!(is_good(&world, &token_a).await, "clocks may disagree by a minute");
    world.clock.advance(10);
    assert!(!is_good(&world, &token_a).await);
    let token_b = token(&world, json!({})).await;
    world.admin().delete(ACCOUNTS, NS, "robot", DeleteOptions::default()).await.expect("deleted");
    assert!(!is_good(&world, &token_b).await);
    // Another account of the same name is another one.
    world.make(ACCOUNTS, NS, json!({"metadata": {"name": "robot"}})).await;
    assert!(!is_good(&world, &token_b).await);
}

#[tokio::test]
async fn a_token_ends_with_its_pod() {
    let world = with_account().await;
    let pod = world.pod("web", json!({"serviceAccountName": "robot"})).await;
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    let bound = token(&world, refuse_binding("web", uid)).await;
    let status = review(&world, &bound, &[]).await;
    assert_eq!(status["user"]["extra"]["authentication.kubernetes.io/pod-name"], json!(["web"]));
    assert_eq!(status["user"]["extra"]["authentication.kubernetes.io/pod-uid"], json!([uid]));
    for (spec, expected) in [
        (refuse_binding("gone", ""), "404 pods \"gone\" not found".to_owned()),
        (
            refuse_binding("web", "other"),
            "409 Operation cannot be fulfilled on pods \"web\": the UID in the bound object reference (other) does not match the UID in record. The object might have been deleted and then recreated".to_owned(),
        ),
        (
            json!({"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}}),
            "400 cannot bind token to object of type v1, Kind=ConfigMap".to_owned(),
        ),
        (
            json!({"expirationSeconds": 10}),
            "422 TokenRequest.authentication.k8s.io \"robot\" is invalid: spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes".to_owned(),
        ),
    ] {
        let refused = request(&world, spec).await.expect_err("refused");
        assert_eq!(format!("{} {}", refused.code(), refused.message), expected);
    }
    let stranger = world.pod("other", json!({})).await;
    let uid = stranger["metadata"]["uid"].as_str().unwrap_or_default();
    let refused = request(&world, refuse_binding("other", uid)).await.expect_err("not its pod").message;
    assert_eq!(refused, "cannot bind token for serviceaccount \"robot\" to pod running with different serviceaccount name.");
    world.admin().delete(PODS, NS, "web", DeleteOptions::default()).await.expect("deleted");
    assert!(!is_good(&world, &bound).await);
}

#[tokio::test]
async fn a_token_is_good_where_it_is_meant_to_be() {
    let world = with_account().await;
    let vault = token(&world, json!({"audiences": ["vault", "safe"]})).await;
    assert!(!is_good(&world, &vault).await, "not for this API server");
    let status = review(&world, &vault, &["vault", "elsewhere"]).await;
    assert_eq!((&status["authenticated"], &status["audiences"]), (&json!(true), &json!(["vault"])));
    let own = token(&world, json!({})).await;
    assert_eq!(review(&world, &own, &[]).await["audiences"], json!([AUDIENCE]));
    assert_eq!(review(&world, &own, &["vault"]).await["authenticated"], Doc::Null);
    let missing = review(&world, "a.b.c", &[]).await;
    assert_eq!(missing["error"], "[invalid bearer token, token lookup failed]");
}

#[tokio::test]
async fn strangers_tokens_prove_nothing() {
    let world = with_account().await;
    let key = Arc::new(SigningKey::generate().expect("a key"));
    let subject = Subject { namespace: NS.into(), expiration_seconds: 3600, ..Subject::default() };
    for url in [ISSUER, "https://elsewhere.example"] {
        let stranger = Issuer::new(url, key.clone(), vec![AUDIENCE.into()]);
        let forged = stranger.sign(&subject, "jti", world.clock.now()).expect("signed").token;
        assert!(!is_good(&world, &forged).await, "{url}");
    }
    let good = token(&world, json!({})).await;
    let (head, signature) = good.rsplit_once('.').expect("three parts");
    assert!(!is_good(&world, &format!("{head}.{}", signature.replace(&signature[..4], "AAAA"))).await);
    assert!(!is_good(&world, &format!("{head}.")).await);
}
