//! JSON patch (RFC 6902) and merge patch (RFC 7396), with the error texts of evanphx/json-patch, which API servers print.

use serde_json::{Map, Value};

/// Why a patch was not applied, by the HTTP status it gets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PatchError {
    /// 400.
    #[error("{0}")]
    BadRequest(String),
    /// 413.
    #[error("{0}")]
    TooLarge(String),
    /// 422.
    #[error("{0}")]
    Unprocessable(String),
    /// 500: upstream passes these errors on as they are.
    #[error("{0}")]
    Internal(String),
}

/// More operations are refused (apiserver pkg/endpoints/handlers/patch.go).
const MAX_OPERATIONS: usize = 10_000;

/// Applies a JSON patch. The document is left alone when an operation fails.
pub fn json_patch(doc: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Some(operations) = patch.as_array() else {
        let text = "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp";
        return Err(PatchError::BadRequest(text.into()));
    };
    if operations.len() > MAX_OPERATIONS {
        let count = operations.len();
        let text = format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {count}");
        return Err(PatchError::TooLarge(text));
    }
    let mut doc = doc.clone();
    operations.iter().try_for_each(|operation| apply(&mut doc, operation).map_err(PatchError::Unprocessable))?;
    Ok(doc)
}

/// What strict field validation says of a JSON patch's own members: `json patch unknown field "[0].foo"`.
pub fn json_patch_unknown_fields(patch: &Value) -> Vec<String> {
    let operations = patch.as_array().into_iter().flatten().enumerate();
    let members = operations.flat_map(|(at, op)| op.as_object().into_iter().flatten().map(move |(name, _)| (at, name)));
    let unknown = members.filter(|(_, name)| !matches!(name.as_str(), "op" | "from" | "path" | "value"));
    unknown.map(|(at, name)| format!("json patch unknown field \"[{at}].{name}\"")).collect()
}

fn apply(doc: &mut Value, operation: &Value) -> Result<(), String> {
    let op = operation["op"].as_str().unwrap_or("unknown");
    let text = |name: &str| operation[name].as_str();
    let path = || text("path").ok_or_else(|| format!("{op} operation failed to decode path: missing value"));
    let from = || text("from").ok_or_else(|| format!("{op} operation failed to decode from: missing value"));
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    match op {
        "add" => add(doc, path()?, value()),
        "remove" => remove(doc, path()?).map(drop),
        "replace" => replace(doc, path()?, value()),
        "test" => test(doc, path()?, &value()),
        "move" => {
            let taken = take(doc, from()?)?;
            let path = path()?;
            let (parent, key) = destination(doc, op, path)?;
            insert(parent, &key, taken).map_err(|e| format!("error in move for path: '{path}': {e}"))
        }
        "copy" => {
            let copied = copied(doc, from()?)?;
            let (parent, key) = destination(doc, op, path()?)?;
            insert(parent, &key, copied).map_err(|e| format!("error while adding value during copy: {e}"))
        }
        other => Err(format!("Unexpected kind: {other}")),
    }
}

fn add(doc: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let (parent, key) = parent(doc, path)
        .ok_or_else(|| format!("add operation does not apply: doc is missing path: \"{path}\": missing value"))?;
    insert(parent, &key, value).map_err(|e| format!("error in add for path: '{path}': {e}"))
}

fn remove(doc: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, key) = parent(doc, path)
        .ok_or_else(|| format!("remove operation does not apply: doc is missing path: \"{path}\": missing value"))?;
    remove_key(parent, &key).map_err(|e| format!("error in remove for path: '{path}': {e}"))
}

fn replace(doc: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *doc = value;
        return Ok(());
    }
    let (parent, key) = parent(doc, path)
        .ok_or_else(|| format!("replace operation does not apply: doc is missing path: {path}: missing value"))?;
    match parent {
        Value::Object(members) => {
            members.insert(key, value);
        }
        Value::Array(items) => {
            let at = index(&key, items.len())
                .map_err(|_| format!("replace operation does not apply: doc is missing key: {path}: missing value"))?;
            items[at] = value;
        }
        _ => {}
    }
    Ok(())
}

fn test(doc: &mut Value, path: &str, value: &Value) -> Result<(), String> {
    let failed = || Err(format!("testing value {path} failed: test failed"));
    if path.is_empty() {
        return if doc == value { Ok(()) } else { failed() };
    }
    let (parent, key) =
        parent(doc, path).ok_or_else(|| format!("test operation does not apply: is missing path: {path}: missing value"))?;
    let found = get(parent, &key).map_err(|e| format!("error in test for path: '{path}': {e}"))?;
    if found.unwrap_or(&Value::Null) == value { Ok(()) } else { failed() }
}

fn destination<'a>(doc: &'a mut Value, op: &str, path: &str) -> Result<(&'a mut Value, String), String> {
    let missing = || format!("{op} operation does not apply: doc is missing destination path: {path}: missing value");
    parent(doc, path).ok_or_else(missing)
}

fn take(doc: &mut Value, from: &str) -> Result<Value, String> {
    let (parent, key) = parent(doc, from)
        .ok_or_else(|| format!("move operation does not apply: doc is missing from path: {from}: missing value"))?;
    remove_key(parent, &key).map_err(|e| format!("error in move for path: '{key}': {e}"))
}

fn copied(doc: &mut Value, from: &str) -> Result<Value, String> {
    let (parent, key) = parent(doc, from)
        .ok_or_else(|| format!("copy operation does not apply: doc is missing from path: {from}: missing value"))?;
    let found = get(parent, &key).map_err(|e| format!("error in copy for from: '{from}': {e}"))?;
    Ok(found.cloned().unwrap_or(Value::Null))
}

/// The container a pointer ends in, and the last, unescaped, token.
fn parent<'a>(doc: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let mut tokens: Vec<String> = path.split('/').map(|t| t.replace("~1", "/").replace("~0", "~")).collect();
    if tokens.len() < 2 {
        return None;
    }
    let key = tokens.pop()?;
    let mut here = doc;
    for token in &tokens[1..] {
        here = match here {
            Value::Object(members) => members.get_mut(token)?,
            Value::Array(items) => {
                let at = index(token, items.len()).ok()?;
                &mut items[at]
            }
            _ => return None,
        };
    }
    (here.is_object() || here.is_array()).then_some((here, key))
}

/// Negative indexes count from the end, as evanphx/json-patch lets them.
fn index(token: &str, length: usize) -> Result<usize, String> {
    let at: i64 = token.parse().map_err(|_| format!("strconv.Atoi: parsing {token:?}: invalid syntax"))?;
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let real = if at < 0 { at + length } else { at };
    match usize::try_from(real) {
        Ok(real_index) if real < length => Ok(real_index),
        _ => Err(format!("Unable to access invalid index: {at}: invalid index referenced")),
    }
}

fn get<'a>(parent: &'a Value, key: &str) -> Result<Option<&'a Value>, String> {
    match parent {
        Value::Array(items) => index(key, items.len()).map(|at| items.get(at)),
        _ => Ok(parent.get(key)),
    }
}

fn insert(parent: &mut Value, key: &str, value: Value) -> Result<(), String> {
    match parent {
        Value::Object(members) => {
            members.insert(key.to_owned(), value);
        }
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let at = index(key, items.len() + 1).map_err(|e| match e.starts_with("strconv") {
                true => format!("value was not a proper array index: '{key}': {e}"),
                false => e,
            })?;
            items.insert(at, value);
        }
        _ => {}
    }
    Ok(())
}

fn remove_key(parent: &mut Value, key: &str) -> Result<Value, String> {
    match parent {
        Value::Array(items) => index(key, items.len()).map(|at| items.remove(at)),
        Value::Object(members) => {
            members.remove(key).ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value"))
        }
        _ => Ok(Value::Null),
    }
}

/// Applies a merge patch: objects merge, null deletes, everything else replaces.
pub fn merge_patch(doc: &Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_object() {
        return Err(PatchError::BadRequest("Invalid JSON Patch".into()));
    }
    let mut doc = doc.clone();
    merge(&mut doc, patch);
    Ok(doc)
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
        } else {
            merge(members.entry(key.as_str()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_patches() {
        let doc = json!({"a": {"b": [1, 2]}, "x/y": 1});
        let cases = [
            (json!([{"op": "add", "path": "/a/b/-", "value": 3}]), Ok(json!({"a": {"b": [1, 2, 3]}, "x/y": 1}))),
            (json!([{"op": "remove", "path": "/x~1y"}]), Ok(json!({"a": {"b": [1, 2]}}))),
            (json!([{"op": "replace", "path": "/a/b/-1", "value": 9}]), Ok(json!({"a": {"b": [1, 9]}, "x/y": 1}))),
            (json!([{"op": "move", "from": "/x~1y", "path": "/z"}]), Ok(json!({"a": {"b": [1, 2]}, "z": 1}))),
            (json!([{"op": "copy", "from": "/a/b/0", "path": "/z"}]), Ok(json!({"a": {"b": [1, 2]}, "x/y": 1, "z": 1}))),
            (json!([{"op": "test", "path": "/a/b", "value": [1, 2]}]), Ok(doc.clone())),
            (json!([{"op": "test", "path": "/x~1y", "value": 2}]), Err("testing value /x~1y failed: test failed")),
            (
                json!([{"op": "add", "path": "/q/r", "value": 1}]),
                Err("add operation does not apply: doc is missing path: \"/q/r\": missing value"),
            ),
            (
                json!([{"op": "remove", "path": "/q"}]),
                Err("error in remove for path: '/q': Unable to remove nonexistent key: q: missing value"),
            ),
            (
                json!([{"op": "replace", "path": "/a/b/5", "value": 1}]),
                Err("replace operation does not apply: doc is missing key: /a/b/5: missing value"),
            ),
            (json!([{"op": "frob", "path": "/a"}]), Err("Unexpected kind: frob")),
        ];
        for (patch, expected) in cases {
            let expected = expected.map_err(|text: &str| PatchError::Unprocessable(text.into()));
            assert_eq!(json_patch(&doc, &patch), expected, "{patch}");
        }
        assert!(matches!(json_patch(&doc, &json!({})), Err(PatchError::BadRequest(_))));
        let odd = json!([{"op": "add", "path": "/a", "valu": 1}]);
        assert_eq!(json_patch_unknown_fields(&odd), ["json patch unknown field \"[0].valu\""]);
        assert!(matches!(json_patch(&doc, &json!(vec![json!({}); 10_001])), Err(PatchError::TooLarge(_))));
    }

    #[test]
    fn merge_patches() {
        let cases = [
            (json!({"a": "b"}), json!({"a": null, "c": 1}), json!({"c": 1})),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": null}}), json!({"a": {"c": 2}})),
            (json!({"a": [1]}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}})),
        ];
        for (doc, patch, expected) in cases {
            assert_eq!(merge_patch(&doc, &patch), Ok(expected), "{patch}");
        }
        assert!(matches!(merge_patch(&json!({}), &json!([])), Err(PatchError::BadRequest(_))));
    }
}
