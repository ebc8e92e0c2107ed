//! Who is granted nothing gets nothing, in upstream's words, at every endpoint there is.

use crate::promises::compare;
use crate::world::{CONFIG_MAPS, Http, NS, PODS, World, line};
use api::ResourceDef;
use client::{Call, Client, Verb};
use meta::{Doc, Reason, Status, User};
use serde_json::json;

fn endpoints(world: &World) -> Vec<(std::sync::Arc<ResourceDef>, String, Verb)> {
    let mut all = Vec::new();
    for def in world.catalog.iter() {
        let verb = |name: &String| Verb::ALL.into_iter().find(|v| v.as_str() == name);
        all.extend(def.verbs.iter().filter_map(verb).map(|v| (def.clone(), String::new(), v)));
        for sub in &def.subresources {
            all.extend(sub.verbs.iter().filter_map(verb).map(|v| (def.clone(), sub.name.clone(), v)));
        }
    }
    all
}

async fn ask(client: &Client, def: &ResourceDef, sub: &str, verb: Verb) -> Result<(), Status> {
    let named = matches!(verb, Verb::Get | Verb::Update | Verb::Patch | Verb::Delete) || !sub.is_empty();
    let namespace = if def.namespaced { NS } else { "" };
    let mut call = Call::new(verb, def.gvr.clone(), namespace, if named { "x" } else { "" }).subresource(sub);
    match verb {
        Verb::Watch => return client.watch(def.gvr.clone(), namespace, Default::default()).await.map(drop),
        Verb::Create | Verb::Update => call = call.body(json!({"metadata": {"name": "x"}})),
        _ => {}
    }
    client.call(call).await.map(drop)
}

fn refusal(user: &str, def: &ResourceDef, sub: &str, verb: Verb) -> String {
    let named = matches!(verb, Verb::Get | Verb::Update | Verb::Patch | Verb::Delete) || !sub.is_empty();
    let (group, plural) = (&def.gvr.group, &def.gvr.resource);
    let name = if named { " \"x\"" } else { "" };
    let resource = if sub.is_empty() { plural.clone() } else { format!("{plural}/{sub}") };
    let place = match (def.namespaced, def.kind.as_str() == "Namespace" && named) {
        (true, _) => format!("in the namespace {NS:?}"),
        (_, true) => "in the namespace \"x\"".to_owned(),
        _ => "at the cluster scope".to_owned(),
    };
    let verb = verb.as_str();
    format!(
        "{}{name} is forbidden: User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {place}",
        def.group_resource()
    )
}

/// Every endpoint of a minor, for somebody without rights and for nobody. Those open to everyone are listed.
#[tokio::test]
async fn every_endpoint_is_closed_to_strangers() {
    let world = World::start(37).await;
    for (user, golden) in [(User::authenticated("jane", [""; 0]), include_str!("open-endpoints.txt")), (User::anonymous(), "")] {
        let name = user.name.clone();
        let client = world.as_user(user);
        let mut open = Vec::new();
        for (def, sub, verb) in endpoints(&world) {
            match ask(&client, &def, &sub, verb).await {
                Err(status) if status.reason == Reason::Forbidden && status.message.contains("cannot") => {
                    assert_eq!(status.message, refusal(&name, &def, &sub, verb));
                }
                _ => open.push(line(&def.gvr, &sub, verb.as_str())),
            }
        }
        let now = open.iter().fold(String::new(), |text, line| text + line + "\n");
        if golden.is_empty() {
            assert_eq!(now, "", "open to {name}");
        } else {
            compare("open-endpoints.txt", golden, &now);
        }
    }
}

#[tokio::test]
async fn rights_end_where_they_were_granted() {
    let world = World::start(36).await;
    world.grant("jane", "", &["pods"], &["get", "list"]).await;
    let jane = world.user("jane");
    let pods = client::Resource::new("", "v1", "pods");
    assert_eq!(jane.list(pods, NS, Default::default()).await.expect("granted").items.len(), 0);
    for (outcome, expected) in [
        (jane.get(pods, NS, "x").await.err(), r#"pods "x" not found"#),
        (
            jane.create(pods, NS, json!({"metadata": {"name": "x"}})).await.err(),
            r#"pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "suite""#,
        ),
        (
            jane.get(client::Resource::new("", "v1", "secrets"), NS, "x").await.err(),
            r#"secrets "x" is forbidden: User "jane" cannot get resource "secrets" in API group "" in the namespace "suite""#,
        ),
        (
            // Not to be told apart from what is served.
            jane.get(client::Resource::new("example.com", "v1", "things"), NS, "x").await.err(),
            r#"things.example.com "x" is forbidden: User "jane" cannot get resource "things" in API group "example.com" in the namespace "suite""#,
        ),
    ] {
        assert_eq!(outcome.map(|s| s.message).as_deref(), Some(expected));
    }
}

/// Nobody grants what they do not hold.
#[tokio::test]
async fn roles_do_not_escalate() {
    let world = World::start(36).await;
    let roles = client::Resource::new("rbac.authorization.k8s.io", "v1", "clusterroles");
    world.grant("jane", "rbac.authorization.k8s.io", &["clusterroles"], &["create"]).await;
    let role = json!({"metadata": {"name": "all"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    let refused = world.user("jane").create(roles, "", role).await.expect_err("she does not hold this");
    assert_eq!(refused.code(), 403);
    assert!(
        refused.message.contains(
            "user \"jane\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held"
        ),
        "{refused}"
    );
}

/// Authorization comes before the body is read, and over TLS as in process.
#[tokio::test]
async fn strangers_are_refused_before_their_bodies_are_read() {
    let world = World::start(36).await;
    let face = world.face().await;
    let mut jane = face.connect(Http::Two, Some(("jane", &[]))).await;
    let answer = jane.send("POST", "/api/v1/namespaces/suite/pods", &[], "{not json").await;
    let text = r#"pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "suite""#;
    assert_eq!(answer.failure(), format!("403 {text}"));
    let mut nobody = face.anonymous().await;
    let answer = nobody.get("/api/v1/nodes").await;
    let text = r#"nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope"#;
    assert_eq!(answer.failure(), format!("403 {text}"));
    let doc = answer.doc();
    assert_eq!((doc["reason"].as_str(), doc["details"].clone()), (Some("Forbidden"), json!({"kind": "nodes"})));
    let answer = nobody.get("/metrics").await;
    assert_eq!(answer.failure(), r#"403 forbidden: User "system:anonymous" cannot get path "/metrics""#);
    for open in ["/readyz", "/livez", "/healthz", "/version"] {
        assert_eq!(nobody.get(open).await.code, 200, "{open}");
    }
    let wrong = nobody.send("GET", "/api/v1/nodes", &[("Authorization", "Bearer nonsense")], "").await;
    assert_eq!(wrong.failure(), "401 Unauthorized");
}

#[tokio::test]
async fn impersonation_is_a_right_too() {
    let world = World::start(36).await;
    world.grant("boss", "", &["users", "groups", "serviceaccounts"], &["impersonate"]).await;
    world.grant("boss", "authentication.k8s.io", &["userextras/scopes"], &["impersonate"]).await;
    let face = world.face().await;
    let mut boss = face.connect(Http::One, Some(("boss", &[]))).await;
    let who = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let groups = |doc: &Doc| doc["status"]["userInfo"]["groups"].clone();
    let answer = boss.send("POST", who, &[("Impersonate-User", "jane"), ("Impersonate-Group", "dev")], review.clone()).await;
    assert_eq!(answer.doc()["status"]["userInfo"]["username"], "jane");
    assert_eq!(groups(&answer.doc()), json!(["dev", "system:authenticated"]));
    let account = [("Impersonate-User", "system:serviceaccount:suite:default")];
    let doc = boss.send("POST", who, &account, review.clone()).await.doc();
    assert_eq!(groups(&doc), json!(["system:serviceaccounts", "system:serviceaccounts:suite", "system:authenticated"]));
    let extra = [("Impersonate-User", "jane"), ("Impersonate-Extra-Scopes", "a"), ("Impersonate-Extra-Scopes", "b")];
    let doc = boss.send("POST", who, &extra, review.clone()).await.doc();
    assert_eq!(doc["status"]["userInfo"]["extra"], json!({"scopes": ["a", "b"]}));
    let refused = [
        (vec![("Impersonate-Group", "dev")], "400 requested impersonation without impersonating a user"),
        (
            vec![("Impersonate-User", "jane"), ("Impersonate-Uid", "7")],
            r#"403 uids.authentication.k8s.io "7" is forbidden: User "boss" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope"#,
        ),
        (
            vec![("Impersonate-User", "jane"), ("Impersonate-Extra-Other", "x")],
            r#"403 userextras.authentication.k8s.io "x" is forbidden: User "boss" cannot impersonate resource "userextras/other" in API group "authentication.k8s.io" at the cluster scope"#,
        ),
    ];
    for (headers, expected) in refused {
        assert_eq!(boss.send("POST", who, &headers, review.clone()).await.failure(), expected);
    }
    let mut jane = face.connect(Http::One, Some(("jane", &[]))).await;
    let answer = jane.send("GET", "/api", &[("Impersonate-User", "admin"), ("Impersonate-Group", "system:masters")], "").await;
    let text =
        r#"users "admin" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope"#;
    assert_eq!(answer.failure(), format!("403 {text}"));
}

/// Nothing is created where there is no namespace, or one that goes away.
#[tokio::test]
async fn namespaces_come_first() {
    let world = World::start(36).await;
    let admin = world.admin();
    let pod = json!({"metadata": {"generateName": "a-"}, "spec": {"containers": [{"name": "a", "image": "b"}]}});
    let missing = admin.create(PODS, "nowhere", pod.clone()).await.expect_err("no such namespace");
    assert_eq!((missing.code(), missing.message.as_str()), (404, r#"namespaces "nowhere" not found"#));
    let invalid = admin.create(CONFIG_MAPS, "nowhere", json!({"metadata": {"name": "-"}})).await.expect_err("nor here");
    assert_eq!(invalid.message, r#"namespaces "nowhere" not found"#);
    let namespaces = crate::world::NAMESPACES;
    admin.delete(namespaces, "", NS, Default::default()).await.expect("marked");
    let late = admin.create(PODS, NS, pod).await.expect_err("too late");
    let text = r#"pods "a-" is forbidden: unable to create new content in namespace suite because it is being terminated"#;
    assert_eq!((late.code(), late.message.as_str()), (403, text));
    assert_eq!(late.details["causes"][0]["reason"], "NamespaceTerminating");
    let immortal = admin.delete(namespaces, "", "kube-system", Default::default()).await.err().map(|s| s.message);
    assert_eq!(immortal.as_deref(), Some(r#"namespaces "kube-system" is forbidden: this namespace may not be deleted"#));
}
