//! Requests that are not signed as they should be, in each service's own words.

use crate::sandbox;
use crate::world::World;
use crate::world::aws::Aws;
use aws_wire::HttpRequest;
use http::Method;
use meta::Doc;
use serde_json::json;

/// Six minutes: SigV4 forgives five.
const SKEW: i64 = 360;

#[tokio::test(flavor = "multi_thread")]
async fn each_service_names_what_is_wrong() {
    if !sandbox::contained("signatures::each_service_names_what_is_wrong") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let before = world.census().await;
    let with = |change: &dyn Fn(&mut Aws)| {
        let mut changed = aws.clone();
        change(&mut changed);
        changed
    };
    let wrong = with(&|aws| aws.credentials.secret_access_key.push('x'));
    let unknown = with(&|aws| aws.credentials.access_key_id = "AKIAIOSFODNN7EXAMPLE".into());
    let no_id = with(&|aws| aws.credentials.access_key_id = "nobody".into());
    let old = with(&|aws| aws.time = aws.time.plus_seconds(-SKEW));
    let early = with(&|aws| aws.time = aws.time.plus_seconds(SKEW));
    let made_up = with(&|aws| aws.credentials.session_token = Some("bm90IGEgdG9rZW4=".into()));
    for (what, client, sts, eks, ec2) in [
        ("wrong secret", &wrong, "403 SignatureDoesNotMatch", "403 InvalidSignatureException", "401 AuthFailure"),
        ("unknown key", &unknown, "403 InvalidClientTokenId", "403 UnrecognizedClientException", "401 AuthFailure"),
        ("no key id", &no_id, "403 InvalidClientTokenId", "403 UnrecognizedClientException", "401 AuthFailure"),
        ("old", &old, "403 SignatureDoesNotMatch", "403 InvalidSignatureException", "401 AuthFailure"),
        ("early", &early, "403 SignatureDoesNotMatch", "403 InvalidSignatureException", "401 AuthFailure"),
        ("made-up session", &made_up, "403 InvalidClientTokenId", "403 UnrecognizedClientException", "401 AuthFailure"),
    ] {
        assert_eq!(client.refusal("sts", "GetCallerIdentity", json!({})).await, sts, "{what}");
        assert_eq!(client.refusal("eks", "ListClusters", json!({})).await, eks, "{what}");
        assert_eq!(client.refusal("ec2", "DescribeVpcs", json!({})).await, ec2, "{what}");
        let input = world.cluster_input("demo").await;
        assert_eq!(client.refusal("eks", "CreateCluster", input).await, eks, "{what}");
    }
    assert_eq!(world.census().await, before);
    world.service.stop().await;
}

/// What was signed is what is done: any later change breaks the signature.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_changed_after_signing() {
    if !sandbox::contained("signatures::nothing_can_be_changed_after_signing") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let mut signed = HttpRequest::new(Method::POST, "/clusters");
    signed.set_header("content-type", "application/json");
    signed.body = world.cluster_input("demo").await.to_string().into();
    aws.sign(&mut signed, "eks");
    let changes: [(&str, &dyn Fn(&mut HttpRequest)); 5] = [
        ("body", &|request| request.body = String::from_utf8_lossy(&request.body).replace("demo", "evil").into()),
        ("query", &|request| request.query = "x=y".into()),
        ("method", &|request| request.method = Method::PUT),
        ("header", &|request| request.set_header("content-type", "application/x-amz-json-1.1")),
        ("date", &|request| request.set_header("x-amz-date", "20200101T000000Z")),
    ];
    for (what, change) in changes {
        let mut changed = signed.clone();
        change(&mut changed);
        let reply = aws.send(&changed).await.expect("an answer");
        let code = reply.header("x-amzn-errortype").unwrap_or_default().to_owned();
        assert_eq!((reply.status, code.as_str()), (403, "InvalidSignatureException"), "{what}");
    }
    assert_eq!(aws.ok("eks", "ListClusters", json!({})).await["clusters"], json!([]));
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_requests_are_refused() {
    if !sandbox::contained("signatures::unsigned_requests_are_refused") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let mut eks = HttpRequest::new(Method::GET, "/clusters");
    eks.set_header("host", "127.0.0.1");
    let mut sts = HttpRequest::new(Method::POST, "/");
    sts.set_header("host", "127.0.0.1");
    sts.set_header("content-type", "application/x-www-form-urlencoded");
    sts.body = "Action=GetCallerIdentity&Version=2011-06-15".into();
    let mut broken = eks.clone();
    broken.set_header("authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE");
    for (request, code) in
        [(&eks, "MissingAuthenticationToken"), (&sts, "MissingAuthenticationToken"), (&broken, "IncompleteSignature")]
    {
        let reply = aws.send(request).await.expect("an answer");
        let text = String::from_utf8_lossy(&reply.body).into_owned() + reply.header("x-amzn-errortype").unwrap_or_default();
        assert!(reply.status == 403 && text.contains(code), "{} {text}", reply.status);
    }
    let nobody: Doc = aws.ok("eks", "ListClusters", json!({})).await;
    assert_eq!(nobody["clusters"], json!([]));
    world.service.stop().await;
}
