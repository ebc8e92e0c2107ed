//! Who a caller is, and what a session of a role may do, and for how long.

use crate::sandbox;
use crate::world::aws::Aws;
use crate::world::{ACCOUNT, World, role_arn, user_arn};
use aws_wire::{Model, encode_request};
use meta::Doc;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn callers_learn_who_they_are_in_every_form() {
    if !sandbox::contained("sessions::callers_learn_who_they_are_in_every_form") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let me = aws.ok("sts", "GetCallerIdentity", json!({})).await;
    assert_eq!((&me["Account"], &me["Arn"]), (&json!(ACCOUNT), &json!(user_arn("pilothouse"))));
    assert!(me["UserId"].as_str().is_some_and(|id| id.starts_with("AIDA")), "{me}");
    let model = Model::load("sts").expect("a built-in model");
    let mut request = encode_request(model, model.operation("GetCallerIdentity").expect("modelled"), &json!({}));
    request.set_header("accept", "application/json");
    aws.sign(&mut request, "sts");
    assert_eq!(identity(&aws, &request).await, me);
    let mut presigned = aws.presigned_identity(crate::world::http::host_of(&aws.endpoint), None, 60);
    presigned.set_header("accept", "application/json");
    assert_eq!(identity(&aws, &presigned).await, me);
    let plain = Aws { endpoint: aws.endpoint.replace("https://", "http://"), ..aws.clone() };
    assert_eq!(plain.ok("sts", "GetCallerIdentity", json!({})).await, me);
    // STS gives a presigned request fifteen minutes, whatever it says of itself.
    world.clock.advance(14 * 60);
    assert_eq!(identity(&aws, &presigned).await, me);
    world.clock.advance(60 + 1);
    let late = aws.send(&presigned).await.expect("an answer");
    assert_eq!((late.status, String::from_utf8_lossy(&late.body).contains("SignatureDoesNotMatch")), (403, true));
    world.service.stop().await;
}

async fn identity(aws: &Aws, request: &aws_wire::HttpRequest) -> Doc {
    let reply = aws.send(request).await.expect("an answer");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let mut doc: Doc = serde_json::from_slice(&reply.body).expect("JSON");
    doc["GetCallerIdentityResponse"]["GetCallerIdentityResult"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_assumed_only_by_whom_they_trust() {
    if !sandbox::contained("sessions::roles_are_assumed_only_by_whom_they_trust") {
        return;
    }
    let world = World::start().await;
    world.role("for-bob", json!({"AWS": user_arn("bob")})).await;
    let admin = world.administrator();
    let bob = world.user("bob", Doc::Null).await;
    let eve = world.user("eve", json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})).await;
    for (who, name, role, allowed) in [
        (&admin, "admin", role_arn("viewer"), true),
        (&admin, "admin", role_arn("eksClusterRole"), false),
        (&admin, "admin", role_arn("nobody"), false),
        (&admin, "admin", "arn:aws:iam::999999999999:role/viewer".to_owned(), false),
        (&admin, "admin", role_arn("for-bob"), false),
        // The account is trusted: its users need a permission of their own.
        (&bob, "bob", role_arn("viewer"), false),
        (&bob, "bob", role_arn("for-bob"), true),
        (&eve, "eve", role_arn("viewer"), true),
        (&eve, "eve", role_arn("for-bob"), false),
    ] {
        let input = json!({"RoleArn": role, "RoleSessionName": "visit"});
        let outcome = who.call("sts", "AssumeRole", input).await;
        let shown = outcome.map(|_| ()).map_err(|error| format!("{} {}", error.status, error.code));
        let expected = if allowed { Ok(()) } else { Err("403 AccessDenied".to_owned()) };
        assert_eq!(shown, expected, "{name} assumes {role}");
    }
    for (extra, expected) in [
        (json!({"DurationSeconds": 899}), "400 ValidationError"),
        (json!({"DurationSeconds": 3601}), "400 ValidationError"),
        (json!({"Policy": "not json"}), "400 MalformedPolicyDocument"),
        (json!({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/Nothing"}]}), "400 ValidationError"),
        (json!({"RoleSessionName": "with space"}), "400 ValidationError"),
        (json!({"RoleArn": "arn:aws:iam::123456789012:user/pilothouse"}), "400 ValidationError"),
    ] {
        let mut input = json!({"RoleArn": role_arn("viewer"), "RoleSessionName": "visit"});
        input.as_object_mut().expect("an object").extend(extra.as_object().cloned().unwrap_or_default());
        assert_eq!(admin.refusal("sts", "AssumeRole", input).await, expected, "{extra}");
    }
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_have_bounds() {
    if !sandbox::contained("sessions::sessions_have_bounds") {
        return;
    }
    let world = World::start().await;
    let admin = world.administrator();
    let viewer = world.assume(&admin, "viewer", Doc::Null).await;
    let me = viewer.ok("sts", "GetCallerIdentity", json!({})).await;
    assert_eq!(me["Arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/viewer/visit"));
    viewer.ok("eks", "ListClusters", json!({})).await;
    let input = world.cluster_input("demo").await;
    assert_eq!(viewer.refusal("eks", "CreateCluster", input).await, "403 AccessDeniedException");
    assert_eq!(viewer.refusal("ec2", "DescribeVpcs", json!({})).await, "403 UnauthorizedOperation");
    assert_eq!(viewer.refusal("iam", "ListRoles", json!({})).await, "403 AccessDenied");
    assert_eq!(viewer.refusal("iam", "GetUser", json!({"UserName": "pilothouse"})).await, "403 AccessDenied");
    session_policies(&world, &admin).await;
    without_their_token(&viewer).await;
    world.clock.advance(3601);
    let late = Aws { time: viewer.time.plus_seconds(3601), ..viewer };
    assert_eq!(late.refusal("sts", "GetCallerIdentity", json!({})).await, "403 ExpiredToken");
    assert_eq!(late.refusal("eks", "ListClusters", json!({})).await, "403 ExpiredTokenException");
    assert_eq!(late.refusal("ec2", "DescribeVpcs", json!({})).await, "400 RequestExpired");
    world.service.stop().await;
}

/// A session policy takes away; it grants nothing.
async fn session_policies(world: &World, admin: &Aws) {
    let statement = json!({"Effect": "Allow", "Action": ["eks:ListClusters", "ec2:*"], "Resource": "*"});
    let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let narrowed = world.assume(admin, "viewer", json!({"Policy": policy})).await;
    narrowed.ok("eks", "ListClusters", json!({})).await;
    assert_eq!(narrowed.refusal("eks", "DescribeClusterVersions", json!({})).await, "403 AccessDeniedException");
    assert_eq!(narrowed.refusal("ec2", "DescribeVpcs", json!({})).await, "403 UnauthorizedOperation");
}

async fn without_their_token(session: &Aws) {
    let mut bare = session.clone();
    let token = bare.credentials.session_token.take().expect("a session");
    assert_eq!(bare.refusal("sts", "GetCallerIdentity", json!({})).await, "403 InvalidClientTokenId");
    bare.credentials.session_token = Some(format!("{token}AAAA"));
    assert_eq!(bare.refusal("sts", "GetCallerIdentity", json!({})).await, "403 InvalidClientTokenId");
}
