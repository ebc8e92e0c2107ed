//! Merging of lists: by key, or as sets of scalars; then the order.

use super::{Members, PATCH, Place, Result, bad_patch_type, go_map, go_text, merge_map, place_of};
use crate::patch::PatchError;
use crate::types::{Node, Types};
use serde_json::Value;

/// Merges a list by its node's strategy. `deleting` means the patch lists scalars to take out.
pub fn merge_list(types: &Types, node: &Node, original: Vec<Value>, patch: Vec<Value>, deleting: bool) -> Result<Vec<Value>> {
    let Some(first) = original.first().or(patch.first()) else { return Ok(original) };
    let maps = first.is_object();
    if first.is_array() {
        return Err(PatchError::Unprocessable("lists of lists are not supported".into()));
    }
    if original.iter().chain(&patch).any(|v| std::mem::discriminant(v) != std::mem::discriminant(first)) {
        let shown = format!("[{} {}]", go_text(&Value::Array(original)), go_text(&Value::Array(patch)));
        return Err(PatchError::Internal(format!("list element types are not identical: {shown}")));
    }
    if deleting && !maps {
        return Ok(original.into_iter().filter(|v| !patch.contains(v)).collect());
    }
    let server_order = original.clone();
    if !maps {
        let mut merged: Vec<Value> = Vec::with_capacity(original.len() + patch.len());
        for value in original.into_iter().chain(patch.iter().cloned()) {
            if !merged.contains(&value) {
                merged.push(value);
            }
        }
        return reorder(merged, &patch, &server_order, None);
    }
    let key = node.merge_key().ok_or_else(|| PatchError::Internal("cannot merge lists without merge key".into()))?;
    let (original, patch) = directives(original, patch, key)?;
    let server_order = original.clone();
    let merged = merge_items(types, place_of(node), original, &patch, key)?;
    reorder(merged, &patch, &server_order, Some(key))
}

fn no_key(item: &Members, key: &str) -> PatchError {
    PatchError::Internal(format!("map: {} does not contain declared merge key: {key}", go_map(item)))
}

fn key_of<'a>(item: &'a Value, key: &str) -> Result<&'a Value> {
    let members = item.as_object().ok_or_else(|| PatchError::Internal("value for key 0 is not a map".into()))?;
    members.get(key).ok_or_else(|| no_key(members, key))
}

fn position(items: &[Value], key: &str, wanted: &Value) -> Option<usize> {
    items.iter().position(|item| item.get(key) == Some(wanted))
}

/// Carries out `$patch` in items: delete takes matches out, replace drops the old list.
fn directives(mut original: Vec<Value>, patch: Vec<Value>, key: &str) -> Result<(Vec<Value>, Vec<Value>)> {
    let mut rest = Vec::with_capacity(patch.len());
    let mut replace = false;
    for item in patch {
        let Some(members) = item.as_object() else { continue };
        match members.get(PATCH) {
            None => rest.push(item),
            Some(directive) => match directive.as_str() {
                Some("delete") => {
                    let gone = members.get(key).ok_or_else(|| no_key(members, key))?;
                    original.retain(|old| old.get(key) != Some(gone));
                }
                Some("replace") => replace = true,
                Some("merge") => {
                    return Err(PatchError::Internal("merging lists cannot yet be specified in the patch".into()));
                }
                _ => return Err(bad_patch_type(directive, members)),
            },
        }
    }
    Ok(if replace { (rest, Vec::new()) } else { (original, rest) })
}

fn merge_items(types: &Types, place: Place<'_>, mut original: Vec<Value>, patch: &[Value], key: &str) -> Result<Vec<Value>> {
    for item in patch {
        let wanted = key_of(item, key)?;
        let found = position(&original, key, wanted);
        match (found, item) {
            (Some(at), Value::Object(change)) => {
                if let Value::Object(old) = std::mem::take(&mut original[at]) {
                    original[at] = Value::Object(merge_map(types, place, old, change.clone())?);
                }
            }
            _ => original.push(item.clone()),
        }
    }
    Ok(original)
}

/// Where a value stands in a list that gives the order.
fn rank(order: &[Value], value: &Value, key: Option<&str>) -> Option<usize> {
    match key {
        None => order.iter().position(|v| v == value),
        Some(key) => position(order, key, value.get(key)?),
    }
}

/// Go sorts up to 20 items by insertion, and upstream's comparison lets an item without a place go forward.
const INSERTION_SORTED: usize = 20;

fn sort_as(items: &mut [Value], order: &[Value], key: Option<&str>) {
    if items.len() > INSERTION_SORTED {
        items.sort_by_key(|v| rank(order, v, key).unwrap_or(usize::MAX));
        return;
    }
    let less = |a: &Value, b: &Value| match (rank(order, a, key), rank(order, b, key)) {
        (Some(a), Some(b)) => a < b,
        _ => true,
    };
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && less(&items[at], &items[at - 1]) {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// The server's order as upstream sees it once the lists are merged: deleting shifts the original slice in place, and
/// new items land in the room left at its end. An edit that replaces a container thus keeps the position.
pub fn server_order(original: &[Value], patch: &[Value], key: &str) -> Vec<Value> {
    let mut slice = original.to_vec();
    let mut length = slice.len();
    let deleting = |item: &Value| item.get(PATCH).is_some_and(|d| d == "delete");
    for gone in patch.iter().filter(|i| deleting(i)).filter_map(|i| i.get(key)) {
        while let Some(at) = position(&slice[..length], key, gone) {
            slice[at..length].rotate_left(1);
            slice[length - 1] = if length >= 2 { slice[length - 2].clone() } else { slice[length - 1].clone() };
            length -= 1;
        }
    }
    for item in patch.iter().filter(|i| i.get(PATCH).is_none()) {
        let known = item.get(key).is_some_and(|wanted| position(&slice[..length], key, wanted).is_some());
        if !known && length < slice.len() {
            slice[length] = item.clone();
            length += 1;
        }
    }
    slice
}

/// Items that the patch names follow its order; the others keep the server's, and go before a patched item
/// where they stood before it.
pub fn reorder(merged: Vec<Value>, order: &[Value], server: &[Value], key: Option<&str>) -> Result<Vec<Value>> {
    if let Some(key) = key {
        merged.iter().chain(order).try_for_each(|item| key_of(item, key).map(drop))?;
    }
    let (mut patched, mut others): (Vec<Value>, Vec<Value>) = merged.into_iter().partition(|v| rank(order, v, key).is_some());
    sort_as(&mut patched, order, key);
    sort_as(&mut others, server, key);
    let mut out = Vec::with_capacity(patched.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in patched {
        let before = |other: &Value| match (rank(server, other, key), rank(server, &item, key)) {
            (Some(other), Some(item)) => other < item,
            _ => false,
        };
        while let Some(other) = others.next_if(before) {
            out.push(other);
        }
        out.push(item);
    }
    out.extend(others);
    Ok(out)
}

/// The patch's own items must come in the order that `$setElementOrder` states.
pub fn check_order(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<()> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let identity = |item: &Value| key.map_or_else(|| Ok(item.clone()), |key| key_of(item, key).cloned());
    let mut rest = order.iter();
    for item in patch.iter().filter(|i| i.get(PATCH).is_none()) {
        let wanted = identity(item)?;
        let found = rest.try_fold(false, |_, stated| match identity(stated) {
            Ok(stated) if stated == wanted => Err(Ok(())),
            Ok(_) => Ok(false),
            Err(e) => Err(Err(e)),
        });
        match found {
            Err(Ok(())) => {}
            Err(Err(error)) => return Err(error),
            Ok(_) => return Err(order_mismatch(patch, order)),
        }
    }
    Ok(())
}

fn order_mismatch(patch: &[Value], order: &[Value]) -> PatchError {
    let shown = |items: &[Value]| go_text(&Value::Array(items.to_vec()));
    PatchError::Internal(format!(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        shown(patch),
        shown(order)
    ))
}
