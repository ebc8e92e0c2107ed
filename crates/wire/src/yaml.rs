//! YAML forms of documents.

use meta::Doc;

/// What a YAML body may grow to once its aliases are expanded.
pub const MAX_EXPANDED_BYTES: usize = 64 << 20;

/// Block style, keys in order.
pub fn encode(doc: &Doc) -> String {
    serde_yaml_ng::to_string(doc).unwrap_or_else(|error| format!("# {error}\n"))
}
