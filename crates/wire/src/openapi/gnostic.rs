//! The Swagger document as protobuf message `openapi.v2.Document` (google/gnostic-models openapiv2/OpenAPIv2.proto):
//! client-go reads `/openapi/v2` in no other form.

use serde_json::Value;

/// What kube-openapi answers to clients that ask for `...spec.v2@v1.0+protobuf`: Go cannot parse the at sign.
pub const CONTENT_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

pub fn encode(document: &Value) -> Vec<u8> {
    message(document, DOCUMENT)
}

/// How a JSON member is written as a field.
#[derive(Clone, Copy)]
enum As {
    Text,
    Texts,
    Flag,
    Integer,
    Double,
    /// Message `Any`, holding the value as YAML; JSON is YAML.
    Any,
    Anys,
    Message(fn(&Value) -> Vec<u8>),
    Messages(fn(&Value) -> Vec<u8>),
}

/// Members of a message: JSON name, field number, form. The name `x-` stands for all vendor extensions.
type Fields = &'static [(&'static str, u32, As)];

const EXTENSIONS: &str = "x-";

const DOCUMENT: Fields = &[
    ("swagger", 1, As::Text),
    ("info", 2, As::Message(|v| message(v, INFO))),
    ("paths", 8, As::Message(|v| named(v, 2, |item| message(item, PATH_ITEM)))),
    ("definitions", 9, As::Message(|v| named(v, 1, schema))),
    ("security", 12, As::Messages(|v| named(v, 1, |scopes| repeated_text(scopes, 1)))),
    ("securityDefinitions", 13, As::Message(|v| named(v, 1, |item| wrap(2, &message(item, API_KEY))))),
];

const INFO: Fields = &[("title", 1, As::Text), ("version", 2, As::Text), ("description", 3, As::Text)];

const API_KEY: Fields = &[("type", 1, As::Text), ("name", 2, As::Text), ("in", 3, As::Text), ("description", 4, As::Text)];

const PATH_ITEM: Fields = &[
    ("get", 2, As::Message(operation)),
    ("put", 3, As::Message(operation)),
    ("post", 4, As::Message(operation)),
    ("delete", 5, As::Message(operation)),
    ("options", 6, As::Message(operation)),
    ("head", 7, As::Message(operation)),
    ("patch", 8, As::Message(operation)),
    ("parameters", 9, As::Messages(parameter)),
    (EXTENSIONS, 10, As::Any),
];

const OPERATION: Fields = &[
    ("tags", 1, As::Texts),
    ("description", 3, As::Text),
    ("operationId", 5, As::Text),
    ("produces", 6, As::Texts),
    ("consumes", 7, As::Texts),
    ("parameters", 8, As::Messages(parameter)),
    // Responses -> ResponseValue.response
    ("responses", 9, As::Message(|v| named(v, 1, |response| wrap(1, &message(response, RESPONSE))))),
    (EXTENSIONS, 13, As::Any),
];

// SchemaItem.schema
const RESPONSE: Fields = &[("description", 1, As::Text), ("schema", 2, As::Message(|v| wrap(1, &schema(v))))];

const BODY_PARAMETER: Fields = &[
    ("description", 1, As::Text),
    ("name", 2, As::Text),
    ("in", 3, As::Text),
    ("required", 4, As::Flag),
    ("schema", 5, As::Message(schema)),
];

const QUERY_PARAMETER: Fields = &[
    ("required", 1, As::Flag),
    ("in", 2, As::Text),
    ("description", 3, As::Text),
    ("name", 4, As::Text),
    ("type", 6, As::Text),
    ("format", 7, As::Text),
    ("uniqueItems", 20, As::Flag),
];

const PATH_PARAMETER: Fields = &[
    ("required", 1, As::Flag),
    ("in", 2, As::Text),
    ("description", 3, As::Text),
    ("name", 4, As::Text),
    ("type", 5, As::Text),
    ("format", 6, As::Text),
    ("uniqueItems", 19, As::Flag),
];

const SCHEMA: Fields = &[
    ("$ref", 1, As::Text),
    ("format", 2, As::Text),
    ("title", 3, As::Text),
    ("description", 4, As::Text),
    ("default", 5, As::Any),
    ("multipleOf", 6, As::Double),
    ("maximum", 7, As::Double),
    ("exclusiveMaximum", 8, As::Flag),
    ("minimum", 9, As::Double),
    ("exclusiveMinimum", 10, As::Flag),
    ("maxLength", 11, As::Integer),
    ("minLength", 12, As::Integer),
    ("pattern", 13, As::Text),
    ("maxItems", 14, As::Integer),
    ("minItems", 15, As::Integer),
    ("uniqueItems", 16, As::Flag),
    ("maxProperties", 17, As::Integer),
    ("minProperties", 18, As::Integer),
    ("required", 19, As::Texts),
    ("enum", 20, As::Anys),
    ("additionalProperties", 21, As::Message(additional_properties)),
    ("type", 22, As::Message(|v| repeated_text(v, 1))),
    ("items", 23, As::Message(|v| wrap(1, &schema(v)))),
    ("allOf", 24, As::Messages(schema)),
    ("properties", 25, As::Message(|v| named(v, 1, schema))),
    ("example", 30, As::Any),
    (EXTENSIONS, 31, As::Any),
];

fn schema(value: &Value) -> Vec<u8> {
    message(value, SCHEMA)
}

fn operation(value: &Value) -> Vec<u8> {
    message(value, OPERATION)
}

/// ParametersItem -> Parameter -> BodyParameter, or NonBodyParameter -> the one for its place.
fn parameter(value: &Value) -> Vec<u8> {
    let parameter = match value["in"].as_str() {
        Some("body") => wrap(1, &message(value, BODY_PARAMETER)),
        Some("path") => wrap(2, &wrap(4, &message(value, PATH_PARAMETER))),
        _ => wrap(2, &wrap(3, &message(value, QUERY_PARAMETER))),
    };
    wrap(1, &parameter)
}

fn additional_properties(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Bool(allowed) => integer(&mut out, 2, u64::from(*allowed)),
        other => bytes(&mut out, 1, &schema(other)),
    }
    out
}

/// A map as a repeated message of name and value.
fn named(map: &Value, field: u32, encode: impl Fn(&Value) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in map.as_object().into_iter().flatten() {
        let mut entry = Vec::new();
        bytes(&mut entry, 1, name.as_bytes());
        bytes(&mut entry, 2, &encode(value));
        bytes(&mut out, field, &entry);
    }
    out
}

/// One string or a list of them.
fn repeated_text(value: &Value, field: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for text in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter().filter_map(Value::as_str) {
        bytes(&mut out, field, text.as_bytes());
    }
    out
}

fn any(value: &Value) -> Vec<u8> {
    wrap(2, value.to_string().as_bytes())
}

fn message(value: &Value, fields: Fields) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, number, form) in fields {
        if *key == EXTENSIONS {
            extensions(value, *number, &mut out);
        } else if let Some(member) = value.get(*key) {
            field(member, *number, *form, &mut out);
        }
    }
    out
}

fn extensions(value: &Value, number: u32, out: &mut Vec<u8>) {
    for (name, extension) in value.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with(EXTENSIONS)) {
        let mut entry = Vec::new();
        bytes(&mut entry, 1, name.as_bytes());
        bytes(&mut entry, 2, &any(extension));
        bytes(out, number, &entry);
    }
}

fn field(value: &Value, number: u32, form: As, out: &mut Vec<u8>) {
    let list = || value.as_array().into_iter().flatten();
    match form {
        As::Text => bytes(out, number, value.as_str().unwrap_or_default().as_bytes()),
        As::Texts => out.extend(repeated_text(value, number)),
        As::Flag => integer(out, number, u64::from(value == &Value::Bool(true))),
        As::Integer => integer(out, number, value.as_u64().unwrap_or_default()),
        As::Double => {
            tag(out, number, 1);
            out.extend_from_slice(&value.as_f64().unwrap_or_default().to_le_bytes());
        }
        As::Any => bytes(out, number, &any(value)),
        As::Anys => list().for_each(|item| bytes(out, number, &any(item))),
        As::Message(encode) => bytes(out, number, &encode(value)),
        As::Messages(encode) => list().for_each(|item| bytes(out, number, &encode(item))),
    }
}

fn wrap(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    bytes(&mut out, number, content);
    out
}

fn bytes(out: &mut Vec<u8>, number: u32, content: &[u8]) {
    tag(out, number, 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn integer(out: &mut Vec<u8>, number: u32, value: u64) {
    tag(out, number, 0);
    varint(out, value);
}

fn tag(out: &mut Vec<u8>, number: u32, wire_type: u64) {
    varint(out, u64::from(number) << 3 | wire_type);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
