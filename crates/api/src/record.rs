//! Builds definitions of kinds that are not Kubernetes' own: cloud records.

use crate::def::{Cell, Column, Generation, Hooks, Indexed, ResourceDef, Subresource};
use meta::{Doc, GroupVersion, Gvr, names};
use std::sync::Arc;

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// A kind of a management plane with its structural `openAPIV3Schema`.
#[derive(Clone, Debug)]
pub struct RecordKind {
    pub def: ResourceDef,
    pub schema: Doc,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn column(name: &'static str, kind: &'static str, cell: Cell) -> Column {
    let format = if matches!(cell, Cell::Name) { "name" } else { "" };
    Column::new(name, kind, cell).format(format)
}

impl ResourceDef {
    /// A namespaced kind with every verb, found by its labels, printed as name and age.
    pub fn record(api_version: &str, kind: &str, plural: &str) -> Self {
        let GroupVersion { group, version } =
            GroupVersion::parse(api_version).unwrap_or_else(|| GroupVersion::new("", api_version));
        Self {
            gvr: Gvr::new(group, version, plural),
            kind: kind.to_owned(),
            singular: kind.to_lowercase(),
            list_kind: format!("{kind}List"),
            namespaced: true,
            verbs: words(&VERBS),
            short_names: Vec::new(),
            categories: Vec::new(),
            subresources: Vec::new(),
            hooks: Hooks::NONE,
            columns: vec![column("Name", "string", Cell::Name), column("Age", "string", Cell::Age)],
            selectable: Arc::default(),
            indexed: vec![Indexed::Labels],
            scale: None,
            name_check: names::dns_subdomain,
            sensitive: false,
            generation: Generation::Spec,
            keeps_status_on_create: false,
            create_on_update: false,
            unconditional_update: false,
            stored_as: None,
            convert: None,
        }
    }
    pub fn cluster_scoped(mut self) -> Self {
        self.namespaced = false;
        self
    }
    pub fn short(mut self, name: &str) -> Self {
        self.short_names.push(name.to_owned());
        self
    }
    pub fn category(mut self, name: &str) -> Self {
        self.categories.push(name.to_owned());
        self
    }
    /// Adds the status subresource.
    pub fn status(mut self) -> Self {
        let kind = self.gvk();
        self.subresources.push(Subresource { name: "status".into(), kind, verbs: words(&STATUS_VERBS) });
        self
    }
    /// A string column before Age: the value at this JSON pointer.
    pub fn column(self, name: &'static str, pointer: &'static str) -> Self {
        self.column_of(column(name, "string", Cell::At(pointer)))
    }
    /// Any column before Age.
    pub fn column_of(mut self, column: Column) -> Self {
        let before_age = self.columns.len().saturating_sub(1);
        self.columns.insert(before_age, column);
        self
    }
    pub fn selectable(mut self, field: &'static str) -> Self {
        self.selectable = self.selectable.iter().copied().chain([field]).collect();
        self
    }
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }
    pub fn name_check(mut self, check: fn(&str) -> Vec<String>) -> Self {
        self.name_check = check;
        self
    }
    /// Encrypted at rest.
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }
}
