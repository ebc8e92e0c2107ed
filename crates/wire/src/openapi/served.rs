//! Definitions of the built-ins, from the tables, and of custom kinds, from their structural schemas.

use super::Definitions;
use api::ResourceDef;
use meta::{Doc, GroupVersion, Gvr};
use schema::Schema;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// A kind whose structure is data: a custom resource or a record.
#[derive(Clone, Debug)]
pub struct CustomKind {
    pub def: Arc<ResourceDef>,
    /// `openAPIV3Schema`; null where there is none.
    pub structural: Arc<Doc>,
    /// Changes when the schema does, for instance the definition's resourceVersion.
    pub fingerprint: String,
}

/// The definitions of one API server.
#[derive(Clone, Debug)]
pub struct Served {
    schema: Arc<Schema>,
    custom: Vec<CustomKind>,
}

impl Served {
    pub fn new(schema: Arc<Schema>, custom: Vec<CustomKind>) -> Self {
        Self { schema, custom }
    }

    fn custom_in<'a>(&'a self, version: &'a GroupVersion) -> impl Iterator<Item = &'a CustomKind> {
        self.custom.iter().filter(|c| (&c.def.gvr.group, &c.def.gvr.version) == (&version.group, &version.version))
    }

    fn is_custom(&self, gvr: &Gvr) -> bool {
        self.custom.iter().any(|c| c.def.gvr == *gvr)
    }
}

impl Definitions for Served {
    fn version(&self) -> String {
        format!("v1.{}.0", self.schema.version())
    }

    fn v3(&self, version: &GroupVersion) -> Doc {
        let mut schemas = self.schema.openapi_v3_schemas(&version.group, &version.version);
        let mut custom = self.custom_in(version).peekable();
        if custom.peek().is_some() {
            merge(&mut schemas, self.schema.openapi_v3_shared_schemas());
        }
        for kind in custom {
            merge(&mut schemas, custom_definitions(kind, "#/components/schemas/"));
        }
        schemas
    }

    fn v2(&self) -> Doc {
        let mut definitions = self.schema.openapi_v2_definitions();
        for kind in &self.custom {
            merge(&mut definitions, custom_definitions(kind, "#/definitions/"));
        }
        definitions
    }

    fn fingerprint(&self, version: &GroupVersion) -> String {
        let custom: Vec<&str> = self.custom_in(version).map(|c| c.fingerprint.as_str()).collect();
        format!("1.{} {}", self.schema.version(), custom.join(" "))
    }

    fn strategic(&self, def: &ResourceDef) -> bool {
        !self.is_custom(&def.gvr)
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// The kind and its list, named as k8s.io/apiextensions-apiserver names them: `com.example.v1.Widget`.
fn custom_definitions(kind: &CustomKind, prefix: &str) -> Value {
    let def = &kind.def;
    let reversed: Vec<&str> = def.gvr.group.rsplit('.').collect();
    let name = |kind: &str| format!("{}.{}.{kind}", reversed.join("."), def.gvr.version);
    let extension = |kind: &str| json!([{"group": def.gvr.group, "version": def.gvr.version, "kind": kind}]);
    let reference = |name: &str| json!({"$ref": format!("{prefix}{name}")});
    let mut object = match &*kind.structural {
        Value::Object(schema) => schema.clone(),
        _ => Map::from_iter([("x-kubernetes-preserve-unknown-fields".to_owned(), true.into())]),
    };
    object.insert("type".into(), "object".into());
    object.insert("x-kubernetes-group-version-kind".into(), extension(&def.kind));
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    properties["apiVersion"] = json!({"type": "string"});
    properties["kind"] = json!({"type": "string"});
    properties["metadata"] = reference(OBJECT_META);
    let items = json!({"type": "array", "items": reference(&name(&def.kind))});
    let list = json!({
        "type": "object", "required": ["items"], "x-kubernetes-group-version-kind": extension(&def.list_kind),
        "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": reference(LIST_META), "items": items},
    });
    Value::Object(Map::from_iter([(name(&def.kind), Value::Object(object)), (name(&def.list_kind), list)]))
}
