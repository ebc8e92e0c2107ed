//! Everything one control plane serves: the schema's facts joined with the rows of [`crate::kinds`], or records.

use crate::columns;
use crate::def::{ResourceDef, Subresource};
use crate::kinds::{self, Row};
use crate::record::RecordKind;
use meta::{Doc, GroupVersion, Gvk, Gvr, names};
use schema::{ResourceFacts, Schema, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// The built-ins that a management plane serves beside its records: group and plural.
pub const MANAGEMENT: [(&str, &str); 17] = [
    ("", "namespaces"),
    ("", "configmaps"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "events"),
    ("events.k8s.io", "events"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
    ("coordination.k8s.io", "leases"),
];

/// An API group as discovery lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    pub name: String,
    /// The preferred one first.
    pub versions: Vec<String>,
}

impl GroupEntry {
    pub fn preferred(&self) -> &str {
        self.versions.first().map_or("", String::as_str)
    }
}

/// A served kind with what its documents look like.
#[derive(Clone, Debug)]
struct Entry {
    def: Arc<ResourceDef>,
    /// Built-ins: their type in the schema.
    type_id: Option<TypeId>,
    /// Records: their structural `openAPIV3Schema`.
    structural: Option<Arc<Doc>>,
}

#[derive(Clone, Debug)]
pub struct Catalog {
    minor: u32,
    schema: Arc<Schema>,
    entries: Vec<Entry>,
    by_path: HashMap<Gvr, usize>,
    by_kind: HashMap<Gvk, usize>,
}

impl Catalog {
    /// All that Kubernetes 1.`minor` serves; none for a minor without tables.
    pub fn new(minor: u32) -> Option<Self> {
        Self::with_records(minor, Vec::new())
    }

    /// Everything, and these records.
    pub fn with_records(minor: u32, records: Vec<RecordKind>) -> Option<Self> {
        Self::filtered(minor, |_| true, records)
    }

    /// Only [`MANAGEMENT`], and these records.
    pub fn management(minor: u32, records: Vec<RecordKind>) -> Option<Self> {
        Self::filtered(minor, |gvr| MANAGEMENT.contains(&(gvr.group.as_str(), gvr.resource.as_str())), records)
    }

    /// The built-ins that `keep` names, and these records.
    pub fn filtered(minor: u32, keep: impl Fn(&Gvr) -> bool, records: Vec<RecordKind>) -> Option<Self> {
        let schema = Schema::minor(minor)?;
        let mut entries: Vec<Entry> = schema
            .resources()
            .iter()
            .filter(|facts| keep(&facts.gvr()))
            .map(|facts| Entry {
                def: Arc::new(built_in(facts, &schema)),
                type_id: schema.kind_type(&facts.gvk()),
                structural: None,
            })
            .collect();
        entries.extend(records.into_iter().map(|record| Entry {
            def: Arc::new(record.def),
            type_id: None,
            structural: Some(Arc::new(record.schema)),
        }));
        let by_path = entries.iter().enumerate().map(|(i, e)| (e.def.gvr.clone(), i)).collect();
        // The first wins: Event is served by two groups, but a kind only once per group and version.
        let by_kind = entries.iter().enumerate().rev().map(|(i, e)| (e.def.gvk(), i)).collect();
        Some(Self { minor, schema, entries, by_path, by_kind })
    }

    pub fn minor(&self) -> u32 {
        self.minor
    }
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }
    pub fn by_path(&self, group: &str, version: &str, plural: &str) -> Option<Arc<ResourceDef>> {
        self.by_gvr(&Gvr::new(group, version, plural))
    }
    pub fn by_gvr(&self, gvr: &Gvr) -> Option<Arc<ResourceDef>> {
        self.by_path.get(gvr).map(|i| self.entries[*i].def.clone())
    }
    pub fn by_kind(&self, gvk: &Gvk) -> Option<Arc<ResourceDef>> {
        self.by_kind.get(gvk).map(|i| self.entries[*i].def.clone())
    }
    /// The definition of the form that `def` is stored in: its own, or the one it converts to.
    pub fn storage_of(&self, def: &Arc<ResourceDef>) -> Arc<ResourceDef> {
        self.by_gvr(def.storage()).unwrap_or_else(|| def.clone())
    }
    /// A built-in's type in the schema.
    pub fn type_of(&self, def: &ResourceDef) -> Option<TypeId> {
        self.by_path.get(&def.gvr).and_then(|i| self.entries[*i].type_id)
    }
    /// A record's structural schema.
    pub fn structural_of(&self, def: &ResourceDef) -> Option<&Arc<Doc>> {
        self.by_path.get(&def.gvr).and_then(|i| self.entries[*i].structural.as_ref())
    }
    /// In discovery order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ResourceDef>> {
        self.entries.iter().map(|e| &e.def)
    }

    /// Groups in discovery order, the core group (named "") first.
    pub fn groups(&self) -> Vec<GroupEntry> {
        let mut groups: Vec<GroupEntry> = Vec::new();
        for def in self.iter() {
            let (name, version) = (&def.gvr.group, &def.gvr.version);
            let at = groups.iter().position(|g| g.name == *name).unwrap_or_else(|| {
                groups.push(GroupEntry { name: name.clone(), versions: Vec::new() });
                groups.len() - 1
            });
            if !groups[at].versions.contains(version) {
                groups[at].versions.push(version.clone());
            }
        }
        groups
    }
}

fn built_in(facts: &ResourceFacts, schema: &Schema) -> ResourceDef {
    let row = kinds::row(&facts.gvk().api_version(), &facts.kind);
    let mut def = ResourceDef {
        gvr: facts.gvr(),
        kind: facts.kind.clone(),
        singular: facts.singular.clone(),
        list_kind: facts.list_kind.clone(),
        namespaced: facts.namespaced,
        verbs: facts.verbs.clone(),
        short_names: facts.short_names.clone(),
        categories: facts.categories.clone(),
        subresources: subresources(facts),
        ..ResourceDef::record(&facts.gvk().api_version(), &facts.kind, &facts.plural)
    };
    def.columns = columns::columns(&facts.group, &facts.kind, schema.version());
    def.name_check = names::dns_subdomain;
    def.unconditional_update = true;
    def.generation = crate::Generation::Untracked;
    def.indexed = row.map_or_else(Vec::new, |row| row.indexed.to_vec());
    if let Some(row) = row {
        apply(&mut def, row, schema);
    }
    def
}

fn subresources(facts: &ResourceFacts) -> Vec<Subresource> {
    facts.subresources.iter().map(|s| Subresource { name: s.name.clone(), kind: s.gvk(), verbs: s.verbs.clone() }).collect()
}

fn apply(def: &mut ResourceDef, row: &Row, schema: &Schema) {
    def.hooks = row.hooks;
    def.selectable = row.selectable.into();
    def.scale = row.scale;
    def.name_check = row.name_check;
    def.sensitive = row.sensitive;
    def.generation = row.generation;
    def.keeps_status_on_create = row.keeps_status_on_create;
    def.create_on_update = row.create_on_update;
    def.unconditional_update = row.unconditional_update;
    let stored = row.stored_as.and_then(|(api_version, plural)| {
        let GroupVersion { group, version } = GroupVersion::parse(api_version)?;
        Some(Gvr::new(group, version, plural))
    });
    // A minor that does not serve the stored form stores what it serves.
    def.stored_as = stored.filter(|gvr| schema.resource(&gvr.group, &gvr.version, &gvr.resource).is_some());
    def.convert = def.stored_as.as_ref().and(row.convert);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_row_belongs_to_a_served_kind_of_some_minor() {
        let catalogs: Vec<Catalog> = schema::MINORS.iter().filter_map(|m| Catalog::new(*m)).collect();
        assert_eq!(catalogs.len(), schema::MINORS.len());
        for row in kinds::KINDS {
            let gv = GroupVersion::parse(row.api_version).expect("rows name valid versions");
            let gvk = Gvk::new(gv.group, gv.version, row.kind);
            assert!(catalogs.iter().any(|c| c.by_kind(&gvk).is_some()), "{gvk:?}");
        }
    }

    #[test]
    fn look_ups_agree_with_discovery() {
        let catalog = Catalog::new(36).expect("a supported minor");
        assert!(Catalog::new(12).is_none());
        for def in catalog.iter() {
            let gvr = &def.gvr;
            assert!(Arc::ptr_eq(def, &catalog.by_path(&gvr.group, &gvr.version, &gvr.resource).expect("by path")));
            assert!(Arc::ptr_eq(def, &catalog.by_kind(&def.gvk()).expect("by kind")));
            assert!(catalog.type_of(def).is_some(), "{gvr:?}");
            assert_eq!(def.stored_as.is_some(), def.convert.is_some());
        }
        let groups = catalog.groups();
        assert_eq!(groups[0], GroupEntry { name: String::new(), versions: vec!["v1".into()] });
        let autoscaling = groups.iter().find(|g| g.name == "autoscaling").expect("served");
        assert_eq!(autoscaling.preferred(), "v2");
        let hpa = catalog.by_path("autoscaling", "v1", "horizontalpodautoscalers").expect("served");
        assert_eq!(catalog.storage_of(&hpa).gvr.version, "v2");
    }

    #[test]
    fn a_management_plane_serves_records_and_little_else() {
        let def = ResourceDef::record("eks.pilothouse.dev/v1", "Cluster", "clusters").short("cl").status();
        let record = RecordKind { def, schema: json!({"type": "object"}) };
        let catalog = Catalog::management(36, vec![record]).expect("a supported minor");
        assert!(catalog.by_path("", "v1", "pods").is_none());
        assert!(catalog.by_path("", "v1", "namespaces").is_some());
        let cluster = catalog.by_kind(&Gvk::new("eks.pilothouse.dev", "v1", "Cluster")).expect("a record");
        assert_eq!(catalog.structural_of(&cluster).map(|s| s["type"].clone()), Some(json!("object")));
        assert!(cluster.has_status() && cluster.namespaced);
        assert_eq!(catalog.groups().last().map(|g| g.name.as_str()), Some("eks.pilothouse.dev"));
    }
}
