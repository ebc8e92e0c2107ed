//! What a DELETE can be told over HTTP, and how.

use crate::world::{CONFIG_MAPS, Http, NS, World};
use serde_json::json;

const PATH: &str = "/api/v1/namespaces/suite/configmaps";

#[tokio::test]
async fn options_come_by_query_or_body() {
    let world = World::start(36).await;
    let mut wire = world.face().await.admin(Http::Two).await;
    for n in 0..6 {
        world.make(CONFIG_MAPS, NS, json!({"metadata": {"name": format!("c-{n}"), "labels": {"n": n.to_string()}}})).await;
    }
    let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}}).to_string();
    let refused = wire.send("DELETE", &format!("{PATH}/c-0"), &[("Content-Type", "application/json")], body).await;
    assert!(refused.failure().starts_with("409 Operation cannot be fulfilled on configmaps \"c-0\": Precondition failed: UID"));
    let gone = wire.send("DELETE", &format!("{PATH}/c-0"), &[], "").await;
    assert_eq!((gone.code, &gone.doc()["status"], &gone.doc()["details"]["name"]), (200, &json!("Success"), &json!("c-0")));
    for (name, query, body, finalizers) in [
        ("c-1", "?propagationPolicy=Foreground", "", json!(["foregroundDeletion"])),
        ("c-2", "?orphanDependents=true", "", json!(["orphan"])),
        ("c-3", "", r#"{"propagationPolicy":"Foreground"}"#, json!(["foregroundDeletion"])),
        ("c-4", "?propagationPolicy=Foreground", r#"{"orphanDependents":true}"#, json!(["orphan"])),
    ] {
        let marked = wire.send("DELETE", &format!("{PATH}/{name}{query}"), &[], body).await;
        assert_eq!((marked.code, &marked.doc()["metadata"]["finalizers"]), (200, &finalizers), "{query} {body}");
    }
    for (query, expected) in [
        ("propagationPolicy=Odd", "422 DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Odd\""),
        ("dryRun=Some", "422"),
        ("gracePeriodSeconds=x", "400"),
    ] {
        let refused = wire.send("DELETE", &format!("{PATH}/c-5?{query}"), &[], "").await.failure();
        assert!(refused.starts_with(expected), "{refused}");
    }
    let dry = wire.send("DELETE", &format!("{PATH}/c-5"), &[], r#"{"dryRun":["All"]}"#).await;
    assert_eq!(dry.code, 200);
    assert_eq!(wire.get(&format!("{PATH}/c-5")).await.code, 200);
    let all = wire.send("DELETE", &format!("{PATH}?labelSelector=n%3D5"), &[], "").await.doc();
    assert_eq!((&all["kind"], all["items"].as_array().map(Vec::len)), (&json!("ConfigMapList"), Some(1)));
    assert_eq!(wire.get(&format!("{PATH}/c-5")).await.code, 404);
}
