//! Safe reading and editing of documents: what is not there reads as null, empty or zero, as Go's zero values do.

use meta::{Doc, FieldErrors, Path};
use serde_json::Map;

static NULL: Doc = Doc::Null;

/// A value together with the path at which it stands, so that errors name the field they are about.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub doc: &'a Doc,
    pub path: Path,
}

impl<'a> View<'a> {
    pub fn root(doc: &'a Doc) -> Self {
        Self { doc, path: Path::default() }
    }
    pub fn get(&self, key: &str) -> Self {
        Self { doc: self.doc.get(key).unwrap_or(&NULL), path: self.path.child(key) }
    }
    /// `get` along a dotted path.
    pub fn at(&self, path: &str) -> Self {
        path.split('.').fold(self.clone(), |view, key| view.get(key))
    }
    /// The entry of a map, shown as `labels[key]`.
    pub fn key(&self, key: &str) -> Self {
        Self { doc: self.doc.get(key).unwrap_or(&NULL), path: self.path.key(key) }
    }
    pub fn items(&self) -> impl Iterator<Item = View<'a>> + use<'a> {
        let path = self.path.clone();
        list(self.doc).iter().enumerate().map(move |(i, doc)| View { doc, path: path.index(i) })
    }
    /// The entries of a map as `path[key]`.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, View<'a>)> + use<'a> {
        let path = self.path.clone();
        map(self.doc).map(move |(key, doc)| (key.as_str(), View { doc, path: path.key(key) }))
    }

    pub fn str(&self) -> &'a str {
        self.doc.as_str().unwrap_or_default()
    }
    pub fn int(&self) -> Option<i64> {
        self.doc.as_i64()
    }
    pub fn is_true(&self) -> bool {
        self.doc.as_bool() == Some(true)
    }
    /// Neither absent nor null.
    pub fn is_set(&self) -> bool {
        !self.doc.is_null()
    }
    /// Absent, null, or an empty string, list or map.
    pub fn is_empty(&self) -> bool {
        is_empty(self.doc)
    }
    pub fn len(&self) -> usize {
        match self.doc {
            Doc::Array(items) => items.len(),
            Doc::Object(entries) => entries.len(),
            _ => 0,
        }
    }

    pub fn invalid(&self, errors: &mut FieldErrors, detail: impl Into<String>) {
        errors.invalid(&self.path, self.doc.clone(), detail);
    }
    pub fn required(&self, errors: &mut FieldErrors, detail: &str) {
        errors.required(&self.path, detail);
    }
    pub fn forbidden(&self, errors: &mut FieldErrors, detail: impl Into<String>) {
        errors.forbidden(&self.path, detail);
    }

    /// Refuses an empty value. Returns whether there is one.
    pub fn require(&self, errors: &mut FieldErrors) -> bool {
        self.require_because(errors, "")
    }
    pub fn require_because(&self, errors: &mut FieldErrors, detail: &str) -> bool {
        if self.is_empty() {
            self.required(errors, detail);
        }
        !self.is_empty()
    }
    /// Each problem that `check` names, about this value.
    pub fn check(&self, errors: &mut FieldErrors, check: fn(&str) -> Vec<String>) {
        check(self.str()).into_iter().for_each(|problem| self.invalid(errors, problem));
    }
    /// `check` when it is not empty.
    pub fn check_if_set(&self, errors: &mut FieldErrors, check: fn(&str) -> Vec<String>) {
        if !self.is_empty() {
            self.check(errors, check);
        }
    }
    /// Refuses a value outside `allowed`, which is listed in this order. Empty is refused too.
    pub fn one_of(&self, errors: &mut FieldErrors, allowed: &[&str]) {
        if !allowed.contains(&self.str()) {
            errors.not_supported(&self.path, self.str(), allowed);
        }
    }
    pub fn one_of_if_set(&self, errors: &mut FieldErrors, allowed: &[&str]) {
        if !self.is_empty() {
            self.one_of(errors, allowed);
        }
    }
    pub fn non_negative(&self, errors: &mut FieldErrors) {
        if self.int().is_some_and(|n| n < 0) {
            self.invalid(errors, NEGATIVE);
        }
    }
    pub fn in_range(&self, errors: &mut FieldErrors, low: i64, high: i64) {
        if self.int().is_some_and(|n| n < low || n > high) {
            self.invalid(errors, in_range_text(low, high));
        }
    }
    /// Refuses a change against `old`.
    pub fn immutable(&self, old: &View<'_>, errors: &mut FieldErrors) {
        if !same(self.doc, old.doc) {
            self.invalid(errors, IMMUTABLE);
        }
    }
}

pub const IMMUTABLE: &str = "field is immutable";
pub const NEGATIVE: &str = "must be greater than or equal to 0";

pub fn in_range_text(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// The items of a list, or none.
pub fn list(doc: &Doc) -> &[Doc] {
    doc.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The entries of a map, or none.
pub fn map(doc: &Doc) -> impl Iterator<Item = (&String, &Doc)> {
    doc.as_object().into_iter().flatten()
}

pub fn str_at<'a>(doc: &'a Doc, pointer: &str) -> &'a str {
    doc.pointer(pointer).and_then(Doc::as_str).unwrap_or_default()
}
pub fn int_at(doc: &Doc, pointer: &str) -> Option<i64> {
    doc.pointer(pointer).and_then(Doc::as_i64)
}
pub fn list_at<'a>(doc: &'a Doc, pointer: &str) -> &'a [Doc] {
    doc.pointer(pointer).map(list).unwrap_or_default()
}
pub fn is_true(doc: &Doc, pointer: &str) -> bool {
    doc.pointer(pointer).and_then(Doc::as_bool) == Some(true)
}

pub fn is_empty(doc: &Doc) -> bool {
    match doc {
        Doc::Null => true,
        Doc::String(text) => text.is_empty(),
        Doc::Array(items) => items.is_empty(),
        Doc::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Equality that does not tell absent from null or from an empty list or map (`apiequality.Semantic.DeepEqual`).
pub fn same(a: &Doc, b: &Doc) -> bool {
    match (a, b) {
        (Doc::Null, Doc::Null) => true,
        (Doc::Array(items), Doc::Null) | (Doc::Null, Doc::Array(items)) => items.is_empty(),
        (Doc::Object(members), Doc::Null) | (Doc::Null, Doc::Object(members)) => members.values().all(|v| same(v, &NULL)),
        (Doc::Array(a), Doc::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Doc::Object(a), Doc::Object(b)) => {
            a.iter().all(|(key, value)| same(value, b.get(key).unwrap_or(&NULL)))
                && b.iter().all(|(key, value)| a.contains_key(key) || same(&NULL, value))
        }
        _ => a == b,
    }
}

/// The members that differ, one line each, old then new.
pub fn difference(new: &Doc, old: &Doc) -> String {
    let mut keys: Vec<&String> = map(new).chain(map(old)).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    let differing = keys.into_iter().filter_map(|key| {
        let (before, after) = (old.get(key).unwrap_or(&NULL), new.get(key).unwrap_or(&NULL));
        (!same(before, after)).then(|| format!("- {key}: {before}\n+ {key}: {after}\n"))
    });
    differing.collect()
}

/// The member, made an empty map when it is absent or null.
pub fn ensure<'a>(doc: &'a mut Doc, key: &str) -> &'a mut Doc {
    let member = entries(doc).entry(key).or_insert(Doc::Null);
    entries(member);
    member
}

/// The map inside; anything else becomes an empty one (a schema-checked document has nothing else there).
pub fn entries(doc: &mut Doc) -> &mut Map<String, Doc> {
    if !doc.is_object() {
        *doc = Doc::Object(Map::new());
    }
    doc.as_object_mut().expect("made a map just above")
}

/// Sets a member that is absent, null or the empty string.
pub fn set_default(doc: &mut Doc, key: &str, value: impl Into<Doc>) {
    let empty = doc.get(key).is_none_or(|d| d.is_null() || d.as_str() == Some(""));
    if empty {
        entries(doc).insert(key.to_owned(), value.into());
    }
}

/// Sets a number that is absent, null or zero.
pub fn set_default_number(doc: &mut Doc, key: &str, value: i64) {
    if doc.get(key).is_none_or(|d| d.is_null() || d.as_i64() == Some(0)) {
        entries(doc).insert(key.to_owned(), value.into());
    }
}

pub fn set(doc: &mut Doc, key: &str, value: impl Into<Doc>) {
    entries(doc).insert(key.to_owned(), value.into());
}

pub fn remove(doc: &mut Doc, key: &str) -> Option<Doc> {
    doc.as_object_mut().and_then(|map| map.remove(key))
}

/// Applies `edit` to the member, when there is one.
pub fn with(doc: &mut Doc, key: &str, edit: impl FnOnce(&mut Doc)) {
    if let Some(member) = doc.get_mut(key).filter(|m| !m.is_null()) {
        edit(member);
    }
}

/// Applies `edit` to each item of the list at `key`.
pub fn each(doc: &mut Doc, key: &str, edit: impl FnMut(&mut Doc)) {
    if let Some(items) = doc.get_mut(key).and_then(Doc::as_array_mut) {
        items.iter_mut().for_each(edit);
    }
}

/// Takes a member from `old`, or removes it when `old` has none.
pub fn restore(new: &mut Doc, old: &Doc, key: &str) {
    match old.get(key) {
        Some(value) => set(new, key, value.clone()),
        None => drop(remove(new, key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_and_empty_are_the_same() {
        for (a, b, expected) in [
            (json!({"a": 1}), json!({"a": 1, "b": {}}), true),
            (json!({"a": 1, "b": null}), json!({"a": 1}), true),
            (json!({"a": []}), json!({}), true),
            (json!({"a": ""}), json!({}), false),
            (json!({"a": [1]}), json!({"a": [1, 2]}), false),
            (json!({"a": 1}), json!({"a": 2}), false),
        ] {
            assert_eq!((same(&a, &b), same(&b, &a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn edits_never_panic_on_odd_shapes() {
        let mut doc = json!({"a": 1, "b": ""});
        set_default(&mut doc, "b", "x");
        set_default_number(ensure(&mut doc, "c"), "n", 3);
        each(&mut doc, "a", |_| unreachable!("not a list"));
        assert_eq!(doc, json!({"a": 1, "b": "x", "c": {"n": 3}}));
    }
}
