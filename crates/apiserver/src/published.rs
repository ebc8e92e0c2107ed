//! Discovery and OpenAPI documents of one catalog, shared by every control plane that serves it.

use crate::structure::Structure;
use api::{Catalog, ResourceDef};
use std::sync::Arc;
use wire::discovery::{Discovery, Surface};
use wire::openapi::{CustomKind, OpenApi, Served};

/// What one set of kinds looks like to everyone: made once per minor and process.
pub struct Published {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) structure: Structure,
    pub(crate) discovery: Discovery,
    pub(crate) openapi: OpenApi,
}

impl Published {
    /// Fails on a record whose schema is not structural.
    pub fn new(catalog: Catalog) -> Result<Arc<Self>, String> {
        let catalog = Arc::new(catalog);
        let defs: Vec<Arc<ResourceDef>> = catalog.iter().cloned().collect();
        let discovery = Discovery::new(&Surface::new(defs.iter().map(Arc::as_ref)));
        let openapi = OpenApi::new(defs, Arc::new(Served::new(catalog.schema().clone(), records(&catalog))));
        let structure = Structure::new(catalog.clone())?;
        Ok(Arc::new(Self { catalog, structure, discovery, openapi }))
    }

    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The index at `/`.
    pub(crate) fn paths(&self) -> Vec<&str> {
        let fixed = [
            "/.well-known/openid-configuration",
            "/healthz",
            "/livez",
            "/metrics",
            "/openapi/v2",
            "/openapi/v3",
            "/openid/v1/jwks",
            "/readyz",
            "/version",
        ];
        let mut paths: Vec<&str> = self.discovery.paths().chain(fixed).collect();
        paths.sort_unstable();
        paths
    }
}

/// Kinds whose structure is not in the tables.
fn records(catalog: &Catalog) -> Vec<CustomKind> {
    let structural = |def: &Arc<ResourceDef>| {
        let structural = catalog.structural_of(def)?.clone();
        Some(CustomKind { def: def.clone(), structural, fingerprint: format!("1.{}", catalog.minor()) })
    };
    catalog.iter().filter_map(structural).collect()
}
