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
    defs: Vec<Arc<ResourceDef>>,
    definitions: Arc<dyn Definitions>,
    index: Document,
    v3: BTreeMap<String, (IndexEntry, OnceLock<Document>)>,
    v2: OnceLock<V2>,
}

impl OpenApi {
    pub fn new(defs: Vec<Arc<ResourceDef>>, definitions: Arc<dyn Definitions>) -> Self {
        let surface = Surface::new(defs.iter().map(Arc::as_ref));
        let entry = |v: &Version<'_>| index_entry(v, &definitions.fingerprint(&GroupVersion::new(v.group, v.name)));
        let entries: Vec<IndexEntry> = surface.versions().map(entry).collect();
        let index = index(&entries);
        let v3 = entries.into_iter().map(|entry| (entry.path.clone(), (entry, OnceLock::new()))).collect();
        Self { defs, definitions, index, v3, v2: OnceLock::new() }
    }

    /// `/openapi/v3`
    pub fn index(&self) -> &Document {
        &self.index
    }

    /// `/openapi/v3/<path>`, where path is `api/v1` or `apis/apps/v1`, and the hash that the index gives it: a request
    /// with another hash is redirected, one with this hash may be cached for good.
    pub fn v3(&self, path: &str) -> Option<(&Document, &str)> {
        let (entry, built) = self.v3.get(path)?;
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
            let surface = Surface::new(self.defs.iter().map(Arc::as_ref));
            let strategic = |def: &ResourceDef| self.definitions.strategic(def);
            V2::new(&v2_document(&surface, &self.definitions.version(), self.definitions.v2(), strategic))
        })
    }
}
