//! What the catalog's kinds look like: built-ins by the published tables, records by their structural schemas.

use api::{Catalog, ResourceDef};
use meta::{Doc, FieldErrors, Gvk};
use schema::{Decoded, FieldValidation, PatchError, Structural};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) struct Structure {
    catalog: Arc<Catalog>,
    structural: HashMap<Gvk, Structural>,
}

impl Structure {
    /// Fails on a record whose schema is not structural.
    pub fn new(catalog: Arc<Catalog>) -> Result<Self, String> {
        let mut structural = HashMap::new();
        for def in catalog.iter() {
            if let Some(schema) = catalog.structural_of(def) {
                let compiled = catalog.schema().structural(schema).map_err(|why| format!("{}: {why}", def.kind))?;
                structural.insert(def.gvk(), compiled);
            }
        }
        Ok(Self { catalog, structural })
    }

    /// Prunes and checks `doc` in place. A kind without known structure passes as it is.
    pub fn decode(&self, kind: &Gvk, doc: &mut Doc, validation: FieldValidation) -> Decoded {
        if let Some(structural) = self.structural.get(kind) {
            let decoded = structural.decode(doc, validation);
            structural.apply_defaults(doc);
            return decoded;
        }
        match self.catalog.schema().kind_type(kind) {
            Some(ty) => schema::decode(self.catalog.schema().types(), ty, doc, validation),
            None => Decoded::default(),
        }
    }

    pub fn validate(&self, def: &ResourceDef, doc: &Doc, errors: &mut FieldErrors) {
        if let Some(structural) = self.structural.get(&def.gvk()) {
            errors.0.extend(structural.validate(doc).0);
        }
    }

    /// None for kinds without merge keys: those take no strategic merge patches.
    pub fn strategic_merge(&self, def: &ResourceDef, old: &Doc, patch: &Doc) -> Option<Result<Doc, PatchError>> {
        let ty = self.catalog.type_of(def)?;
        Some(schema::strategic_merge(self.catalog.schema().types(), ty, old, patch))
    }
}
