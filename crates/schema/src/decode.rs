//! Decodes a document by a structure: checks JSON types, drops unknown fields, brings values to canonical form.
//! Built-in kinds follow Go's decoder (kubernetes-sigs/json) to its texts; custom resources are only pruned.

use crate::leaf::{self, LeafError};
use crate::path::{Step, Way};
use crate::types::{Field, Node, Shape, Type, TypeId, Types};
use serde_json::{Map, Value};

/// The decoder stops collecting strict errors after this many (kubernetes-sigs/json does the same).
const MAX_STRICT_ERRORS: usize = 100;

/// The `fieldValidation` option of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

impl FieldValidation {
    /// An empty option means the default, Warn.
    pub fn parse(option: &str) -> Option<Self> {
        match option {
            "" | "Warn" => Some(Self::Warn),
            "Ignore" => Some(Self::Ignore),
            "Strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// Why the document is not of this type, in Go's words: `json: cannot unmarshal string into Go struct field ...`.
    pub type_error: Option<String>,
    /// `unknown field "spec.foo"`; empty under `Ignore`.
    pub unknown: Vec<String>,
}

/// Decodes in place. The document stays usable after a type error, but must not be stored.
pub fn decode(types: &Types, ty: TypeId, doc: &mut Value, validation: FieldValidation) -> Decoded {
    let mut walk = Walk { types, collect: validation != FieldValidation::Ignore, ..Walk::new(types) };
    let root = types.get(ty);
    if let Value::Object(members) = doc {
        walk.object(root, members, None);
    } else if root.typed {
        let text = format!("json: cannot unmarshal {} into Go value of type {}", describe(doc), root.go_qualified());
        walk.type_error = Some(text);
    }
    Decoded { type_error: walk.fatal.or(walk.type_error), unknown: walk.unknown }
}

struct Walk<'t> {
    types: &'t Types,
    collect: bool,
    unknown: Vec<String>,
    /// The first mismatch; decoding goes on after it, as Go's does.
    type_error: Option<String>,
    /// The first error of a type with a decoder of its own: Go's decoding ends there, so it wins.
    fatal: Option<String>,
}

/// Where a value stands: the structure that has it as (part of) a field, and the way there.
#[derive(Clone, Copy)]
struct At<'a> {
    owner: &'a Type,
    way: &'a Way<'a>,
}

impl<'t> Walk<'t> {
    fn new(types: &'t Types) -> Self {
        Self { types, collect: true, unknown: Vec::new(), type_error: None, fatal: None }
    }

    fn object(&mut self, ty: &Type, members: &mut Map<String, Value>, up: Option<&Way<'_>>) {
        let mut gone: Vec<String> = Vec::new();
        for (key, value) in members.iter_mut() {
            let stays = match ty.field(key) {
                Some(field) => {
                    let way = Way::new(up, Step::Field { name: key, inlined: field.inlined.as_deref() });
                    self.field(field, value, At { owner: ty, way: &way })
                }
                None => ty.preserve_unknown || self.drop_unknown(&Way::new(up, Step::Key(key))),
            };
            if !stays {
                gone.push(key.clone());
            }
        }
        for key in gone {
            members.remove(&key);
        }
    }

    fn drop_unknown(&mut self, way: &Way<'_>) -> bool {
        if self.collect && self.unknown.len() < MAX_STRICT_ERRORS {
            self.unknown.push(format!("unknown field \"{}\"", way.strict()));
        }
        false
    }

    /// Tells whether the field stays: Go's encoder leaves out nulls and, under omitempty, zero values.
    fn field(&mut self, field: &Field, value: &mut Value, at: At<'_>) -> bool {
        if value.is_null() {
            return !at.owner.typed && !field.node.object().is_some_and(|id| self.types.get(id).typed);
        }
        self.value(&field.node, value, at);
        !(at.owner.typed && field.omitempty && !field.pointer && is_zero(&field.node.shape, value))
    }

    fn value(&mut self, node: &Node, value: &mut Value, at: At<'_>) {
        match (&node.shape, &mut *value) {
            (Shape::Object(id), Value::Object(members)) => {
                let types = self.types;
                self.object(types.get(*id), members, Some(at.way));
            }
            (Shape::List(item), Value::Array(items)) => {
                for (index, value) in items.iter_mut().enumerate() {
                    self.item(item, value, At { way: &Way::new(Some(at.way), Step::Index(index)), ..at });
                }
            }
            (Shape::Map(item), Value::Object(members)) => {
                for (key, value) in members.iter_mut() {
                    self.item(item, value, At { way: &Way::new(Some(at.way), Step::Key(key)), ..at });
                }
            }
            (Shape::SchemaOrBool(id) | Shape::SchemaOrArray(id) | Shape::SchemaOrStrings(id), value) => {
                self.schema_or(&node.shape, *id, value, at);
            }
            _ if at.owner.typed => self.scalar(node, value, at),
            _ => {}
        }
    }

    /// A list item or map value: null means the zero value of its type.
    fn item(&mut self, node: &Node, value: &mut Value, at: At<'_>) {
        if !value.is_null() {
            self.value(node, value, at);
        } else if at.owner.typed {
            *value = zero(&node.shape);
        }
    }

    fn scalar(&mut self, node: &Node, value: &mut Value, at: At<'_>) {
        let fits = match (&node.shape, &*value) {
            (Shape::String, Value::String(_)) | (Shape::Bool, Value::Bool(_)) | (Shape::Double, Value::Number(_)) => true,
            (Shape::Int32, Value::Number(n)) => n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            (Shape::Int64, Value::Number(n)) => n.is_i64(),
            (Shape::RawExtension | Shape::FieldsV1 | Shape::Json, _) => true,
            _ => return self.leaf(node, value, at),
        };
        if !fits {
            self.mismatch(node, value, at);
        }
    }

    fn leaf(&mut self, node: &Node, value: &mut Value, at: At<'_>) {
        match leaf::canonical(&node.shape, value) {
            Ok(()) => {}
            // These have decoders of their own, whose errors end decoding.
            Err(LeafError::Mismatch)
                if matches!(node.shape, Shape::Time | Shape::MicroTime | Shape::Duration | Shape::IntOrString) =>
            {
                let text = self.mismatch_text(node, value, at);
                self.fatal.get_or_insert(text);
            }
            Err(LeafError::Mismatch) => self.mismatch(node, value, at),
            Err(LeafError::Saved(text)) => self.save(text),
            Err(LeafError::Fatal(text)) => {
                self.fatal.get_or_insert(text);
            }
        }
    }

    /// These have decoders of their own upstream, which know no strictness.
    fn schema_or(&mut self, shape: &Shape, id: TypeId, value: &mut Value, at: At<'_>) {
        let types = self.types;
        let ty = types.get(id);
        let strict = std::mem::replace(&mut self.collect, false);
        match (shape, value) {
            (_, Value::Object(members)) => self.object(ty, members, Some(at.way)),
            (Shape::SchemaOrArray(_), Value::Array(items)) => {
                for members in items.iter_mut().filter_map(Value::as_object_mut) {
                    self.object(ty, members, Some(at.way));
                }
            }
            (Shape::SchemaOrBool(_), value) if !value.is_boolean() => {
                self.fatal.get_or_insert_with(|| "boolean or JSON schema expected".into());
            }
            _ => {}
        }
        self.collect = strict;
    }

    fn mismatch(&mut self, node: &Node, value: &Value, at: At<'_>) {
        let text = self.mismatch_text(node, value, at);
        self.save(text);
    }

    fn mismatch_text(&self, node: &Node, value: &Value, at: At<'_>) -> String {
        let what = match (&node.shape, value) {
            (Shape::Int32 | Shape::Int64 | Shape::IntOrString, Value::Number(n)) => format!("number {n}"),
            _ => describe(value).to_owned(),
        };
        let (owner, field) = (at.owner.go_name(), at.way.fields());
        format!("json: cannot unmarshal {what} into Go struct field {owner}.{field} of type {}", self.go_type(node))
    }

    fn save(&mut self, text: String) {
        self.type_error.get_or_insert(text);
    }

    fn go_type(&self, node: &Node) -> String {
        if let Some(name) = &node.go {
            return name.to_string();
        }
        match &node.shape {
            Shape::Object(id) => self.types.get(*id).go_qualified().to_owned(),
            Shape::List(item) => format!("[]{}", self.go_type(item)),
            Shape::Map(item) => format!("map[string]{}", self.go_type(item)),
            Shape::Bytes => "[]uint8".into(),
            Shape::Int32 | Shape::IntOrString => "int32".into(),
            Shape::Int64 => "int64".into(),
            Shape::Bool => "bool".into(),
            Shape::Double => "float64".into(),
            _ => "string".into(),
        }
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_zero(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::String | Shape::Bytes, Value::String(text)) => text.is_empty(),
        (Shape::Int32 | Shape::Int64 | Shape::Double, Value::Number(n)) => n.as_f64() == Some(0.0),
        (Shape::Bool, Value::Bool(set)) => !set,
        (Shape::List(_), Value::Array(items)) => items.is_empty(),
        (Shape::Map(_), Value::Object(members)) => members.is_empty(),
        _ => false,
    }
}

pub(crate) fn zero(shape: &Shape) -> Value {
    match shape {
        Shape::String | Shape::Bytes => "".into(),
        Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString => 0.into(),
        Shape::Bool => false.into(),
        Shape::Quantity => "0".into(),
        Shape::Duration => "0s".into(),
        Shape::Object(_) | Shape::Map(_) => Value::Object(Map::new()),
        _ => Value::Null,
    }
}
