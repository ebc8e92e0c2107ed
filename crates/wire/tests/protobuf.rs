//! Bodies as Go's typed clients send them, against the JSON of the same objects. `xtask/codegen/protobodies` writes both.

use meta::Doc;
use schema::Schema;
use serde_json::{Value, json};

const GOLDENS: &str = include_str!("goldens/protobuf.json");

fn schema() -> std::sync::Arc<Schema> {
    Schema::minor(37).expect("a supported minor")
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Go writes nil pointers and lists without omitempty as null, which means absent.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

#[test]
fn typed_bodies_decode_to_the_clients_json() {
    let pairs: Vec<Value> = serde_json::from_str(GOLDENS).expect("valid goldens");
    for mut pair in pairs {
        let mut expected = pair["json"].take();
        drop_nulls(&mut expected);
        let body = unhex(pair["protobuf"].as_str().expect("hexadecimal text"));
        let doc = wire::protobuf::decode(&schema(), &body).unwrap_or_else(|e| panic!("{e}: {expected}"));
        assert_eq!(doc, expected, "\n got {doc}\nwant {expected}");
    }
}

#[test]
fn broken_bodies_are_refused_whatever_breaks() {
    let pairs: Vec<Value> = serde_json::from_str(GOLDENS).expect("valid goldens");
    for pair in pairs.iter().take(12) {
        let body = unhex(pair["protobuf"].as_str().expect("hexadecimal text"));
        for at in 0..body.len() {
            for changed in [0x00, 0x7f, 0xff] {
                let mut broken = body.clone();
                broken[at] = changed;
                check(&broken);
            }
            check(&body[..at]);
        }
    }
}

/// Either a document or a refusal: no panic.
fn check(body: &[u8]) {
    if let Err(status) = wire::protobuf::decode(&schema(), body) {
        assert_eq!(status.code(), 400, "{status}");
    }
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &type_meta), field(2, raw)].concat()
}

fn message(body: &[u8]) -> Result<Doc, String> {
    wire::protobuf::decode(&schema(), body).map_err(|status| status.message)
}

#[test]
fn refusals_say_why() {
    // apiextensions/v1: spec = 2, versions = 7, schema = 4, openAPIV3Schema = 1, not = 28 (a tag of two bytes).
    let nested = (0..120).fold(Vec::new(), |inner, _| {
        let plain = field(0, &inner);
        [&[0xe2, 0x01], &plain[1..]].concat()
    });
    let deep = [7, 4, 1].into_iter().rev().fold(nested, |inner, number| field(number, &inner));
    let embedded = format!("{}{}", "[".repeat(99), "]".repeat(99));
    let values = field(2, &[0; 0]).repeat(1 << 20 | 1);
    let cases: [(Vec<u8>, &str); 11] = [
        (b"{}".to_vec(), "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"),
        (envelope("v1", "", b""), "Object 'Kind' is missing in 'apiVersion=v1, kind='"),
        (envelope("", "Pod", b""), "Object 'apiVersion' is missing in 'apiVersion=, kind=Pod'"),
        (envelope("v1", "Foo", b""), r#"no kind "Foo" is registered for version "v1""#),
        (envelope("v1", "ObjectMeta", b""), r#"no kind "ObjectMeta" is registered for version "v1""#),
        (envelope("v1", "Pod", &[0x0a, 9]), r#"Pod in version "v1" cannot be handled as a Pod: unexpected EOF"#),
        (
            envelope("v1", "Pod", &[0x08, 9]),
            r#"Pod in version "v1" cannot be handled as a Pod: proto: wrong wireType = 0 for field metadata"#,
        ),
        (
            envelope("v1", "Pod", &field(1, &field(1, b"\xff"))),
            r#"Pod in version "v1" cannot be handled as a Pod: proto: field name contains invalid UTF-8"#,
        ),
        (
            envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", &field(2, &deep)),
            r#"CustomResourceDefinition in version "v1" cannot be handled as a CustomResourceDefinition: exceeded max depth"#,
        ),
        (envelope("apps/v1", "ControllerRevision", &field(2, &field(1, embedded.as_bytes()))), ""),
        (
            envelope("v1", "ConfigMap", &values),
            r#"ConfigMap in version "v1" cannot be handled as a ConfigMap: the object has too many values"#,
        ),
    ];
    for (body, expected) in cases {
        let got = message(&body).map_or_else(|why| why, |_| String::new());
        assert_eq!(got, expected);
    }
    let too_deep = format!("[{embedded}]");
    let body = envelope("apps/v1", "ControllerRevision", &field(2, &field(1, too_deep.as_bytes())));
    assert!(message(&body).is_err_and(|why| why.ends_with("exceeded max depth")));
}

#[test]
fn parts_of_a_field_are_merged_and_packed_numbers_unpacked() {
    let metadata = [field(1, &field(1, b"a")), field(1, &field(3, b"b"))].concat();
    // core/v1 Pod: spec = 2, securityContext = 14, supplementalGroups = 4; metadata.labels = 11 without key or value.
    let packed = field(2, &field(14, &field(4, &[1, 0, 0x96, 0x01])));
    let labels = field(1, &field(11, b""));
    let body = envelope("v1", "Pod", &[metadata, packed, labels].concat());
    assert_eq!(
        message(&body),
        Ok(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", "labels": {"": ""}},
            "spec": {"securityContext": {"supplementalGroups": [1, 0, 150]}},
        }))
    );
}
