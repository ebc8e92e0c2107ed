//! Columns that are themselves data: a custom resource's `additionalPrinterColumns`
//! (k8s.io/apiextensions-apiserver pkg/registry/customresource/tableconvertor).

use super::path::Path;
use super::{age, name, since};
use crate::{Cell, Column};
use meta::{Doc, Time};
use std::sync::Arc;

/// The columns of a version of a custom resource. Without any of its own, a kind shows its age.
pub fn columns(additional: &Doc) -> Vec<Column> {
    let mut columns = vec![name()];
    match additional.as_array() {
        Some(own) if !own.is_empty() => columns.extend(own.iter().map(column)),
        _ => columns.push(Column { kind: "date".into(), ..age() }),
    }
    columns
}

fn column(definition: &Doc) -> Column {
    let text = |key: &str| definition[key].as_str().unwrap_or_default().to_owned();
    let (source, kind) = (text("jsonPath"), text("type"));
    let description = match text("description") {
        described if !described.is_empty() => described,
        _ => format!("Custom resource definition column (in JSONPath format): {source}"),
    };
    let priority = definition["priority"].as_u64().and_then(|p| u32::try_from(p).ok()).unwrap_or_default();
    let path = Path::parse(&source);
    let cell_kind = kind.clone();
    let cell = move |doc: &Doc, now: Time| {
        let value = path.as_ref().and_then(|path| path.first(doc));
        value.map_or(Doc::Null, |value| cell(&cell_kind, value, now))
    };
    Column::new(text("name"), kind, Cell::With(Arc::new(cell))).format(text("format")).describe(description).priority(priority)
}

/// A value of another type than the column's prints as nothing, except that anything can be text.
fn cell(kind: &str, value: &Doc, now: Time) -> Doc {
    let printed = match (kind, value) {
        (_, Doc::Null) => None,
        ("string", Doc::String(text)) => Some(text.as_str().into()),
        ("string", other) => Some(other.to_string().into()),
        ("integer", Doc::Number(number)) => number.as_i64().or_else(|| number.as_f64().map(|f| f as i64)).map(Doc::from),
        ("number", Doc::Number(_)) => Some(value.clone()),
        ("boolean", Doc::Bool(_)) => Some(value.clone()),
        ("date", Doc::String(text)) => Some(match Time::parse(text) {
            Some(_) => since(value, now).into(),
            None => "<invalid>".into(),
        }),
        _ => None,
    };
    printed.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_follow_their_columns_types() {
        let now = Time::parse("2026-01-01T00:10:00Z").expect("a valid time");
        let doc = json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"size": 3, "on": true,
            "tags": ["x", "y"]}, "status": {"ratio": 0.5, "when": "yesterday"}});
        for (kind, path, expected) in [
            ("integer", ".spec.size", json!(3)),
            ("string", ".spec.size", json!("3")),
            ("boolean", ".spec.on", json!(true)),
            ("string", ".spec.tags", json!("[\"x\",\"y\"]")),
            ("number", ".status.ratio", json!(0.5)),
            ("integer", ".spec.on", json!(null)),
            ("date", ".metadata.creationTimestamp", json!("10m")),
            ("date", ".status.when", json!("<invalid>")),
            ("string", ".spec.missing.deeper", json!(null)),
            ("string", ".spec[", json!(null)),
        ] {
            let columns = columns(&json!([{"name": "X", "type": kind, "jsonPath": path}]));
            assert_eq!(columns[1].value(&doc, now), expected, "{kind} {path}");
        }
        let plain = columns(&Doc::Null);
        assert_eq!(plain[1].value(&doc, now), json!("10m"));
    }
}
