//! OpenAPI documents: `/openapi/v3` (an index and one document per group version) and `/openapi/v2` (everything in one).
//!
//! kubectl reads v3 to decide whether the server validates fields, to merge patches and to explain; v2, in gnostic's
//! protobuf form, is what older clients and Argo CD ask for.

mod documents;
mod gnostic;
mod operations;
mod served;
mod v2;
mod v3;

pub use documents::{Definitions, OpenApi};
pub use gnostic::CONTENT_TYPE as V2_PROTOBUF;
pub use served::{CustomKind, Served};
pub use v2::{V2, v2_document};
pub use v3::{document, index_entry};

use crate::Document;
use serde_json::{Map, Value, json};

/// One line of the `/openapi/v3` index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// `api/v1` or `apis/apps/v1`.
    pub path: String,
    /// Changes when the document does.
    pub hash: String,
}

/// The `/openapi/v3` index.
pub fn index(entries: &[IndexEntry]) -> Document {
    let mut paths = Map::new();
    for IndexEntry { path, hash } in entries {
        paths.insert(path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}));
    }
    Document::new(&json!({"paths": Value::Object(paths)}))
}

/// Whether an `Accept` header of `/openapi/v2` wants the protobuf form.
pub fn wants_protobuf(accept: &str) -> bool {
    accept.split(',').any(|clause| clause.trim().starts_with("application/com.github.proto-openapi.spec.v2"))
}

#[cfg(test)]
mod tests;
