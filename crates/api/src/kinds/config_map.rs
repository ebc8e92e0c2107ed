//! v1 ConfigMap, and the rules it shares with Secret.

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, is_true, same};
use meta::{Doc, FieldErrors, Path, names};

/// What all values together may hold.
pub const SIZE_MAX: usize = 1024 * 1024;

pub const ROW: Row = Row::new("v1", "ConfigMap").hooks(Hooks { validate, validate_update: immutable_when_set, ..Hooks::NONE });

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let (data, binary) = (root.get("data"), root.get("binaryData"));
    let mut size = 0;
    for (key, value) in data.entries() {
        check_key(key, &value.path, errors);
        if binary.key(key).is_set() {
            errors.invalid(&value.path, key, "duplicate of key present in binaryData");
        }
        size += value.str().len();
    }
    for (key, value) in binary.entries() {
        check_key(key, &value.path, errors);
        if data.key(key).is_set() {
            errors.invalid(&value.path, key, "duplicate of key present in data");
        }
        size += decoded_len(value.str());
    }
    if size > SIZE_MAX {
        // Upstream's path has no name here, which it prints as an empty index.
        errors.too_long(&Path::new("[]"), SIZE_MAX);
    }
}

pub fn check_key(key: &str, path: &Path, errors: &mut FieldErrors) {
    names::config_map_key(key).into_iter().for_each(|problem| errors.invalid(path, key, problem));
}

/// How many bytes a base64 text stands for.
pub fn decoded_len(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

/// `immutable: true` freezes the data and itself.
pub fn immutable_when_set(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    if !is_true(old, "/immutable") {
        return;
    }
    let changed = |field: &str| !same(new.get(field).unwrap_or(&Doc::Null), old.get(field).unwrap_or(&Doc::Null));
    for field in ["immutable", "data", "binaryData"].into_iter().filter(|f| changed(f)) {
        errors.forbidden(&Path::new(field), "field is immutable when `immutable` is set");
    }
}
