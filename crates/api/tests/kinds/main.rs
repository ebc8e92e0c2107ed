//! Every kind's rules as tables: what a change to a valid object is answered with, word for word as upstream prints it.

mod config;
mod defaults;
mod every_kind;
mod minimal;
mod pod;
mod service;
mod small;
mod workloads;

use api::{Catalog, ResourceDef};
use meta::{Doc, FieldErrors};
use std::sync::Arc;

pub const MINOR: u32 = 36;

/// `apps/v1 Deployment`.
pub fn def(name: &str) -> Arc<ResourceDef> {
    let (api_version, kind) = name.split_once(' ').expect("apiVersion and kind");
    let catalog = Catalog::new(MINOR).expect("a supported minor");
    let found = catalog.iter().find(|d| d.api_version() == api_version && d.kind == kind).cloned();
    found.unwrap_or_else(|| panic!("{name} is not served"))
}

/// Sets what a JSON pointer names, making maps on the way; null removes it.
pub fn change(doc: &mut Doc, pointer: &str, value: Doc) {
    let (parent, last) = pointer.rsplit_once('/').expect("a JSON pointer");
    let mut at = doc;
    for step in parent.split('/').skip(1) {
        at = match step.parse::<usize>() {
            Ok(index) if at.is_array() => &mut at[index],
            _ => &mut at[step.replace("~1", "/")],
        };
    }
    let last = last.replace("~1", "/");
    match (at.as_array_mut(), value.is_null()) {
        (Some(items), true) => drop(items.remove(last.parse().expect("an index"))),
        (Some(items), false) => items[last.parse::<usize>().expect("an index")] = value,
        (None, true) => drop(at.as_object_mut().expect("a map").remove(&last)),
        (None, false) => at[last] = value,
    }
}

pub fn defaulted(def: &ResourceDef, mut doc: Doc) -> Doc {
    (def.hooks.default)(&mut doc);
    doc
}

fn texts(errors: &FieldErrors) -> Vec<String> {
    errors.0.iter().map(ToString::to_string).collect()
}

/// A change to a valid object, and what creating the result is answered with.
pub type Case<'a> = (&'a str, Doc, &'a [&'a str]);

/// Each change on its own, made before defaulting.
pub fn check_create(name: &str, base: &Doc, cases: &[Case<'_>]) {
    let def = def(name);
    for (pointer, value, expected) in cases {
        let mut doc = base.clone();
        change(&mut doc, pointer, value.clone());
        let mut errors = FieldErrors::default();
        (def.hooks.validate)(&defaulted(&def, doc), &mut errors);
        assert_eq!(texts(&errors), *expected, "{name} {pointer} = {value}");
    }
}

/// Each change on its own, against the defaulted object as it was.
pub fn check_update(name: &str, base: &Doc, cases: &[Case<'_>]) {
    let def = def(name);
    let old = defaulted(&def, base.clone());
    for (pointer, value, expected) in cases {
        let mut new = old.clone();
        change(&mut new, pointer, value.clone());
        let mut errors = FieldErrors::default();
        (def.hooks.validate_update)(&new, &old, &mut errors);
        assert_eq!(texts(&errors), *expected, "{name} {pointer} = {value}");
    }
}
