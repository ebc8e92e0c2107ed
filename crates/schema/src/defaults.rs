//! Defaults that a schema states (apiextensions pkg/apiserver/schema/defaulting): missing members and forbidden nulls
//! get the default; forbidden nulls without one go.

use crate::decode::zero;
use crate::types::{Node, Shape, TypeId, Types};
use serde_json::Value;

pub fn apply_defaults(types: &Types, ty: TypeId, doc: &mut Value) {
    let Value::Object(members) = doc else { return };
    for field in &types.get(ty).fields {
        let Some(default) = field.node.default_value() else { continue };
        let missing = members.get(&*field.name).is_none_or(|v| v.is_null() && !field.node.nullable());
        if missing {
            members.insert(field.name.to_string(), default.clone());
        }
    }
    members.retain(|name, value| match types.get(ty).field(name) {
        Some(field) => keep(types, &field.node, value),
        None => true,
    });
}

/// Defaults below a value; false for a null that may not be.
fn keep(types: &Types, node: &Node, value: &mut Value) -> bool {
    if value.is_null() {
        return node.nullable() || node.default_value().is_some();
    }
    match (&node.shape, value) {
        (Shape::Object(id), value) => apply_defaults(types, *id, value),
        (Shape::Map(item), Value::Object(members)) => members.retain(|_, value| {
            fill_null(item, value);
            keep(types, item, value)
        }),
        (Shape::List(item), Value::Array(items)) => {
            for value in items {
                fill_null(item, value);
                keep(types, item, value);
            }
        }
        _ => {}
    }
    true
}

fn fill_null(node: &Node, value: &mut Value) {
    if let (true, false, Some(default)) = (value.is_null(), node.nullable(), node.default_value()) {
        *value = default.clone();
    }
}

/// Adds what Go's encoder always writes: members without omitempty (`status: {}`, `name: ""`).
pub fn fill_zero_values(types: &Types, ty: TypeId, doc: &mut Value) {
    let Value::Object(members) = doc else { return };
    for field in types.get(ty).fields.iter().filter(|f| types.get(ty).typed && !f.omitempty) {
        if !members.contains_key(&*field.name) {
            let zero = if field.pointer { Value::Null } else { encoded_zero(&field.node.shape) };
            members.insert(field.name.to_string(), zero);
        }
    }
    for (name, value) in members.iter_mut() {
        if let Some(field) = types.get(ty).field(name) {
            fill_below(types, &field.node, value);
        }
    }
}

fn fill_below(types: &Types, node: &Node, value: &mut Value) {
    match (&node.shape, value) {
        (Shape::Object(id), value) => fill_zero_values(types, *id, value),
        (Shape::Map(item), Value::Object(members)) => members.values_mut().for_each(|v| fill_below(types, item, v)),
        (Shape::List(item), Value::Array(items)) => items.iter_mut().for_each(|v| fill_below(types, item, v)),
        _ => {}
    }
}

/// Nil slices and maps are written as null, as nil pointers are.
fn encoded_zero(shape: &Shape) -> Value {
    match shape {
        Shape::List(_) | Shape::Map(_) | Shape::Bytes => Value::Null,
        other => zero(other),
    }
}
