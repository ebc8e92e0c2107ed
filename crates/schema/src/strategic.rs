//! Strategic merge patch (apimachinery pkg/util/strategicpatch): lists merge by keys that the structure declares, and
//! directives in the patch delete, replace and order.

mod list;

use crate::patch::PatchError;
use crate::types::{Node, Shape, TypeId, Types};
use list::{merge_list, reorder};
use serde_json::{Map, Value};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

type Members = Map<String, Value>;
type Result<T> = std::result::Result<T, PatchError>;

/// Applies a patch to a document of a built-in kind.
pub fn strategic_merge(types: &Types, ty: TypeId, doc: &Value, patch: &Value) -> Result<Value> {
    let (Value::Object(members), Value::Object(patch)) = (doc.clone(), patch.clone()) else {
        return Err(bad_request("invalid JSON document"));
    };
    merge_map(types, Place::Structure(ty), members, patch).map(Value::Object)
}

/// What the structure says about the value being merged.
#[derive(Clone, Copy)]
enum Place<'t> {
    Structure(TypeId),
    MapOf(&'t Node),
    Leaf,
}

fn bad_request(text: &str) -> PatchError {
    PatchError::BadRequest(text.into())
}

/// The node of a member. A structure without that member is an error, as upstream's reflection has it.
fn member<'t>(types: &'t Types, place: Place<'t>, name: &str) -> Result<&'t Node> {
    let unknown = |ty: &str| PatchError::Internal(format!("unable to find api field in struct {ty} for the json field {name:?}"));
    match place {
        Place::Structure(id) => {
            let ty = types.get(id);
            ty.field(name).map(|f| &f.node).ok_or_else(|| unknown(ty.go_name()))
        }
        Place::MapOf(node) => Ok(node),
        Place::Leaf => Err(unknown("RawExtension")),
    }
}

fn place_of(node: &Node) -> Place<'_> {
    match &node.shape {
        Shape::Object(id) | Shape::SchemaOrBool(id) | Shape::SchemaOrArray(id) | Shape::SchemaOrStrings(id) => {
            Place::Structure(*id)
        }
        Shape::Map(item) => Place::MapOf(item),
        Shape::List(item) => place_of(item),
        _ => Place::Leaf,
    }
}

fn merge_map(types: &Types, place: Place<'_>, mut original: Members, mut patch: Members) -> Result<Members> {
    if let Some(directive) = patch.remove(PATCH) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Map::new()),
            _ => {
                patch.insert(PATCH.into(), directive.clone());
                Err(bad_patch_type(&directive, &patch))
            }
        };
    }
    retain_keys(&mut original, &mut patch)?;
    merge_ordered_lists(types, place, &mut original, &mut patch)?;
    // Upstream takes members in random order; taking out after merging agrees with what `$setElementOrder` does.
    let (deletions, changes): (Vec<_>, Vec<_>) = patch.into_iter().partition(|(key, _)| key.starts_with(DELETE_FROM));
    for (key, change) in changes {
        merge_member(types, place, &mut original, key, change, false)?;
    }
    for (directive, gone) in deletions {
        merge_member(types, place, &mut original, directive[DELETE_FROM.len()..].to_owned(), gone, true)?;
    }
    Ok(original)
}

fn bad_patch_type(directive: &Value, patch: &Members) -> PatchError {
    PatchError::Internal(format!("unknown patch type: {} in map: {}", go_text(directive), go_map(patch)))
}

fn merge_member(
    types: &Types,
    place: Place<'_>,
    original: &mut Members,
    key: String,
    change: Value,
    deleting: bool,
) -> Result<()> {
    if change.is_null() {
        original.remove(&key);
        return Ok(());
    }
    let merged = match (original.remove(&key), change) {
        (Some(old), change) if deleting => {
            let node = member(types, place, &key)?;
            match (old, change) {
                (Value::Array(old), Value::Array(gone)) => Some(Value::Array(merge_list(types, node, old, gone, true)?)),
                (old, _) => Some(old),
            }
        }
        (None, _) if deleting => None,
        (Some(Value::Object(old)), Value::Object(change)) => {
            let node = member(types, place, &key)?;
            let replace = node.patch().replace;
            Some(Value::Object(if replace { change } else { merge_map(types, place_of(node), old, change)? }))
        }
        (Some(Value::Array(old)), Value::Array(change)) => {
            let node = member(types, place, &key)?;
            let items = if node.patch().merge { merge_list(types, node, old, change, false)? } else { change };
            Some(Value::Array(items))
        }
        (_, change) => cleaned(change),
    };
    if let Some(value) = merged {
        original.insert(key, value);
    }
    Ok(())
}

/// A value that the document did not have: nulls and directives are for merging only.
fn cleaned(mut value: Value) -> Option<Value> {
    discard_nulls(&mut value);
    without_directives(value)
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => members.retain(|_, v| {
            discard_nulls(v);
            !v.is_null()
        }),
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key(PATCH) => None,
        Value::Object(members) => {
            Some(Value::Object(members.into_iter().filter_map(|(k, v)| Some((k, without_directives(v)?))).collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        other => Some(other),
    }
}

/// `$retainKeys` clears every member that it does not list.
fn retain_keys(original: &mut Members, patch: &mut Members) -> Result<()> {
    let Some(directive) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let malformed = || bad_request("invalid patch format of retainKeys");
    let kept: Vec<&str> = directive.as_array().ok_or_else(malformed)?.iter().filter_map(Value::as_str).collect();
    let listed = |(key, change): (&String, &Value)| {
        change.is_null() || key.starts_with(DELETE_FROM) || key.starts_with(SET_ORDER) || kept.contains(&key.as_str())
    };
    if !patch.iter().all(listed) {
        return Err(malformed());
    }
    original.retain(|key, _| kept.contains(&key.as_str()));
    Ok(())
}

/// `$setElementOrder/<list>` together with the patch of that list.
fn merge_ordered_lists(types: &Types, place: Place<'_>, original: &mut Members, patch: &mut Members) -> Result<()> {
    let directives: Vec<String> = patch.keys().filter(|k| k.starts_with(SET_ORDER)).cloned().collect();
    for directive in directives {
        let order = patch.remove(&directive).unwrap_or_default();
        let key = &directive[SET_ORDER.len()..];
        let Value::Array(order) = order else { return Err(expected_list(&order)) };
        let node = member(types, place, key)?;
        let change = patch.remove(key).map(as_list).transpose()?;
        let old = original.get(key).cloned().map(as_list).transpose()?;
        let changes = change.as_deref().unwrap_or_default();
        list::check_order(changes, &order, node.merge_key())?;
        let server = match (node.merge_key(), node.patch().merge, old.as_deref()) {
            (Some(key), true, Some(old)) => list::server_order(old, changes, key),
            (_, _, old) => old.unwrap_or_default().to_vec(),
        };
        let empty = changes.is_empty() && old.as_ref().is_none_or(Vec::is_empty);
        let merged = match (old, change) {
            (None, None) => continue,
            _ if empty => return Err(PatchError::Internal("no elements in any of the given slices".into())),
            (Some(old), None) => old,
            (None, Some(change)) => match without_directives(Value::Array(change)) {
                Some(Value::Array(items)) => items,
                _ => continue,
            },
            (Some(old), Some(change)) if node.patch().merge => merge_list(types, node, old, change, false)?,
            (Some(_), Some(change)) => change,
        };
        let ordered = reorder(merged, &order, &server, node.merge_key())?;
        original.insert(key.to_owned(), Value::Array(ordered));
    }
    Ok(())
}

fn as_list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(expected_list(&other)),
    }
}

fn expected_list(found: &Value) -> PatchError {
    let ty = match found {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    PatchError::Internal(format!("expected a []interface {{}}, but received a {ty}"))
}

/// Go's `%v`.
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => go_map(members),
        other => other.to_string(),
    }
}

fn go_map(members: &Members) -> String {
    let mut pairs: Vec<String> = members.iter().map(|(k, v)| format!("{k}:{}", go_text(v))).collect();
    pairs.sort();
    format!("map[{}]", pairs.join(" "))
}

#[cfg(test)]
mod tests;
