//! Questions about permission.

use crate::world::{NS, World};
use client::{Client, Resource};
use meta::{Doc, User};
use serde_json::json;

const fn authorization(plural: &'static str) -> Resource {
    Resource::new("authorization.k8s.io", "v1", plural)
}
const ACCESS: Resource = authorization("subjectaccessreviews");
const OWN_ACCESS: Resource = authorization("selfsubjectaccessreviews");
const LOCAL_ACCESS: Resource = authorization("localsubjectaccessreviews");
const RULES: Resource = authorization("selfsubjectrulesreviews");

async fn ask(client: &Client, resource: Resource, namespace: &str, spec: Doc) -> Doc {
    match client.create(resource, namespace, json!({ "spec": spec })).await {
        Ok(review) => review.to_doc()["status"].clone(),
        Err(status) => status.message.into(),
    }
}

async fn world() -> World {
    let world = World::start(36).await;
    world.grant("jane", "", &["pods"], &["get", "list"]).await;
    world
}

fn attributes(verb: &str, resource: &str, namespace: &str) -> Doc {
    json!({"verb": verb, "resource": resource, "namespace": namespace})
}

#[tokio::test]
async fn access_reviews_say_what_the_authorizer_would() {
    let world = world().await;
    let admin = world.admin();
    for (user, resource, allowed) in [
        ("jane", attributes("get", "pods", NS), true),
        ("jane", attributes("get", "pods", ""), true),
        ("jane", attributes("create", "pods", NS), false),
        ("jane", attributes("get", "secrets", NS), false),
        ("john", attributes("get", "pods", NS), false),
    ] {
        let status = ask(&admin, ACCESS, "", json!({"user": user, "resourceAttributes": resource})).await;
        assert_eq!(status["allowed"], allowed, "{user} {resource}: {status}");
    }
    let masters = json!({"groups": ["system:masters"], "resourceAttributes": attributes("delete", "nodes", "")});
    assert_eq!(ask(&admin, ACCESS, "", masters).await["allowed"], true);
    let path =
        json!({"user": "jane", "groups": ["system:authenticated"], "nonResourceAttributes": {"verb": "get", "path": "/version"}});
    assert_eq!(ask(&admin, ACCESS, "", path).await["allowed"], true);
    let reason = ask(&admin, ACCESS, "", json!({"user": "jane", "resourceAttributes": attributes("get", "pods", NS)})).await;
    assert!(reason["reason"].as_str().is_some_and(|r| r.starts_with("RBAC: allowed by ClusterRoleBinding")), "{reason}");
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let world = world().await;
    let admin = world.admin();
    let neither = ask(&admin, ACCESS, "", json!({"user": "jane"})).await;
    assert!(
        neither
            .as_str()
            .is_some_and(|m| m.contains("exactly one of nonResourceAttributes or resourceAttributes must be specified")),
        "{neither}"
    );
    let nobody = ask(&admin, ACCESS, "", json!({"resourceAttributes": attributes("get", "pods", "")})).await;
    assert!(nobody.as_str().is_some_and(|m| m.contains("at least one of user or group must be specified")), "{nobody}");
    let elsewhere = json!({"user": "jane", "resourceAttributes": attributes("get", "pods", "elsewhere")});
    let refused = ask(&admin, LOCAL_ACCESS, NS, elsewhere).await;
    assert!(refused.as_str().is_some_and(|m| m.contains("must match metadata.namespace")), "{refused}");
    let here = json!({"user": "jane", "resourceAttributes": attributes("get", "pods", NS)});
    assert_eq!(ask(&admin, LOCAL_ACCESS, NS, here).await["allowed"], true);
    let stranger = ask(&world.user("john"), ACCESS, "", json!({})).await;
    assert!(stranger.as_str().is_some_and(|m| m.contains("cannot create resource \"subjectaccessreviews\"")), "{stranger}");
}

#[tokio::test]
async fn everyone_may_ask_about_themselves() {
    let world = world().await;
    let jane = world.user("jane");
    for (verb, allowed) in [("get", true), ("delete", false)] {
        let status = ask(&jane, OWN_ACCESS, "", json!({"resourceAttributes": attributes(verb, "pods", NS)})).await;
        assert_eq!(status["allowed"], allowed, "{verb}");
    }
    let rules = ask(&jane, RULES, "", json!({"namespace": NS})).await;
    let mine = json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]});
    assert!(rules["resourceRules"].as_array().is_some_and(|r| r.contains(&mine)), "{rules}");
    assert_eq!(ask(&jane, RULES, "", json!({})).await, json!("no namespace on request"));
    let reviews = Resource::new("authentication.k8s.io", "v1", "selfsubjectreviews");
    let user = User { uid: "u7".into(), ..User::authenticated("jane", ["dev"]) };
    let review = world.as_user(user).create(reviews, "", json!({})).await.expect("open to all").to_doc();
    let info = json!({"username": "jane", "uid": "u7", "groups": ["dev", "system:authenticated"]});
    assert_eq!(review["status"]["userInfo"], info);
}
