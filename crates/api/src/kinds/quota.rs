//! v1 LimitRange and ResourceQuota.

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, each, ensure, entries, map, with};
use crate::rules::resources::{amount, canonical_list, check_list};
use meta::{Doc, FieldErrors};

const LISTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

pub const LIMIT_RANGE_ROW: Row = Row::new("v1", "LimitRange").create_on_update().hooks(Hooks {
    default: |doc| with(doc, "spec", |spec| each(spec, "limits", default_limit)),
    validate: validate_limits,
    ..Hooks::NONE
});

pub const RESOURCE_QUOTA_ROW: Row = Row::new("v1", "ResourceQuota").hooks(Hooks {
    default: |doc| {
        with(doc, "spec", |spec| with(spec, "hard", canonical_list));
        with(doc, "status", |status| ["hard", "used"].into_iter().for_each(|list| with(status, list, canonical_list)));
    },
    validate: |doc, errors| check_list(&View::root(doc).at("spec.hard"), errors),
    validate_update: |new, old, errors| {
        View::root(new).at("spec.scopes").immutable(&View::root(old).at("spec.scopes"), errors);
    },
    ..Hooks::NONE
});

/// Containers take their default limit from max, and their default request from default, then min.
fn default_limit(item: &mut Doc) {
    for list in LISTS {
        with(item, list, canonical_list);
    }
    if item["type"] == "Container" {
        fill(item, "max", "default");
        fill(item, "default", "defaultRequest");
        fill(item, "min", "defaultRequest");
    }
}

fn fill(item: &mut Doc, from: &str, to: &str) {
    let source: Vec<(String, Doc)> =
        map(item.get(from).unwrap_or(&Doc::Null)).map(|(name, quantity)| (name.clone(), quantity.clone())).collect();
    if source.is_empty() {
        return;
    }
    let target = entries(ensure(item, to));
    for (name, quantity) in source {
        target.entry(name).or_insert(quantity);
    }
}

fn validate_limits(doc: &Doc, errors: &mut FieldErrors) {
    for item in View::root(doc).at("spec.limits").items() {
        item.get("type").require(errors);
        for list in LISTS {
            check_list(&item.get(list), errors);
        }
        for (low, high) in [("min", "max"), ("min", "default"), ("defaultRequest", "default"), ("default", "max")] {
            check_order(&item, low, high, errors);
        }
    }
}

fn check_order(item: &View<'_>, low: &str, high: &str, errors: &mut FieldErrors) {
    for (name, value) in item.get(low).entries().filter(|(name, _)| item.get(high).key(name).is_set()) {
        let (least, most) = (amount(item.get(low).doc, name), amount(item.get(high).doc, name));
        if least > most {
            let text = format!("{low} value {least} is greater than {high} value {most}");
            errors.invalid(&value.path, least.to_string(), text);
        }
    }
}
