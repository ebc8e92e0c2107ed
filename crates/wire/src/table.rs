//! `meta.k8s.io Table`: what `kubectl get` prints.

use crate::list::ListMeta;
use crate::partial;
use api::ResourceDef;
use meta::{Object, Status, Time};
use serde_json::{Value, json};

/// What a row carries beside its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    #[default]
    Metadata,
    Object,
}

impl IncludeObject {
    /// Reads the query parameter `includeObject`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(Status::bad_request(format!("unrecognized includeObject value: {other:?}"))),
        }
    }
}

/// Everything but the rows; columns only when a definition is given.
pub(crate) fn head(version: &str, def: Option<&ResourceDef>, meta: &ListMeta) -> Value {
    let columns = def.map_or(Value::Null, column_definitions);
    json!({"kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": meta.to_value(), "columnDefinitions": columns})
}

fn column_definitions(def: &ResourceDef) -> Value {
    let column = |c: &api::Column| json!({"name": c.name, "type": c.kind, "format": c.format, "description": c.description, "priority": c.priority});
    def.columns.iter().map(column).collect()
}

/// Appends one row.
pub(crate) fn write_row(def: &ResourceDef, object: &Object, version: &str, include: IncludeObject, now: Time, out: &mut Vec<u8>) {
    let doc = object.to_doc();
    let cells: Value = def.columns.iter().map(|c| c.value(&doc, now)).collect();
    out.extend_from_slice(b"{\"cells\":");
    out.extend_from_slice(cells.to_string().as_bytes());
    out.extend_from_slice(b",\"object\":");
    match include {
        IncludeObject::None => out.extend_from_slice(b"null"),
        IncludeObject::Metadata => partial::write(object, version, out),
        IncludeObject::Object => object.write_json(out),
    }
    out.push(b'}');
}

/// A table of one object; `headers` is false for every watch event after the first.
pub fn write_one(
    def: &ResourceDef,
    object: &Object,
    version: &str,
    include: IncludeObject,
    headers: bool,
    now: Time,
    out: &mut Vec<u8>,
) {
    let meta = ListMeta { revision: object.revision, ..ListMeta::default() };
    let head = head(version, headers.then_some(def), &meta).to_string();
    out.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    out.extend_from_slice(b",\"rows\":[");
    write_row(def, object, version, include, now, out);
    out.extend_from_slice(b"]}");
}
