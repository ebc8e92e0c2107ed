//! Joins the Go facts (names, types, protobuf numbers) with the OpenAPI facts (required, list types, merge keys).

use super::hand;
use serde_json::{Map, Value, json};

/// One row per type: `{n: name, f: fields, g: [[group, version, kind]], m: map type, u: unpublished}`; fields as [`field`] writes them.
pub fn join(openapi: &Value, go: &Value, errors_name_inlined: bool) -> Result<Vec<Value>, String> {
    let openapi = openapi.as_object().ok_or("no definitions")?;
    let go = go.as_object().ok_or("no Go types")?;
    let mut rows = Vec::new();
    for (name, fields) in go {
        let Some(definition) = openapi.get(name) else {
            if is_stable(name) {
                rows.push(row(name, fields, &Value::Null, errors_name_inlined)?);
            }
            continue;
        };
        same_members(name, fields, definition)?;
        rows.push(row(name, fields, definition, errors_name_inlined)?);
    }
    let missing: Vec<&String> =
        openapi.keys().filter(|name| !go.contains_key(*name) && !hand::LEAF_TYPES.contains(&name.as_str())).collect();
    if missing.is_empty() { Ok(rows) } else { Err(format!("types without Go facts: {missing:?}")) }
}

/// Types that no OpenAPI document mentions are kept when their package is a stable version.
fn is_stable(name: &str) -> bool {
    let version = name.rsplit('.').nth(1).unwrap_or_default();
    version.strip_prefix('v').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

fn same_members(name: &str, fields: &Value, definition: &Value) -> Result<(), String> {
    let mut expected: Vec<&str> = definition["properties"].as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    let mut found: Vec<&str> = fields.as_array().into_iter().flatten().filter_map(|f| f["name"].as_str()).collect();
    expected.sort_unstable();
    found.sort_unstable();
    if expected == found || expected.is_empty() {
        Ok(())
    } else {
        Err(format!("{name}: {found:?} in Go, {expected:?} in OpenAPI"))
    }
}

fn row(name: &str, fields: &Value, definition: &Value, errors_name_inlined: bool) -> Result<Value, String> {
    let required: Vec<&str> = definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields: Vec<Value> = fields
        .as_array()
        .ok_or("fields are a list")?
        .iter()
        .map(|f| field(name, f, &definition["properties"], &required, errors_name_inlined))
        .collect();
    let mut row = Map::from_iter([("n".to_owned(), json!(name)), ("f".to_owned(), json!(fields))]);
    let kinds = kinds(name, definition);
    if !kinds.is_empty() {
        row.insert("g".into(), json!(kinds));
    }
    if definition.is_null() {
        row.insert("u".into(), json!(true));
    }
    if let Some(map_type) = definition.get("x-kubernetes-map-type") {
        row.insert("m".into(), map_type.clone());
    }
    Ok(Value::Object(row))
}

fn kinds(name: &str, definition: &Value) -> Vec<Value> {
    let listed = definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten();
    let mut kinds: Vec<Value> = listed.map(|k| json!([k["group"], k["version"], k["kind"]])).collect();
    kinds.extend(hand::EXTRA_KINDS.iter().filter(|(ty, ..)| *ty == name).map(|(_, g, v, k)| json!([g, v, k])));
    kinds
}

/// `[name, type, flags, protobuf path, extensions or null]`. Flags: `p` pointer, `o` omitempty, `r` required.
fn field(ty: &str, field: &Value, properties: &Value, required: &[&str], errors_name_inlined: bool) -> Value {
    let name = field["name"].as_str().unwrap_or_default();
    let property = &properties[name];
    let mut flags = field["flags"].as_str().unwrap_or_default().to_owned();
    if required.contains(&name) {
        flags.push('r');
    }
    let mut row = vec![field["name"].clone(), field["type"].clone(), json!(flags), field["proto"].clone()];
    let mut extensions = Map::new();
    for (short, long) in [
        ("lt", "x-kubernetes-list-type"),
        ("lk", "x-kubernetes-list-map-keys"),
        ("mt", "x-kubernetes-map-type"),
        ("ps", "x-kubernetes-patch-strategy"),
        ("mk", "x-kubernetes-patch-merge-key"),
    ] {
        if let Some(value) = property.get(long) {
            extensions.insert(short.into(), value.clone());
        }
    }
    if let Some((.., default)) = hand::KEY_DEFAULTS.iter().find(|(t, f, _)| *t == ty && *f == name) {
        extensions.insert("d".into(), json!(default));
    }
    if errors_name_inlined && field["inlined"] != "" {
        extensions.insert("in".into(), field["inlined"].clone());
    }
    row.push(if extensions.is_empty() { Value::Null } else { Value::Object(extensions) });
    Value::Array(row)
}
