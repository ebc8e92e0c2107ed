//! The endpoint around a service of two operations, with a verifier that knows one key.

use super::*;
use crate::policy::{PolicyDocument, PolicySet};
use crate::{Caller, Outcome, Principal, SystemRandom, Unverified};
use aws_wire::sigv4::{Credentials, Scope, sign};
use aws_wire::{client::decode_error, decode_output, encode_request};
use meta::SystemClock;
use serde_json::json;

const SECRET: &str = "secret";

struct OneKey {
    policy: &'static str,
}

#[async_trait::async_trait]
impl Verifier for OneKey {
    async fn verify(&self, request: &HttpRequest, signed: &Signed) -> Result<Caller, Unverified> {
        if signed.access_key_id != "AKIAONE" {
            return Err(AuthError::UnknownKey.into());
        }
        signed.verify(request, SECRET, meta::Clock::now(&SystemClock).0)?;
        Ok(Caller {
            account: "123456789012".into(),
            arn: "arn:aws:iam::123456789012:user/alice".into(),
            user_id: "AIDA".into(),
            access_key_id: signed.access_key_id.clone(),
            principal: Principal::User { name: "alice".into() },
            policies: PolicySet {
                identity: vec![PolicyDocument::parse_identity(self.policy).expect("a valid policy")],
                session: vec![],
            },
        })
    }
}

fn eks(operations: Vec<OperationEntry>) -> Service {
    Service { model: Model::load("eks").expect("a built-in model"), operations }
}

async fn list(_: Arc<()>, request: Request) -> Outcome {
    Ok(json!({"clusters": [request.namespace(), request.caller.account]}))
}

async fn describe(_: Arc<()>, _: Request) -> Outcome {
    Err(meta::Status::internal("the store is gone").into())
}

fn endpoint(policy: &'static str, limits: Limits) -> Endpoint {
    let any = Access::Policy(|_| vec!["arn:aws:eks:us-east-1:123456789012:cluster/*".into()]);
    let operations = vec![
        OperationEntry::new(&Arc::new(()), "ListClusters", any, list),
        OperationEntry::new(&Arc::new(()), "DescribeCluster", any, describe),
    ];
    let services = vec![eks(operations)];
    Endpoint::new(limits, services, Arc::new(OneKey { policy }), Arc::new(SystemClock), Arc::new(SystemRandom))
        .expect("a valid list")
}

const ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const NONE: &str = r#"{"Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}"#;

fn request(operation: &str, input: meta::Doc, key: &str, secret: &str) -> HttpRequest {
    let model = Model::load("eks").expect("a built-in model");
    let mut http = encode_request(model, model.operation(operation).expect("a modelled operation"), &input);
    http.set_header("host", "127.0.0.1:4566");
    let credentials = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    let scope = Scope { region: "eu-west-1", service: "eks", time: meta::Clock::now(&SystemClock).0 };
    sign(&mut http, &credentials, scope);
    http
}

#[tokio::test]
async fn requests_are_answered_or_refused_in_the_services_own_words() {
    let model = Model::load("eks").expect("a built-in model");
    let named = || json!({"name": "demo"});
    for (operation, input, key, secret, policy, code, status) in [
        ("ListClusters", json!({}), "AKIAONE", SECRET, ALL, "", 200),
        ("ListClusters", json!({}), "AKIATWO", SECRET, ALL, "UnrecognizedClientException", 403),
        ("ListClusters", json!({}), "AKIAONE", "other", ALL, "InvalidSignatureException", 403),
        ("ListClusters", json!({}), "AKIAONE", SECRET, NONE, "AccessDeniedException", 403),
        ("ListClusters", json!({"maxResults": 0}), "AKIAONE", SECRET, ALL, "InvalidParameterException", 400),
        ("DescribeCluster", named(), "AKIAONE", SECRET, ALL, "ServerException", 500),
        ("DeleteCluster", named(), "AKIAONE", SECRET, ALL, "InvalidRequestException", 400),
        ("DeleteCluster", named(), "AKIATWO", SECRET, ALL, "UnrecognizedClientException", 403),
    ] {
        let http = request(operation, input, key, secret);
        let reply = endpoint(policy, Limits::default()).handle(http, Peer::default()).await;
        let error = if reply.status == 200 { String::new() } else { decode_error(model, &reply).code };
        assert_eq!((error.as_str(), reply.status), (code, status), "{operation} {key} {secret} {policy}");
    }
}

#[tokio::test]
async fn the_region_is_the_one_signed_for() {
    let model = Model::load("eks").expect("a built-in model");
    let http = request("ListClusters", json!({}), "AKIAONE", SECRET);
    let reply = endpoint(ALL, Limits::default()).handle(http, Peer::default()).await;
    let output = decode_output(model, model.operation("ListClusters").expect("modelled"), &reply).expect("an answer");
    assert_eq!(output["clusters"], json!(["123456789012-eu-west-1", "123456789012"]));
    assert!(reply.header("x-amzn-requestid").is_some());
}

#[tokio::test]
async fn limits_hold_before_anything_is_read() {
    let http = request("ListClusters", json!({}), "AKIAONE", SECRET);
    let busy = Limits { concurrent_requests: 0, ..Limits::default() };
    assert_eq!(endpoint(ALL, busy).handle(http.clone(), Peer::default()).await.status, 429);
    let mut large = http;
    large.body = vec![b'x'; 20].into();
    let small = Limits { body_bytes: 10, ..Limits::default() };
    assert_eq!(endpoint(ALL, small).handle(large, Peer::default()).await.status, 413);
}

#[tokio::test]
async fn without_a_signature_nothing_happens() {
    let reply = endpoint(ALL, Limits::default()).handle(HttpRequest::new(http::Method::GET, "/clusters"), Peer::default()).await;
    assert_eq!(reply.status, 403);
    assert_eq!(&*reply.body, br#"{"message":"Missing Authentication Token"}"#);
}

#[test]
fn a_list_with_a_mistake_is_refused() {
    let entry = |name| OperationEntry::new(&Arc::new(()), name, Access::Handler, list);
    for (operations, problem) in [
        (vec![entry("ListClusters"), entry("ListClusters")], "service eks lists ListClusters twice"),
        (vec![entry("ListEverything")], "service eks has no operation ListEverything"),
    ] {
        assert_eq!(register(eks(operations)).err().as_deref(), Some(problem));
    }
}
