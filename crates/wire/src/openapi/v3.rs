//! OpenAPI 3.0 documents, one per group version.

use super::IndexEntry;
use super::operations::{Body, Dialect, Names, Operation, kind_extension, paths, render};
use crate::discovery::Version;
use crate::document::hash;
use api::ResourceDef;
use meta::{Doc, Gvk};
use serde_json::{Map, Value, json};

/// The index line of a group version. `fingerprint` stands for everything that its schemas depend on: the minor for
/// built-ins, the definition's own resourceVersion for custom resources. Nothing large is built for it.
pub fn index_entry(version: &Version<'_>, fingerprint: &str) -> IndexEntry {
    let mut text = format!("{} {fingerprint} {}", env!("CARGO_PKG_VERSION"), version.api_version());
    for def in &version.resources {
        text += &format!(" {} {:?} {:?}", def.gvr.resource, def.verbs, def.subresources);
    }
    IndexEntry { path: version.path()[1..].to_owned(), hash: hash(text.as_bytes()) }
}

/// The document of a group version. `schemas` is the map under `components.schemas`; `strategic` says which kinds take
/// strategic merge patches.
pub fn document(version: &Version<'_>, title_version: &str, schemas: Doc, strategic: impl Fn(&ResourceDef) -> bool) -> Doc {
    let dialect = V3 { names: Names::new(&schemas, "#/components/schemas/") };
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": title_version},
        "paths": render(paths(version, strategic), &dialect),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        },
    })
}

struct V3 {
    names: Names,
}

impl Dialect for V3 {
    fn parameter(&self, name: &str, place: &str, kind: &str) -> Value {
        let mut doc = json!({"name": name, "in": place, "schema": {"type": kind, "uniqueItems": true}});
        if place == "path" {
            doc["required"] = true.into();
        }
        doc
    }

    fn operation(&self, op: &Operation) -> Value {
        let reply = content(&["application/json", "application/yaml"], &self.names.schema(&op.reply));
        let mut doc = json!({
            "operationId": op.id,
            "responses": {"200": {"description": "OK", "content": reply}},
            "x-kubernetes-action": op.action,
            "x-kubernetes-group-version-kind": kind_extension(&op.kind),
        });
        if !op.query.is_empty() {
            doc["parameters"] = op.query.iter().map(|(name, kind)| self.parameter(name, "query", kind)).collect();
        }
        match &op.body {
            Body::None => {}
            Body::Kind(kind) => doc["requestBody"] = json!({"content": content(&["*/*"], &self.names.schema(kind))}),
            Body::Patch(media) => {
                let patch = self.names.schema(&Gvk::new("", "v1", "Patch"));
                doc["requestBody"] = json!({"content": content(media, &patch), "required": true});
            }
        }
        doc
    }
}

fn content(media: &[&str], schema: &Value) -> Value {
    media.iter().map(|m| ((*m).to_owned(), json!({"schema": schema}))).collect::<Map<_, _>>().into()
}
