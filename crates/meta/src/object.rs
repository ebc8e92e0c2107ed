//! A stored object: its JSON bytes, kept once and shared, and the envelope that caches and selectors need.

use crate::part::part;
use crate::{Doc, Fields, Labels};
use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// Stored JSON starts with these bytes, so that `resourceVersion` can be spliced in without parsing.
const HEAD: &[u8] = b"{\"metadata\":{";

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference {
    #[serde(default)]
    pub api_version: String,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub uid: String,
    #[serde(default)]
    pub controller: Option<bool>,
    #[serde(default)]
    pub block_owner_deletion: Option<bool>,
}

/// The metadata that machinery reads. Everything else stays in the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub generation: i64,
    pub labels: Labels,
    pub owner_references: Vec<OwnerReference>,
    pub finalizers: Vec<String>,
    pub deletion_timestamp: Option<String>,
    pub deletion_grace_period_seconds: Option<i64>,
}

impl Meta {
    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
    /// Without room to grow: a cache keeps many of these.
    fn trimmed(mut self) -> Self {
        self.owner_references.shrink_to_fit();
        self.finalizers.shrink_to_fit();
        self
    }
    /// The owner with `controller: true`.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|o| o.controller == Some(true))
    }
}

#[derive(Deserialize)]
struct Probe {
    metadata: Meta,
}

/// One version of one object. Shared as `Arc<Object>` by cache, watchers and informers; never edited.
#[derive(Debug)]
pub struct Object {
    pub meta: Meta,
    pub revision: u64,
    pub fields: Fields,
    json: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("a stored object must be JSON that begins with its metadata")]
    NotCanonical,
    #[error("stored object does not parse: {0}")]
    Json(#[from] serde_json::Error),
}

impl Object {
    /// Reads a stored record.
    pub fn from_stored(json: Bytes, revision: u64) -> Result<Self, ObjectError> {
        if !json.starts_with(HEAD) {
            return Err(ObjectError::NotCanonical);
        }
        let probe: Probe = serde_json::from_slice(&json)?;
        Ok(Self { meta: probe.metadata.trimmed(), revision, fields: Fields::default(), json })
    }

    /// Builds an object from a document, for instance a reply that was never stored.
    pub fn from_doc(doc: &Doc, revision: u64) -> Result<Self, ObjectError> {
        // Copied, because what grew while it was written holds up to twice the memory it needs.
        Self::from_parsed(Bytes::copy_from_slice(&canonical(doc)), doc, revision)
    }

    /// A stored record that was parsed already.
    pub fn from_parsed(json: Bytes, doc: &Doc, revision: u64) -> Result<Self, ObjectError> {
        if !json.starts_with(HEAD) {
            return Err(ObjectError::NotCanonical);
        }
        let meta = match doc.get("metadata") {
            Some(metadata @ Doc::Object(_)) => Meta::deserialize(metadata)?,
            _ => Meta::default(),
        };
        Ok(Self { meta: meta.trimmed(), revision, fields: Fields::default(), json })
    }

    pub fn with_fields(mut self, fields: Fields) -> Self {
        self.fields = fields;
        self
    }

    /// The same object, once its revision is known.
    pub fn with_revision(mut self, revision: u64) -> Self {
        self.revision = revision;
        self
    }

    /// The same content at another revision: how a deletion is reported.
    pub fn at_revision(&self, revision: u64) -> Self {
        Self { meta: self.meta.clone(), revision, fields: self.fields.clone(), json: self.json.clone() }
    }

    /// The stored bytes, without `resourceVersion`.
    pub fn stored(&self) -> &Bytes {
        &self.json
    }

    /// Appends the JSON a client sees.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEAD);
        let rest = &self.json[HEAD.len()..];
        if self.revision > 0 {
            out.extend_from_slice(b"\"resourceVersion\":\"");
            out.extend_from_slice(self.revision.to_string().as_bytes());
            out.push(b'"');
            if rest.first() != Some(&b'}') {
                out.push(b',');
            }
        }
        out.extend_from_slice(rest);
    }

    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.json.len() + 40);
        self.write_json(&mut out);
        out
    }

    /// The parsed document, with `resourceVersion`.
    pub fn to_doc(&self) -> Doc {
        let mut doc: Doc = serde_json::from_slice(&self.json).expect("stored bytes were parsed when the object was made");
        if self.revision > 0 {
            doc["metadata"]["resourceVersion"] = Doc::String(self.revision.to_string());
        }
        doc
    }

    /// Parses just the part at a JSON pointer.
    pub fn get(&self, pointer: &str) -> Doc {
        let has_version = matches!(pointer, "" | "/metadata" | "/metadata/resourceVersion");
        let found = if has_version { self.to_doc().pointer(pointer).cloned() } else { part(&self.json, pointer) };
        found.unwrap_or(Doc::Null)
    }

    /// The text of a field such as `spec.nodeName`, `""` where there is none. Read from the document only where whoever made
    /// the object has not noted it down.
    pub fn text(&self, field: &str) -> Cow<'_, str> {
        match self.fields.named(field) {
            Some(known) => known.into(),
            None => match part(&self.json, &format!("/{}", field.replace('.', "/"))) {
                Some(Doc::String(text)) => text.into(),
                _ => "".into(),
            },
        }
    }

    pub fn resource_version(&self) -> String {
        self.revision.to_string()
    }

    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }
}

/// Encodes a document for the store: metadata first, `resourceVersion` left out.
pub fn canonical(doc: &Doc) -> Vec<u8> {
    let empty = serde_json::Map::new();
    let map = doc.as_object().unwrap_or(&empty);
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"{\"metadata\":{");
    let mut first = true;
    let metadata = map.get("metadata").and_then(Doc::as_object).unwrap_or(&empty);
    for (key, value) in metadata.iter().filter(|(k, _)| *k != "resourceVersion") {
        member(&mut out, &mut first, key, value);
    }
    out.push(b'}');
    first = false;
    for (key, value) in map.iter().filter(|(k, _)| *k != "metadata") {
        member(&mut out, &mut first, key, value);
    }
    out.push(b'}');
    out
}

fn member(out: &mut Vec<u8>, first: &mut bool, key: &str, value: &Doc) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, key).expect("writing to memory cannot fail");
    out.push(b':');
    serde_json::to_writer(&mut *out, value).expect("writing to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn resource_version_is_spliced_into_the_bytes() {
        let doc = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"metadata": "{\"metadata\":{"},
            "metadata": {"name": "a", "resourceVersion": "stale", "labels": {"x": "y"}}});
        let object = Object::from_doc(&doc, 42).expect("a valid object");
        let text = String::from_utf8(object.to_json()).expect("JSON is UTF-8");
        assert!(text.starts_with("{\"metadata\":{\"resourceVersion\":\"42\",\"labels\""), "{text}");
        let back: Doc = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(back, object.to_doc());
        assert_eq!(back["metadata"]["resourceVersion"], "42");
        assert_eq!(&object.meta.labels["x"], "y");
        for (pointer, part) in [
            ("/metadata/resourceVersion", "\"42\""),
            ("/metadata/labels/x", "\"y\""),
            ("/kind", "\"ConfigMap\""),
            ("/spec", "null"),
        ] {
            assert_eq!(object.get(pointer).to_string(), part, "{pointer}");
        }
    }

    #[test]
    fn fields_are_read_where_they_are_not_known() {
        let object = Object::from_doc(&json!({"spec": {"nodeName": "a", "count": 1}}), 1).expect("a valid object");
        let known = object.at_revision(2).with_fields(Fields::new(&["x", "spec.nodeName"].into(), ["", "b"].iter().collect()));
        let texts =
            |object: &Object| ["spec.nodeName", "spec.count", "status.phase"].map(|field| object.text(field).into_owned());
        assert_eq!((texts(&object), texts(&known)), (["a", "", ""].map(String::from), ["b", "", ""].map(String::from)));
    }

    #[test]
    fn an_empty_metadata_still_encodes() {
        let object = Object::from_doc(&json!({"kind": "Status"}), 7).expect("a valid object");
        assert_eq!(object.to_json(), b"{\"metadata\":{\"resourceVersion\":\"7\"},\"kind\":\"Status\"}");
    }
}
