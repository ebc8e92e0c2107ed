//! A finished document with the tag that lets clients keep it.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use meta::Doc;

/// Shared, immutable, answerable with 304 when the client already has it.
#[derive(Clone, Debug)]
pub struct Document {
    pub body: Bytes,
    /// The `ETag` header, quotes included.
    pub etag: String,
}

impl Document {
    pub fn new(doc: &Doc) -> Self {
        Self::from_bytes(doc.to_string().into())
    }
    pub fn from_bytes(body: Bytes) -> Self {
        let etag = format!("\"{}\"", hash(&body));
        Self { body, etag }
    }
    /// Whether an `If-None-Match` header names this document.
    pub fn matches(&self, if_none_match: &str) -> bool {
        if_none_match.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == self.etag)
    }
}

/// 32 hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref()[..16].iter().map(|b| format!("{b:02X}")).collect()
}
