//! One suite over every kind of every minor.

use crate::minimal;
use api::{Catalog, ResourceDef};
use meta::{Doc, FieldErrors};
use schema::FieldValidation;
use serde_json::json;

fn each(mut check: impl FnMut(&Catalog, &ResourceDef)) {
    for minor in schema::MINORS {
        let catalog = Catalog::new(minor).expect("a supported minor");
        catalog.iter().for_each(|def| check(&catalog, def));
    }
}

fn created(def: &ResourceDef) -> Doc {
    let mut doc = minimal::object(def);
    (def.hooks.default)(&mut doc);
    def.prepare_for_create(&mut doc);
    doc
}

#[test]
fn a_minimal_object_passes_and_defaults_settle() {
    each(|_, def| {
        let gvk = def.gvk();
        let doc = created(def);
        let mut errors = FieldErrors::default();
        api::object_meta::validate(def, &doc, &mut errors);
        (def.hooks.validate)(&doc, &mut errors);
        (def.hooks.validate_update)(&doc, &doc, &mut errors);
        (def.hooks.validate_status)(&doc, &doc, &mut errors);
        assert!(errors.is_empty(), "{gvk:?}: {}", errors.aggregate());

        let mut again = doc.clone();
        (def.hooks.default)(&mut again);
        assert_eq!(again, doc, "{gvk:?}: defaulting twice");
        let mut updated = doc.clone();
        def.prepare_for_update(&mut updated, &doc);
        assert_eq!(updated, doc, "{gvk:?}: an update that changes nothing");
    });
}

#[test]
fn a_converted_object_comes_back_whole() {
    each(|catalog, def| {
        let Some(convert) = def.convert else { return };
        let doc = created(def);
        let stored = (convert.to_storage)(doc.clone());
        assert_eq!(stored["apiVersion"], def.storage_version(), "{:?}", def.gvk());
        let storage = catalog.by_gvr(def.storage()).expect("the stored form is served");
        let mut errors = FieldErrors::default();
        (storage.hooks.validate)(&stored, &mut errors);
        assert!(errors.is_empty(), "{:?}: {}", def.gvk(), errors.aggregate());
        let back = (convert.from_storage)(stored.clone());
        assert_eq!((convert.to_storage)(back), stored, "{:?}", def.gvk());
    });
}

/// What hooks add is what the published structure knows, in the form in which it is decoded.
#[test]
fn a_created_object_fits_its_schema() {
    each(|catalog, def| {
        let gvk = def.gvk();
        let ty = catalog.type_of(def).expect("built-ins have types");
        let types = catalog.schema().types();
        let mut doc = minimal::object(def);
        schema::decode(types, ty, &mut doc, FieldValidation::Strict);
        (def.hooks.default)(&mut doc);
        def.prepare_for_create(&mut doc);
        let mut again = doc.clone();
        let decoded = schema::decode(types, ty, &mut again, FieldValidation::Strict);
        assert_eq!((decoded.type_error, decoded.unknown), (None, Vec::new()), "{gvk:?}");
        (def.hooks.default)(&mut again);
        assert_eq!(again, doc, "{gvk:?}");
    });
}

#[test]
fn the_fields_that_rows_name_exist() {
    // Fields of selectors that upstream named apart from what they read.
    let apart = ["status.successful", "status.podIPs"];
    each(|catalog, def| {
        let Some(ty) = catalog.type_of(def) else { return };
        let scale = def.scale.iter().flat_map(|s| [s.replicas, s.status_replicas, s.selector]);
        let pointers = scale.map(|p| p.trim_start_matches('/').replace('/', "."));
        for field in def.selectable.iter().map(|f| (*f).to_owned()).chain(pointers).filter(|f| !apart.contains(&f.as_str())) {
            let path: Vec<&str> = field.split('.').collect();
            assert!(catalog.schema().types().lookup(ty, &path).is_some(), "{:?} {field}", def.gvk());
        }
    });
}

/// Hooks see schema-checked documents, but a wrong shape must never end the process.
#[test]
fn no_hook_panics_on_odd_shapes() {
    let odd = [json!(null), json!({}), json!([]), json!(""), json!(7), json!([null, 1, {}, []]), json!({"a": [{"b": null}]})];
    each(|_, def| {
        let base = minimal::object(def);
        let keys: Vec<String> = base.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        for key in keys.iter().map(String::as_str).chain(["spec", "status", "metadata", "data"]) {
            for shape in &odd {
                let mut doc = base.clone();
                doc[key] = shape.clone();
                run_all(def, doc, &base);
            }
        }
        for member in base["spec"].as_object().into_iter().flatten().map(|(key, _)| key) {
            for shape in &odd {
                let mut doc = base.clone();
                doc["spec"][member] = shape.clone();
                run_all(def, doc, &base);
            }
        }
    });
}

fn run_all(def: &ResourceDef, mut doc: Doc, old: &Doc) {
    let mut errors = FieldErrors::default();
    (def.hooks.default)(&mut doc);
    def.prepare_for_create(&mut doc);
    def.prepare_for_update(&mut doc, old);
    def.prepare_for_status_update(&mut doc, old);
    api::object_meta::validate(def, &doc, &mut errors);
    api::object_meta::validate_update(&doc, old, &mut errors);
    (def.hooks.validate)(&doc, &mut errors);
    (def.hooks.validate_update)(&doc, old, &mut errors);
    (def.hooks.validate_update)(old, &doc, &mut errors);
    (def.hooks.validate_status)(&doc, old, &mut errors);
    if let Some(convert) = def.convert {
        (convert.from_storage)((convert.to_storage)(doc));
    }
}
