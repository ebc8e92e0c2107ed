//! Publishes structures as OpenAPI: component schemas of one group version (v3), all definitions (v2).

use crate::table::Schema;
use crate::types::{ListType, MapType, Node, Shape, Type, TypeId};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    V2,
    V3,
}

/// Structures that every group version's operations mention.
const SHARED: [&str; 4] = ["APIResourceList", "DeleteOptions", "Status", "WatchEvent"];
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const CUSTOM_RESOURCE: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";

impl Schema {
    /// `components.schemas` of a group version's OpenAPI v3 document: its kinds and all they refer to.
    pub fn openapi_v3_schemas(&self, group: &str, version: &str) -> Value {
        let here = self.resources().iter().chain(self.disabled_resources()).filter(|r| r.group == group && r.version == version);
        let subresources = here.flat_map(|r| &r.subresources).filter_map(|s| self.kind_type(&s.gvk()));
        let own = self.types().iter().filter(|(_, ty)| ty.kinds.iter().any(|k| k.group == group && k.version == version));
        let shared = SHARED.iter().filter_map(|name| self.named_type(&format!("{META}{name}")));
        let roots: Vec<TypeId> = own.map(|(id, _)| id).chain(subresources).chain(shared).collect();
        self.publish(roots, Dialect::V3)
    }

    /// `definitions` of the OpenAPI v2 document: every structure of the served group versions.
    pub fn openapi_v2_definitions(&self) -> Value {
        let served: BTreeSet<(&str, &str)> = self.resources().iter().map(|r| (&*r.group, &*r.version)).collect();
        let own = self.types().iter().filter(|(_, ty)| ty.kinds.iter().any(|k| served.contains(&(&*k.group, &*k.version))));
        let groups = ["APIGroup", "APIGroupList", "APIVersions"].iter().chain(&SHARED);
        let shared = groups.filter_map(|name| self.named_type(&format!("{META}{name}")));
        let info = self.named_type("io.k8s.apimachinery.pkg.version.Info");
        let roots: Vec<TypeId> = own.map(|(id, _)| id).chain(shared).chain(info).collect();
        self.publish(roots, Dialect::V2)
    }

    /// `components.schemas` that custom resources refer to: object and list metadata, deletion options and statuses.
    pub fn openapi_v3_shared_schemas(&self) -> Value {
        let shared = SHARED.iter().chain(&["ListMeta"]).filter_map(|name| self.named_type(&format!("{META}{name}")));
        self.publish(shared.chain([self.object_meta()]).collect(), Dialect::V3)
    }

    /// The OpenAPI of one structure, for a document that embeds it (a custom resource's metadata).
    pub fn openapi_type_name(&self, id: TypeId) -> &str {
        &self.types().get(id).name
    }

    fn publish(&self, mut pending: Vec<TypeId>, dialect: Dialect) -> Value {
        let mut writer = Writer { schema: self, dialect, leaves: BTreeSet::new(), next: Vec::new() };
        let mut seen: BTreeSet<TypeId> = BTreeSet::new();
        let mut out = Map::new();
        while let Some(id) = pending.pop() {
            let ty = self.types().get(id);
            if ty.published && seen.insert(id) {
                out.insert(ty.name.to_string(), writer.structure(ty));
                pending.append(&mut writer.next);
            }
        }
        out.extend(writer.leaves.iter().map(|(name, body)| (name.clone(), leaf_body(body, dialect))));
        out.insert(format!("{META}Patch"), json!({"type": "object"}));
        Value::Object(out)
    }
}

struct Writer<'s> {
    schema: &'s Schema,
    dialect: Dialect,
    /// Leaves in use: full name and what kind of leaf.
    leaves: BTreeSet<(String, &'static str)>,
    next: Vec<TypeId>,
}

impl Writer<'_> {
    fn structure(&mut self, ty: &Type) -> Value {
        let mut out = json!({"type": "object"});
        let properties: Map<String, Value> = ty.fields.iter().map(|f| (f.name.to_string(), self.node(&f.node))).collect();
        if !properties.is_empty() {
            out["properties"] = Value::Object(properties);
        }
        let required: Vec<&str> = ty.fields.iter().filter(|f| f.required).map(|f| &*f.name).collect();
        if !required.is_empty() {
            out["required"] = json!(required);
        }
        if !ty.kinds.is_empty() {
            let kinds = ty.kinds.iter().map(|k| json!({"group": k.group, "kind": k.kind, "version": k.version}));
            out["x-kubernetes-group-version-kind"] = kinds.collect();
        }
        if ty.atomic {
            out["x-kubernetes-map-type"] = json!("atomic");
        }
        out
    }

    fn node(&mut self, node: &Node) -> Value {
        let mut out = self.shape(&node.shape);
        let extensions = extensions(node);
        if extensions.is_empty() {
            return out;
        }
        // A `$ref` has no siblings in v3.
        if self.dialect == Dialect::V3 && out.get("$ref").is_some() {
            out = json!({"allOf": [out]});
        }
        if let Value::Object(members) = &mut out {
            members.extend(extensions);
        }
        out
    }

    fn shape(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::String | Shape::Duration => json!({"type": "string"}),
            Shape::Int32 => json!({"type": "integer", "format": "int32"}),
            Shape::Int64 => json!({"type": "integer", "format": "int64"}),
            Shape::Double => json!({"type": "number", "format": "double"}),
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Bytes => json!({"type": "string", "format": "byte"}),
            Shape::List(item) => json!({"type": "array", "items": self.node(item)}),
            Shape::Map(item) => json!({"type": "object", "additionalProperties": self.node(item)}),
            Shape::Object(id) => {
                self.next.push(*id);
                let name = self.schema.openapi_type_name(*id).to_owned();
                self.reference(&name)
            }
            Shape::Time => self.leaf(META, "Time"),
            Shape::MicroTime => self.leaf(META, "MicroTime"),
            Shape::FieldsV1 => self.leaf(META, "FieldsV1"),
            Shape::Quantity => self.leaf("io.k8s.apimachinery.pkg.api.resource.", "Quantity"),
            Shape::IntOrString => self.leaf("io.k8s.apimachinery.pkg.util.intstr.", "IntOrString"),
            Shape::RawExtension => self.leaf("io.k8s.apimachinery.pkg.runtime.", "RawExtension"),
            Shape::Json => self.leaf(CUSTOM_RESOURCE, "JSON"),
            Shape::SchemaOrBool(_) => self.leaf(CUSTOM_RESOURCE, "JSONSchemaPropsOrBool"),
            Shape::SchemaOrArray(_) => self.leaf(CUSTOM_RESOURCE, "JSONSchemaPropsOrArray"),
            Shape::SchemaOrStrings(_) => self.leaf(CUSTOM_RESOURCE, "JSONSchemaPropsOrStringArray"),
        }
    }

    fn leaf(&mut self, package: &str, name: &'static str) -> Value {
        let full = format!("{package}{name}");
        let reference = self.reference(&full);
        self.leaves.insert((full, name));
        reference
    }

    fn reference(&self, name: &str) -> Value {
        let place = if self.dialect == Dialect::V3 { "#/components/schemas/" } else { "#/definitions/" };
        json!({"$ref": format!("{place}{name}")})
    }
}

fn leaf_body(name: &str, dialect: Dialect) -> Value {
    match (name, dialect) {
        ("Time" | "MicroTime", _) => json!({"type": "string", "format": "date-time"}),
        ("FieldsV1" | "RawExtension", _) => json!({"type": "object"}),
        ("Quantity", Dialect::V2) => json!({"type": "string"}),
        ("Quantity", Dialect::V3) => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        ("IntOrString", Dialect::V2) => json!({"type": "string", "format": "int-or-string"}),
        ("IntOrString", Dialect::V3) => json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}),
        _ => json!({}),
    }
}

fn extensions(node: &Node) -> Map<String, Value> {
    let Some(facts) = &node.facts else { return Map::new() };
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    let list = match facts.list {
        ListType::Unset => None,
        ListType::Atomic => Some("atomic"),
        ListType::Set => Some("set"),
        ListType::Map => Some("map"),
    };
    if let Some(list) = list {
        put("x-kubernetes-list-type", json!(list));
    }
    if !facts.keys.is_empty() {
        put("x-kubernetes-list-map-keys", json!(facts.keys));
    }
    match facts.map {
        MapType::Unset => {}
        MapType::Granular => put("x-kubernetes-map-type", json!("granular")),
        MapType::Atomic => put("x-kubernetes-map-type", json!("atomic")),
    }
    let strategy = facts.patch;
    let words = [(strategy.merge, "merge"), (strategy.replace, "replace"), (strategy.retain_keys, "retainKeys")];
    let words: Vec<&str> = words.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    if !words.is_empty() {
        put("x-kubernetes-patch-strategy", json!(words.join(",")));
    }
    if let Some(key) = &facts.merge_key {
        put("x-kubernetes-patch-merge-key", json!(key));
    }
    if let Some(default) = &facts.default {
        put("default", default.clone());
    }
    out
}
