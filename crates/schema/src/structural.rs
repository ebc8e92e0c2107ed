//! Structures given as `openAPIV3Schema`: custom resources and cloud records. Compiled once into the same type
//! language as built-in kinds (pruning, defaults, merging) and into rules (validation).

use crate::decode::{Decoded, FieldValidation, decode};
use crate::defaults::apply_defaults;
use crate::rules::Rules;
use crate::table::Schema;
use crate::types::{Facts, Field, ListType, MapType, Node, Shape, Type, TypeId, Types};
use meta::FieldErrors;
use serde_json::Value;
use std::collections::HashMap;

/// A compiled schema. Immutable; share it.
#[derive(Debug)]
pub struct Structural {
    pub types: Types,
    pub root: TypeId,
    rules: Rules,
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum StructuralError {
    #[error("must be an object")]
    NotAnObject,
    #[error("invalid pattern {pattern:?}: {reason}")]
    Pattern { pattern: String, reason: String },
}

impl Schema {
    /// Compiles the schema of one version of a kind. The root gets apiVersion, kind and metadata.
    pub fn structural(&self, openapi_v3_schema: &Value) -> Result<Structural, StructuralError> {
        if !openapi_v3_schema.is_object() {
            return Err(StructuralError::NotAnObject);
        }
        let mut types = Types::default();
        let object_meta = types.import(self.types(), self.object_meta(), &mut HashMap::new());
        let mut compiler = Compiler { types, object_meta };
        let root = compiler.object(openapi_v3_schema, true);
        Ok(Structural { types: compiler.types, root, rules: Rules::compile(openapi_v3_schema)? })
    }
}

impl Structural {
    /// Prunes unknown fields and decodes metadata.
    pub fn decode(&self, doc: &mut Value, validation: FieldValidation) -> Decoded {
        decode(&self.types, self.root, doc, validation)
    }
    pub fn apply_defaults(&self, doc: &mut Value) {
        apply_defaults(&self.types, self.root, doc);
    }
    /// Everything the schema says except CEL rules, in apiextensions' words.
    pub fn validate(&self, doc: &Value) -> FieldErrors {
        let mut errors = FieldErrors::default();
        self.rules.check(doc, "", &mut errors);
        errors
    }
}

struct Compiler {
    types: Types,
    object_meta: TypeId,
}

impl Compiler {
    fn object(&mut self, schema: &Value, resource: bool) -> TypeId {
        let mut fields: Vec<Field> = Vec::new();
        let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if !(resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata")) {
                let node = self.node(property);
                fields.push(field(name, node, required.contains(&name.as_str())));
            }
        }
        if resource {
            fields.push(field("apiVersion", Node::new(Shape::String), false));
            fields.push(field("kind", Node::new(Shape::String), false));
            fields.push(field("metadata", Node::new(Shape::Object(self.object_meta)), false));
        }
        let preserve_unknown = flag(schema, "x-kubernetes-preserve-unknown-fields");
        self.types.push(Type {
            fields,
            preserve_unknown,
            atomic: text(schema, "x-kubernetes-map-type") == "atomic",
            ..Type::default()
        })
    }

    fn node(&mut self, schema: &Value) -> Node {
        let shape = self.shape(schema);
        Node { facts: facts(schema).map(Box::new), ..Node::new(shape) }
    }

    fn shape(&mut self, schema: &Value) -> Shape {
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        let preserve = flag(schema, "x-kubernetes-preserve-unknown-fields");
        if flag(schema, "x-kubernetes-int-or-string") {
            return Shape::IntOrString;
        }
        match text(schema, "type") {
            "string" => Shape::String,
            "integer" => Shape::Int64,
            "number" => Shape::Double,
            "boolean" => Shape::Bool,
            "array" => Shape::List(Box::new(self.node(&schema["items"]))),
            _ if schema["additionalProperties"].is_object() => Shape::Map(Box::new(self.node(&schema["additionalProperties"]))),
            _ if schema["additionalProperties"] == true && !preserve => {
                Shape::Map(Box::new(Node::new(Shape::Object(self.types.push(Type::default())))))
            }
            _ if preserve && !embedded && !schema["properties"].is_object() => Shape::Json,
            _ => Shape::Object(self.object(schema, embedded)),
        }
    }
}

fn field(name: &str, node: Node, required: bool) -> Field {
    Field { name: name.into(), node, pointer: false, omitempty: false, required, proto: Box::default(), inlined: None }
}

pub(crate) fn flag(schema: &Value, name: &str) -> bool {
    schema[name] == true
}

pub(crate) fn text<'a>(schema: &'a Value, name: &str) -> &'a str {
    schema[name].as_str().unwrap_or_default()
}

fn facts(schema: &Value) -> Option<Facts> {
    let list = match text(schema, "x-kubernetes-list-type") {
        "atomic" => ListType::Atomic,
        "set" => ListType::Set,
        "map" => ListType::Map,
        _ => ListType::Unset,
    };
    let keys: Vec<Box<str>> =
        schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(|k| Some(k.as_str()?.into())).collect();
    let map = match text(schema, "x-kubernetes-map-type") {
        "atomic" => MapType::Atomic,
        "granular" => MapType::Granular,
        _ => MapType::Unset,
    };
    let default = schema.get("default").filter(|d| !d.is_null()).cloned();
    let nullable = flag(schema, "nullable");
    let any = list != ListType::Unset || map != MapType::Unset || default.is_some() || nullable;
    any.then(|| Facts { list, keys, map, default, nullable, ..Facts::default() })
}
