//! HTTP itself: methods, paths, negotiation, limits, documents.

use crate::world::{CONFIG_MAPS, Http, NS, World};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATH: &str = "/api/v1/namespaces/suite/configmaps";

/// Method, path, headers, the refusal.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, String);

#[tokio::test]
async fn methods_paths_and_forms() {
    let world = World::start(36).await;
    world.make(CONFIG_MAPS, NS, json!({"metadata": {"name": "a"}})).await;
    let face = world.face().await;
    let (one, limited) = (format!("{PATH}/a"), format!("{PATH}?limit=x"));
    let not_allowed = "the server does not allow this method on the requested resource";
    let no_path = "the server could not find the requested resource";
    let formats = "the body of the request was in an unknown format - accepted media types include:";
    let (apply, protobuf) = ("application/apply-patch+yaml", "application/vnd.kubernetes.protobuf");
    let cases: Vec<Case> = vec![
        ("GET", "/api/v1/nothings", vec![], format!("404 {no_path}")),
        ("GET", "/apis/apps/v2/deployments", vec![], format!("404 {no_path}")),
        ("GET", "/nowhere", vec![], format!("404 {no_path}")),
        ("GET", "/apis/nowhere", vec![], format!("404 {no_path}")),
        ("PUT", PATH, vec![], format!("405 {not_allowed}")),
        ("PATCH", PATH, vec![], format!("405 {not_allowed}")),
        ("POST", &one, vec![], format!("405 {not_allowed}")),
        ("TRACE", &one, vec![], format!("405 {not_allowed}")),
        (
            "GET",
            &one,
            vec![("Accept", "text/html")],
            "406 only the following media types are accepted: application/json, application/yaml".into(),
        ),
        (
            "GET",
            &one,
            vec![("Accept", protobuf)],
            "406 only the following media types are accepted: application/json, application/yaml".into(),
        ),
        (
            "POST",
            PATH,
            vec![("Content-Type", protobuf)],
            "400 provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]".into(),
        ),
        (
            "POST",
            PATH,
            vec![("Content-Type", "text/plain")],
            format!("415 {formats} application/json, application/yaml, {protobuf}"),
        ),
        (
            "PATCH",
            &one,
            vec![("Content-Type", apply)],
            format!(
                "415 {formats} application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json"
            ),
        ),
        ("GET", &limited, vec![], "400 strconv.ParseInt: parsing \"x\": invalid syntax (limit)".into()),
    ];
    for http in [Http::One, Http::Two] {
        let mut wire = face.admin(http).await;
        for (method, path, headers, expected) in &cases {
            let answer = wire.send(method, path, headers, "{}").await;
            assert_eq!(&answer.failure(), expected, "{http:?} {method} {path}");
            assert_eq!(answer.doc()["kind"], "Status");
        }
        let shown = wire.get(&one).await;
        assert_eq!((shown.code, shown.header("content-type")), (200, "application/json"));
        assert_eq!(shown.header("cache-control"), "no-cache, private");
        assert_eq!(shown.header("content-encoding"), "");
        let head = wire.send("HEAD", &one, &[], "").await;
        assert_eq!((head.code, head.body.len()), (200, 0));
        let pretty = wire.get(&format!("{one}?pretty=true")).await;
        assert!(pretty.text().starts_with("{\n  \""), "{}", pretty.text());
        let watched = wire.get(&format!("{one}?watch=true")).await;
        assert_eq!(watched.doc()["kind"], "ConfigMap", "a named path is got, not watched");
    }
}

#[tokio::test]
async fn large_bodies_and_objects_are_refused() {
    let world = World::start(36).await;
    let mut wire = world.face().await.admin(Http::One).await;
    let body = |bytes: usize| json!({"metadata": {"name": "big"}, "data": {"a": "x".repeat(bytes)}}).to_string();
    let answer = wire.send("POST", PATH, &[], body(1_000_000)).await;
    assert_eq!(answer.code, 201);
    let mut wire = world.face().await.admin(Http::Two).await;
    let answer = wire.send("POST", PATH, &[], body(3 * 1024 * 1024)).await;
    assert_eq!(answer.failure(), "413 Request entity too large: limit is 3145728");
}

/// A watch over HTTP: one JSON document a line, until its time is up.
#[tokio::test]
async fn watches_stream_lines() {
    let world = World::start(36).await;
    world.make(CONFIG_MAPS, NS, json!({"metadata": {"name": "a"}})).await;
    let mut wire = world.face().await.admin(Http::Two).await;
    let answer = wire.get(&format!("{PATH}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Da")).await;
    let line: meta::Doc = serde_json::from_str(answer.text().trim()).expect("one line");
    assert_eq!((&line["type"], &line["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("a")));
    world.forget_history().await;
    let old = wire.get(&format!("{PATH}?watch=1&resourceVersion=1")).await;
    assert_eq!(old.code, 410, "{}", old.text());
}

#[tokio::test]
async fn health_version_and_documents() {
    let world = World::start(37).await;
    let mut wire = world.face().await.admin(Http::Two).await;
    for path in ["/readyz", "/livez", "/healthz", "/livez/ping"] {
        assert_eq!((wire.get(path).await.code, wire.get(path).await.text().as_str()), (200, "ok"), "{path}");
    }
    let verbose = wire.get("/livez?verbose").await.text();
    assert!(verbose.starts_with("[+]ping ok\n") && verbose.ends_with("livez check passed\n"), "{verbose}");
    let version = wire.get("/version").await.doc();
    assert_eq!((&version["major"], &version["minor"], &version["gitVersion"]), (&json!("1"), &json!("37"), &json!("v1.37.0")));
    assert!(wire.get("/").await.doc()["paths"].as_array().is_some_and(|p| p.contains(&json!("/apis/apps/v1"))));
    assert!(wire.get("/metrics").await.text().contains("apiserver_storage_objects{resource=\"namespaces\"} 5"));
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    for (path, accept) in [
        ("/api", ""),
        ("/api", aggregated),
        ("/apis", aggregated),
        ("/apis/apps", ""),
        ("/openapi/v2", ""),
        ("/openapi/v3", ""),
        ("/openapi/v3/apis/apps/v1", ""),
    ] {
        let first = wire.send("GET", path, &[("Accept", accept)], "").await;
        assert_eq!(first.code, 200, "{path}");
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"'), "{path}: {tag}");
        let again = wire.send("GET", path, &[("Accept", accept), ("If-None-Match", &tag)], "").await;
        assert_eq!((again.code, again.body.len()), (304, 0), "{path}");
    }
}

#[tokio::test]
async fn plain_http_is_told_off() {
    let world = World::start(36).await;
    let face = world.face().await;
    let mut tcp = face.tcp().await;
    tcp.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.expect("an answer, then the end");
    assert_eq!(answer, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}
