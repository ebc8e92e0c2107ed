//! All OpenAPI documents of what one API server serves, each built when it is first asked for.

use super::{IndexEntry, V2, document, index, index_entry, v2_document};
use crate::Document;
use crate::discovery::{Surface, Version};
use api::ResourceDef;
use meta::{Doc, GroupVersion};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Where the documents get their definitions from.
pub trait Definitions: Send + Sync {
    /// As `info.version` prints it, for instance `v1.36.0`.
    fn version(&self) -> String;
    /// The map under `components.schemas` of a group version.
    fn v3(&self, version: &GroupVersion) -> Doc;
    /// The map under `definitions`, all group versions together.
    fn v2(&self) -> Doc;
    /// Stands for everything that [`Definitions::v3`] depends on, and is cheap to make: the minor for built-ins, the
    /// resourceVersions of the definitions for custom resources.
    fn fingerprint(&self, version: &GroupVersion) -> String;
    /// Whether a kind takes strategic merge patches: custom resources do not.
    fn strategic(&self, def: &ResourceDef) -> bool;
}

pub struct OpenApi {
    /// What another set of documents already has: the built-ins of a minor are shared by all its clusters.
    base: Option<Arc<OpenApi>>,
    defs: Vec<Arc<ResourceDef>>,
    definitions: Arc<dyn Definitions>,
    index: Document,
    v3: BTreeMap<String, (IndexEntry, OnceLock<Document>)>,
    v2: OnceLock<V2>,
}

impl OpenApi {
    pub fn new(defs: Vec<Arc<ResourceDef>>, definitions: Arc<dyn Definitions>) -> Self {
        Self::build(None, defs, definitions)
    }

    /// More kinds, in group versions that the base does not have. `definitions` know the base's kinds too.
    pub fn extended(base: Arc<OpenApi>, defs: Vec<Arc<ResourceDef>>, definitions: Arc<dyn Definitions>) -> Self {
        Self::build(Some(base), defs, definitions)
    }

    fn build(base: Option<Arc<OpenApi>>, defs: Vec<Arc<ResourceDef>>, definitions: Arc<dyn Definitions>) -> Self {
        let surface = Surface::new(defs.iter().map(Arc::as_ref));
        let entry = |v: &Version<'_>| index_entry(v, &definitions.fingerprint(&GroupVersion::new(v.group, v.name)));
        let v3: BTreeMap<_, _> =
            surface.versions().map(entry).map(|entry| (entry.path.clone(), (entry, OnceLock::new()))).collect();
        let mut openapi = Self { base, defs, definitions, index: index(&[]), v3, v2: OnceLock::new() };
        openapi.index = index(&openapi.entries());
        openapi
    }

    fn entries(&self) -> Vec<IndexEntry> {
        let mut entries = self.base.as_ref().map(|base| base.entries()).unwrap_or_default();
        entries.extend(self.v3.values().map(|(entry, _)| entry.clone()));
        entries
    }

    fn all_defs(&self) -> Vec<&ResourceDef> {
        let mut defs = self.base.as_ref().map(|base| base.all_defs()).unwrap_or_default();
        defs.extend(self.defs.iter().map(Arc::as_ref));
        defs
    }

    /// `/openapi/v3`
    pub fn index(&self) -> &Document {
        &self.index
    }

    /// `/openapi/v3/<path>`, where path is `api/v1` or `apis/apps/v1`, and the hash that the index gives it: a request
    /// with another hash is redirected, one with this hash may be cached for good.
    pub fn v3(&self, path: &str) -> Option<(&Document, &str)> {
        let Some((entry, built)) = self.v3.get(path) else {
            return self.base.as_ref()?.v3(path);
        };
        let surface = Surface::new(self.defs.iter().map(Arc::as_ref));
        let version = surface.versions().find(|v| v.path()[1..] == *path)?;
        let build = || {
            let schemas = self.definitions.v3(&GroupVersion::new(version.group, version.name));
            Document::new(&document(version, &self.definitions.version(), schemas, |def| self.definitions.strategic(def)))
        };
        Some((built.get_or_init(build), &entry.hash))
    }

    /// `/openapi/v2`
    pub fn v2(&self) -> &V2 {
        self.v2.get_or_init(|| {
            let surface = Surface::new(self.all_defs());
            let strategic = |def: &ResourceDef| self.definitions.strategic(def);
            V2::new(&v2_document(&surface, &self.definitions.version(), self.definitions.v2(), strategic))
        })
    }
}
