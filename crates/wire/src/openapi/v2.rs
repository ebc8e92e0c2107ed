//! The Swagger 2.0 document of everything served.

use super::gnostic;
use super::operations::{Body, Dialect, Names, Operation, kind_extension, paths, render};
use crate::Document;
use crate::discovery::Surface;
use api::ResourceDef;
use meta::{Doc, Gvk};
use serde_json::{Value, json};

/// Both forms of the document.
#[derive(Clone, Debug)]
pub struct V2 {
    pub json: Document,
    /// gnostic's `openapi.v2.Document`.
    pub protobuf: Document,
}

impl V2 {
    pub fn new(doc: &Doc) -> Self {
        Self { json: Document::new(doc), protobuf: Document::from_bytes(gnostic::encode(doc).into()) }
    }
}

/// `definitions` is the map of that name; `strategic` says which kinds take strategic merge patches.
pub fn v2_document(
    surface: &Surface<'_>,
    title_version: &str,
    definitions: Doc,
    strategic: impl Fn(&ResourceDef) -> bool,
) -> Doc {
    let dialect = Swagger { names: Names::new(&definitions, "#/definitions/") };
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": title_version},
        "paths": render(surface.versions().flat_map(|version| paths(version, &strategic)), &dialect),
        "definitions": definitions,
        "securityDefinitions": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        "security": [{"BearerToken": []}],
    })
}

struct Swagger {
    names: Names,
}

impl Dialect for Swagger {
    fn parameter(&self, name: &str, place: &str, kind: &str) -> Value {
        let mut doc = json!({"name": name, "in": place, "type": kind, "uniqueItems": true});
        if place == "path" {
            doc["required"] = true.into();
        }
        doc
    }

    fn operation(&self, op: &Operation) -> Value {
        let mut parameters: Vec<Value> = op.query.iter().map(|(name, kind)| self.parameter(name, "query", kind)).collect();
        let (consumes, body): (&[&str], _) = match &op.body {
            Body::None => (&["*/*"], None),
            Body::Kind(kind) => (&["*/*"], Some(self.names.schema(kind))),
            Body::Patch(media) => (media, Some(self.names.schema(&Gvk::new("", "v1", "Patch")))),
        };
        if let Some(schema) = body {
            parameters.insert(0, json!({"name": "body", "in": "body", "required": op.method != "delete", "schema": schema}));
        }
        json!({
            "consumes": consumes,
            "produces": ["application/json", "application/yaml"],
            "operationId": op.id,
            "parameters": parameters,
            "responses": {"200": {"description": "OK", "schema": self.names.schema(&op.reply)}},
            "x-kubernetes-action": op.action,
            "x-kubernetes-group-version-kind": kind_extension(&op.kind),
        })
    }
}
