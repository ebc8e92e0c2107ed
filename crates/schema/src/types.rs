//! The type language: what a JSON document of a kind looks like, whoever published it.

use meta::Gvk;
use serde_json::Value;
use std::collections::HashMap;

/// A structure in a [`Types`] arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub(crate) u32);

/// Structures that refer to each other.
#[derive(Clone, Debug, Default)]
pub struct Types {
    rows: Vec<Type>,
}

/// One structure: a Go struct of a built-in kind, or an object of a custom resource's schema.
#[derive(Clone, Debug, Default)]
pub struct Type {
    /// `io.k8s.api.apps.v1.Deployment`; empty for an anonymous structure.
    pub name: Box<str>,
    /// Sorted by name.
    pub fields: Vec<Field>,
    pub kinds: Vec<Gvk>,
    /// Decoded by Go's rules (type errors, nulls and zero values dropped), not just pruned.
    pub typed: bool,
    /// Part of the OpenAPI documents; options and envelopes are not.
    pub published: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown: bool,
    /// `x-kubernetes-map-type: atomic`: one owner for the whole structure.
    pub atomic: bool,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: Box<str>,
    pub node: Node,
    pub pointer: bool,
    pub omitempty: bool,
    pub required: bool,
    /// Protobuf field numbers, through inlined messages down to the field; empty when it is not on the wire.
    pub proto: Box<[u32]>,
    /// Go structs that the field is inlined through, joined by dots, where decode errors name them.
    pub inlined: Option<Box<str>>,
}

/// A value's place in a structure.
#[derive(Clone, Debug)]
pub struct Node {
    pub shape: Shape,
    /// Go's name where the type is a named one: `v1.RestartPolicy`.
    pub go: Option<Box<str>>,
    /// The named type is a protobuf message of its own, with the items as field 1.
    pub message: bool,
    pub facts: Option<Box<Facts>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    String,
    Int32,
    Int64,
    Bool,
    Double,
    Bytes,
    Time,
    MicroTime,
    Duration,
    Quantity,
    IntOrString,
    RawExtension,
    FieldsV1,
    /// Any JSON value.
    Json,
    SchemaOrBool(TypeId),
    SchemaOrArray(TypeId),
    SchemaOrStrings(TypeId),
    List(Box<Node>),
    Map(Box<Node>),
    Object(TypeId),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
    }
}

/// How values merge and what they default to. Absent for the many fields without any of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub list: ListType,
    /// `x-kubernetes-list-map-keys`: what server-side apply tells items apart by.
    pub keys: Vec<Box<str>>,
    pub map: MapType,
    /// `x-kubernetes-patch-*`: what strategic merge goes by.
    pub patch: PatchStrategy,
    pub merge_key: Option<Box<str>>,
    pub default: Option<Value>,
    pub nullable: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    #[default]
    Unset,
    Atomic,
    Set,
    Map,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapType {
    #[default]
    Unset,
    Granular,
    Atomic,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    pub merge: bool,
    pub replace: bool,
    pub retain_keys: bool,
}

impl Node {
    pub fn new(shape: Shape) -> Self {
        Self { shape, go: None, message: false, facts: None }
    }
    pub fn list_type(&self) -> ListType {
        self.facts.as_ref().map_or(ListType::Unset, |f| f.list)
    }
    pub fn list_keys(&self) -> &[Box<str>] {
        self.facts.as_ref().map_or(&[], |f| &f.keys)
    }
    pub fn map_type(&self) -> MapType {
        self.facts.as_ref().map_or(MapType::Unset, |f| f.map)
    }
    pub fn patch(&self) -> PatchStrategy {
        self.facts.as_ref().map_or(PatchStrategy::default(), |f| f.patch)
    }
    pub fn merge_key(&self) -> Option<&str> {
        self.facts.as_ref()?.merge_key.as_deref()
    }
    pub fn default_value(&self) -> Option<&Value> {
        self.facts.as_ref()?.default.as_ref()
    }
    pub fn nullable(&self) -> bool {
        self.facts.as_ref().is_some_and(|f| f.nullable)
    }
    pub fn object(&self) -> Option<TypeId> {
        if let Shape::Object(id) = self.shape { Some(id) } else { None }
    }
}

impl Type {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.binary_search_by(|f| (*f.name).cmp(name)).ok().map(|at| &self.fields[at])
    }
    /// `Deployment`.
    pub fn go_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
    /// `v1.Deployment`.
    pub fn go_qualified(&self) -> &str {
        let package = self.name.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
        &self.name[package..]
    }
}

impl Types {
    pub fn get(&self, id: TypeId) -> &Type {
        &self.rows[id.0 as usize]
    }
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        (0..).map(TypeId).zip(&self.rows)
    }
    /// Whether server-side apply gives a map or structure one owner as a whole: the place says so, or else the type.
    pub fn is_atomic(&self, node: &Node) -> bool {
        match node.map_type() {
            MapType::Unset => node.object().is_some_and(|id| self.get(id).atomic),
            explicit => explicit == MapType::Atomic,
        }
    }
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// The node a chain of field names leads to; list items and map values are stepped into without a name.
    pub fn lookup(&self, root: TypeId, path: &[&str]) -> Option<&Node> {
        let (first, rest) = path.split_first()?;
        let mut node = &self.get(root).field(first)?.node;
        for name in rest {
            while let Shape::List(item) | Shape::Map(item) = &node.shape {
                node = item;
            }
            node = &self.get(node.object()?).field(name)?.node;
        }
        Some(node)
    }
    pub(crate) fn push(&mut self, mut row: Type) -> TypeId {
        row.fields.sort_by(|a, b| a.name.cmp(&b.name));
        self.rows.push(row);
        TypeId(u32::try_from(self.rows.len() - 1).expect("fewer than 2^32 structures"))
    }
    pub(crate) fn set(&mut self, id: TypeId, mut row: Type) {
        row.fields.sort_by(|a, b| a.name.cmp(&b.name));
        self.rows[id.0 as usize] = row;
    }
    /// Copies a structure and all it refers to from another arena.
    pub(crate) fn import(&mut self, from: &Types, id: TypeId, seen: &mut HashMap<TypeId, TypeId>) -> TypeId {
        if let Some(known) = seen.get(&id) {
            return *known;
        }
        let here = self.push(Type::default());
        seen.insert(id, here);
        let mut row = from.get(id).clone();
        for field in &mut row.fields {
            self.import_shape(from, &mut field.node.shape, seen);
        }
        self.set(here, row);
        here
    }
    fn import_shape(&mut self, from: &Types, shape: &mut Shape, seen: &mut HashMap<TypeId, TypeId>) {
        match shape {
            Shape::List(item) | Shape::Map(item) => self.import_shape(from, &mut item.shape, seen),
            Shape::Object(id) | Shape::SchemaOrBool(id) | Shape::SchemaOrArray(id) | Shape::SchemaOrStrings(id) => {
                *id = self.import(from, *id, seen);
            }
            _ => {}
        }
    }
}
