//! Discovery: what is served, in the old form (one document per group version) and the aggregated one (one for all).

mod aggregated;
mod legacy;
mod surface;

pub use surface::{Group, Surface, Version};

use crate::Document;
use crate::negotiate::Shape;
use std::collections::BTreeMap;

/// Every discovery document of one set of kinds. Built when the set changes, shared by all requests.
#[derive(Clone, Debug)]
pub struct Discovery {
    plain: BTreeMap<String, Document>,
    aggregated_core: Document,
    aggregated_groups: Document,
}

impl Discovery {
    /// The kinds come in order of preference: groups and versions are listed as they first appear.
    pub fn new(surface: &Surface<'_>) -> Self {
        let mut plain = BTreeMap::from([
            ("/api".to_owned(), Document::new(&legacy::api_versions(surface))),
            ("/apis".to_owned(), Document::new(&legacy::group_list(surface))),
        ]);
        for group in &surface.groups {
            if !group.name.is_empty() {
                plain.insert(format!("/apis/{}", group.name), Document::new(&legacy::group(group)));
            }
            for version in &group.versions {
                plain.insert(version.path(), Document::new(&legacy::resource_list(version)));
            }
        }
        Self {
            plain,
            aggregated_core: Document::new(&aggregated::group_list(surface, true)),
            aggregated_groups: Document::new(&aggregated::group_list(surface, false)),
        }
    }

    /// The document at `/api`, `/apis`, `/api/v1`, `/apis/G` or `/apis/G/V`, without a trailing slash.
    pub fn get(&self, path: &str, shape: Shape) -> Option<&Document> {
        match (path, shape) {
            ("/api", Shape::Discovery) => Some(&self.aggregated_core),
            ("/apis", Shape::Discovery) => Some(&self.aggregated_groups),
            _ => self.plain.get(path),
        }
    }

    /// Paths for the index at `/`.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.plain.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
