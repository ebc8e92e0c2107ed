//! What becomes of fields that a kind does not have, has twice, or has of another type.

use crate::world::{Http, World};
use serde_json::json;

const PATH: &str = "/api/v1/namespaces/suite/configmaps";

fn body(name: &str, rest: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}}{rest}}}"#)
}

#[tokio::test]
async fn unknown_and_duplicate_fields() {
    let world = World::start(36).await;
    let mut wire = world.face().await.admin(Http::Two).await;
    let rest = r#","data":{"a":"1","a":"2"},"extra":1"#;
    let strict = wire.send("POST", &format!("{PATH}?fieldValidation=Strict"), &[], body("strict", rest)).await;
    let text = r#"400 ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a", unknown field "extra""#;
    assert_eq!(strict.failure(), text);
    for (query, name) in [("", "default"), ("?fieldValidation=Warn", "warn")] {
        let warned = wire.send("POST", &format!("{PATH}{query}"), &[], body(name, rest)).await;
        assert_eq!(warned.code, 201);
        let expected = [r#"299 - "duplicate field \"data.a\"""#, r#"299 - "unknown field \"extra\"""#];
        assert_eq!(warned.warnings(), expected, "{query}");
        assert_eq!((&warned.doc()["data"], warned.doc().get("extra")), (&json!({"a": "2"}), None));
    }
    let ignored = wire.send("POST", &format!("{PATH}?fieldValidation=Ignore"), &[], body("ignored", rest)).await;
    assert_eq!((ignored.code, ignored.warnings().len()), (201, 0));
    let odd = wire.send("POST", &format!("{PATH}?fieldValidation=Odd"), &[], body("odd", "")).await;
    assert_eq!(odd.code, 422);
    let merge = [("Content-Type", "application/merge-patch+json")];
    let patch = r#"{"data":{"b":"1"},"extra":{"deep":1}}"#;
    let patched = wire.send("PATCH", &format!("{PATH}/warn"), &merge, patch).await;
    assert_eq!((patched.code, patched.warnings()), (200, vec![r#"299 - "unknown field \"extra\"""#]));
    let strict = wire.send("PATCH", &format!("{PATH}/warn?fieldValidation=Strict"), &merge, patch).await;
    assert!(strict.failure().starts_with("400") && strict.failure().contains("unknown field \"extra\""), "{}", strict.failure());
}

#[tokio::test]
async fn bodies_that_do_not_fit() {
    let world = World::start(36).await;
    let mut wire = world.face().await.admin(Http::One).await;
    let pods = "/api/v1/namespaces/suite/pods";
    for (path, body, code, text) in [
        (
            PATH,
            body("a", r#","data":{"a":1}"#),
            400,
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            pods,
            r#"{"spec":{"containers":"x"}}"#.into(),
            400,
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (PATH, "{".into(), 400, "json parse error"),
        (PATH, "".into(), 400, "json parse error"),
        (PATH, "[]".into(), 400, "Object 'Kind' is missing in '[]'"),
        (PATH, r#"{"kind":"Secret","apiVersion":"v1"}"#.into(), 400, "Secret in version \"v1\" cannot be handled as a ConfigMap"),
        (
            PATH,
            r#"{"kind":"ConfigMap","apiVersion":"v2"}"#.into(),
            400,
            "the API version in the data (v2) does not match the expected API version (v1)",
        ),
        (
            PATH,
            r#"{"metadata":{"name":"a","namespace":"default"}}"#.into(),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (PATH, r#"{"metadata":{}}"#.into(), 422, "name or generateName is required"),
        (PATH, r#"{"metadata":{"name":"-"}}"#.into(), 422, "metadata.name: Invalid value: \"-\""),
    ] {
        let answer = wire.send("POST", path, &[], body.clone()).await;
        let failure = answer.failure();
        assert!(failure.starts_with(&format!("{code} ")) && failure.contains(text), "{body}: {failure}");
    }
}

#[tokio::test]
async fn yaml_in_and_out() {
    let world = World::start(36).await;
    let mut wire = world.face().await.admin(Http::Two).await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  on: \"yes\"\n";
    let made = wire.send("POST", PATH, &[("Content-Type", "application/yaml")], yaml).await;
    assert_eq!((made.code, &made.doc()["data"]), (201, &json!({"on": "yes"})));
    let shown = wire.send("GET", &format!("{PATH}/yaml"), &[("Accept", "application/yaml")], "").await;
    assert!(shown.text().contains("\nkind: ConfigMap\n") || shown.text().starts_with("apiVersion: v1\n"), "{}", shown.text());
    let patch = wire.send("PATCH", &format!("{PATH}/yaml"), &[("Content-Type", "application/yaml")], "data: {}").await;
    assert_eq!(patch.code, 415);
}
