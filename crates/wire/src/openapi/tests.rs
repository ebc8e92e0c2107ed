use super::*;
use api::{Catalog, ResourceDef};
use std::sync::Arc;

fn built_ins() -> OpenApi {
    let catalog = Catalog::new(36).expect("a supported minor");
    let served = Served::new(catalog.schema().clone(), Vec::new());
    OpenApi::new(catalog.iter().cloned().collect(), Arc::new(served))
}

fn parse(document: &Document) -> Value {
    serde_json::from_slice(&document.body).expect("valid JSON")
}

#[test]
fn the_index_leads_to_a_document_of_every_group_version() {
    let openapi = built_ins();
    let index = parse(openapi.index());
    let paths = index["paths"].as_object().expect("an object");
    assert!(paths.len() > 15, "{paths:?}");
    for (path, entry) in paths {
        let (_, hash) = openapi.v3(path).unwrap_or_else(|| panic!("{path} has a document"));
        assert_eq!(entry["serverRelativeURL"], format!("/openapi/v3/{path}?hash={hash}"));
    }
    assert!(openapi.v3("apis/nothing/v1").is_none());
    assert_eq!(built_ins().index().etag, openapi.index().etag);
}

#[test]
fn kubectl_finds_what_it_looks_for() {
    let openapi = built_ins();
    let apps = parse(openapi.v3("apis/apps/v1").expect("apps/v1 is served").0);
    let patch = &apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"], json!({"group": "apps", "version": "v1", "kind": "Deployment"}));
    assert_eq!(patch["operationId"], "patchAppsV1NamespacedDeployment");
    let names: Vec<&str> = patch["parameters"].as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
    assert!(names.contains(&"fieldValidation") && names.contains(&"dryRun") && names.contains(&"fieldManager"), "{names:?}");
    assert!(patch["requestBody"]["content"]["application/strategic-merge-patch+json"].is_object());
    let list = &apps["paths"]["/apis/apps/v1/deployments"]["get"];
    assert_eq!(list["operationId"], "listAppsV1DeploymentForAllNamespaces");
    let reply = &list["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(reply, "#/components/schemas/io.k8s.api.apps.v1.DeploymentList");
    let schema = &apps["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(schema["x-kubernetes-group-version-kind"][0]["kind"], "Deployment");
}

#[test]
fn every_reference_leads_somewhere() {
    let openapi = built_ins();
    let index = parse(openapi.index());
    for path in index["paths"].as_object().expect("an object").keys() {
        check_references(&parse(openapi.v3(path).expect("listed").0));
    }
    check_references(&parse(&openapi.v2().json));
}

fn check_references(document: &Value) {
    let mut pending = vec![document];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
                }
                pending.extend(members.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
}

#[test]
fn custom_kinds_are_published_and_take_no_strategic_merge() {
    let catalog = Catalog::new(36).expect("a supported minor");
    let def = Arc::new(ResourceDef::record("example.com/v1", "Widget", "widgets"));
    let structural = Arc::new(json!({"type": "object", "properties": {"spec": {"type": "object"}}}));
    let base = Arc::new(built_ins());
    let publish = |fingerprint: &str| {
        let custom = CustomKind { def: def.clone(), structural: structural.clone(), fingerprint: fingerprint.into() };
        let served = Served::new(catalog.schema().clone(), vec![custom]);
        OpenApi::extended(base.clone(), vec![def.clone()], Arc::new(served))
    };
    let openapi = publish("7");
    let (document, hash) = openapi.v3("apis/example.com/v1").expect("served");
    let document = parse(document);
    check_references(&document);
    assert!(document["components"]["schemas"]["com.example.v1.Widget"]["properties"]["spec"].is_object());
    let patch = &document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"];
    assert!(patch["requestBody"]["content"]["application/merge-patch+json"].is_object());
    assert!(patch["requestBody"]["content"]["application/strategic-merge-patch+json"].is_null());
    let v2 = parse(&openapi.v2().json);
    check_references(&v2);
    assert!(v2["definitions"]["io.k8s.api.core.v1.Pod"].is_object() && v2["definitions"]["com.example.v1.Widget"].is_object());
    assert!(v2["paths"]["/api/v1/nodes"].is_object());
    let shared = |openapi: &OpenApi| openapi.v3("apis/apps/v1").expect("in the base").0.body.as_ptr();
    assert_eq!(shared(&openapi), shared(&base));
    let index = parse(openapi.index());
    assert!(index["paths"]["apis/apps/v1"].is_object() && index["paths"]["apis/example.com/v1"].is_object());
    assert_ne!(publish("8").v3("apis/example.com/v1").expect("served").1, hash);
}

#[test]
fn gnostic_bytes_follow_the_published_message() {
    let doc = json!({"swagger": "2.0", "info": {"title": "t", "version": "v"},
        "paths": {"/p": {"get": {"operationId": "o", "x-kubernetes-action": "get"}}},
        "definitions": {"D": {"type": "object", "required": ["a"]}}});
    let expected: &[u8] = b"\
        \x0a\x032.0\
        \x12\x06\x0a\x01t\x12\x01v\
        \x42\x2d\x12\x2b\x0a\x02/p\x12\x25\x12\x23\x2a\x01o\x6a\x1e\x0a\x13x-kubernetes-action\x12\x07\x12\x05\"get\"\
        \x4a\x16\x0a\x14\x0a\x01D\x12\x0f\x9a\x01\x01a\xb2\x01\x08\x0a\x06object";
    assert_eq!(gnostic::encode(&doc), expected);
    assert!(wants_protobuf(V2_PROTOBUF));
}
