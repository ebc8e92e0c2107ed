//! Whole replies: lists, tables, metadata and watch events in every form.

use api::ResourceDef;
use meta::{Object, Status, Time};
use serde_json::{Value, json};
use std::sync::Arc;
use wire::{Chunks, Encoding, Format, IncludeObject, ListMeta, Shape, WatchEncoder};

fn now() -> Time {
    Time::parse("2026-11-20T12:00:00Z").expect("a valid time")
}

fn pods() -> Arc<ResourceDef> {
    let mut def = ResourceDef::record("v1", "Pod", "pods");
    def.columns = api::columns::columns("", "Pod", 36);
    Arc::new(def)
}

fn pod(name: &str, revision: u64) -> Arc<Object> {
    let doc = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "creationTimestamp": "2026-11-20T11:58:00Z",
            "annotations": {"note": "line one\nline two: \"x\"\n\n- z"}},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}}]}});
    Object::from_doc(&doc, revision).expect("a valid object").shared()
}

fn text(chunks: Chunks) -> String {
    String::from_utf8(chunks.flat_map(Vec::from).collect()).expect("UTF-8")
}

fn list(items: &[Arc<Object>], encoding: &Encoding, include: IncludeObject) -> String {
    let meta = ListMeta { revision: 9, continue_token: "more".into(), remaining: Some(4) };
    let items: Vec<Arc<Object>> = items.into();
    text(Chunks::new(&pods(), Box::new(items.into_iter()), &meta, encoding, include, now()))
}

fn shaped(shape: Shape) -> Encoding {
    Encoding { shape, version: if shape == Shape::Object { "" } else { "v1" }, ..Encoding::default() }
}

#[test]
fn a_list_says_the_same_in_every_format() {
    for items in [vec![], vec![pod("a", 3)], vec![pod("a", 3), pod("b", 4)]] {
        let docs: Vec<Value> = items.iter().map(|o| o.to_doc()).collect();
        let meta = json!({"resourceVersion": "9", "continue": "more", "remainingItemCount": 4});
        let expected = json!({"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": docs});
        let plain = shaped(Shape::Object);
        let compact = list(&items, &plain, IncludeObject::default());
        assert_eq!(serde_json::from_str::<Value>(&compact).expect("JSON"), expected);
        let pretty = list(&items, &Encoding { pretty: true, ..plain.clone() }, IncludeObject::default());
        assert_eq!(serde_json::from_str::<Value>(&pretty).expect("JSON"), expected);
        assert!(pretty.contains("\n  \"kind\": \"PodList\""), "{pretty}");
        let yaml = list(&items, &Encoding { format: Format::Yaml, ..plain }, IncludeObject::default());
        let decoded = wire::body::decode(yaml.as_bytes(), Format::Yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
        assert_eq!(decoded.doc, expected, "{yaml}");
    }
}

#[test]
fn a_table_of_pods() {
    let got: Value = serde_json::from_str(&list(&[pod("a", 3)], &shaped(Shape::Table), IncludeObject::default())).expect("JSON");
    assert_eq!((&got["kind"], &got["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    assert_eq!(got["metadata"]["resourceVersion"], "9");
    assert_eq!(
        got["columnDefinitions"][0],
        json!({"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0})
    );
    assert_eq!(got["columnDefinitions"][5]["priority"], 1);
    assert_eq!(
        got["rows"],
        json!([{"cells": ["a", "1/1", "Running", "0", "2m", "<none>", "<none>", "<none>", "<none>"],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": pod("a", 3).to_doc()["metadata"]}}])
    );
    for (include, expected) in [(IncludeObject::None, Value::Null), (IncludeObject::Object, pod("a", 3).to_doc())] {
        let got: Value = serde_json::from_str(&list(&[pod("a", 3)], &shaped(Shape::Table), include)).expect("JSON");
        assert_eq!(got["rows"][0]["object"], expected);
    }
}

#[test]
fn metadata_only_lists() {
    let shape = shaped(Shape::PartialObjectMetadataList);
    let got: Value = serde_json::from_str(&list(&[pod("a", 3)], &shape, IncludeObject::default())).expect("JSON");
    assert_eq!(got["kind"], "PartialObjectMetadataList");
    assert_eq!(got["items"][0]["metadata"]["resourceVersion"], "3");
    assert_eq!(got["items"][0]["spec"], Value::Null);
    assert!(shape.check_cardinality(true).is_ok());
    assert_eq!(shape.check_cardinality(false).expect_err("one object is no list").code(), 406);
    assert_eq!(shaped(Shape::PartialObjectMetadata).check_cardinality(true).expect_err("a list is not one").code(), 406);
}

#[test]
fn one_object_in_every_form() {
    let get = |encoding: &Encoding| {
        let bytes = wire::reply::object(&pods(), &pod("a", 3), encoding, IncludeObject::None, now());
        wire::body::decode(&bytes, encoding.format).expect("a valid document").doc
    };
    let doc = pod("a", 3).to_doc();
    for pretty in [false, true] {
        assert_eq!(get(&Encoding { pretty, ..Encoding::default() }), doc);
    }
    assert_eq!(get(&Encoding { format: Format::Yaml, ..Encoding::default() }), doc);
    let table = get(&shaped(Shape::Table));
    assert_eq!((&table["metadata"]["resourceVersion"], &table["rows"][0]["cells"][2]), (&json!("3"), &json!("Running")));
    assert_eq!(get(&shaped(Shape::PartialObjectMetadata))["metadata"], doc["metadata"]);
}

#[test]
fn long_lists_come_in_bounded_chunks() {
    let items: Vec<_> = (0..5000).map(|n| pod(&format!("pod-{n}"), n + 1)).collect();
    let sizes: Vec<usize> = Chunks::new(
        &pods(),
        Box::new(items.into_iter()),
        &ListMeta::default(),
        &shaped(Shape::Object),
        IncludeObject::default(),
        now(),
    )
    .map(|c| c.len())
    .collect();
    assert!(sizes.len() > 10 && sizes.iter().all(|s| *s < 80 << 10), "{sizes:?}");
}

fn line(bytes: &[u8]) -> Value {
    assert_eq!(bytes.last(), Some(&b'\n'));
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn watch_events_in_every_shape() {
    let mut plain = WatchEncoder::new(pods(), &shaped(Shape::Object), IncludeObject::default());
    assert!(plain.is_plain());
    assert_eq!(line(&plain.event("ADDED", &pod("a", 3), now())), json!({"type": "ADDED", "object": pod("a", 3).to_doc()}));
    let bookmark = line(&plain.bookmark(8, true, now()));
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!((&bookmark["object"]["kind"], &bookmark["object"]["apiVersion"]), (&json!("Pod"), &json!("v1")));
    assert_eq!(bookmark["object"]["metadata"]["resourceVersion"], "8");
    assert_eq!(bookmark["object"]["metadata"]["annotations"], json!({"k8s.io/initial-events-end": "true"}));
    assert_eq!(line(&plain.bookmark(8, false, now()))["object"]["metadata"]["annotations"], Value::Null);

    let mut table = WatchEncoder::new(pods(), &shaped(Shape::Table), IncludeObject::default());
    let (first, second) = (line(&table.event("ADDED", &pod("a", 3), now())), line(&table.event("DELETED", &pod("a", 4), now())));
    assert_eq!(first["object"]["columnDefinitions"][0]["name"], "Name");
    assert_eq!(second["object"]["columnDefinitions"], Value::Null);
    assert_eq!(second["type"], "DELETED");
    assert_eq!(second["object"]["metadata"]["resourceVersion"], "4");
    assert_eq!(second["object"]["rows"][0]["cells"][0], "a");

    let mut metadata = WatchEncoder::new(pods(), &shaped(Shape::PartialObjectMetadata), IncludeObject::default());
    assert_eq!(line(&metadata.event("MODIFIED", &pod("a", 3), now()))["object"]["kind"], "PartialObjectMetadata");

    let error = line(&wire::watch::error_line(&Status::expired("too old resource version: 1 (9)")));
    assert_eq!((&error["type"], &error["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[test]
fn a_delete_reply_names_what_is_gone() {
    let def = ResourceDef::record("apps/v1", "Deployment", "deployments");
    let doc = json!({"metadata": {"name": "d", "uid": "u-1"}});
    let object = Object::from_doc(&doc, 5).expect("a valid object");
    assert_eq!(
        wire::status::deleted(&def, &object),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "d", "group": "apps", "kind": "deployments", "uid": "u-1"}})
    );
}
