//! How cloud records lie in the management plane: namespaces, timestamps, schemas, tags.

use client::{Client, Resource};
use meta::{Doc, Reason, Status};
use serde_json::{Map, json};

pub const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");

/// Records of a region.
pub fn regional_namespace(account: &str, region: &str) -> String {
    format!("{account}-{region}")
}

/// The region of such a namespace: accounts have no dash in them.
pub fn region_of(namespace: &str) -> &str {
    namespace.split_once('-').map_or("", |(_, region)| region)
}

/// Makes a namespace unless it is there.
pub async fn ensure_namespace(client: &Client, name: &str) -> Result<(), Status> {
    ensure(client, NAMESPACES, "", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await.map(|_| ())
}

/// Creates an object unless one of its name exists; says whether it did. An existing object is left as it is.
pub async fn ensure(client: &Client, resource: Resource, namespace: &str, doc: Doc) -> Result<bool, Status> {
    let name = doc["metadata"]["name"].as_str().unwrap_or_default();
    if client.find(resource, namespace, name).await?.is_some() {
        return Ok(false);
    }
    match client.create(resource, namespace, doc).await {
        Ok(_) => Ok(true),
        Err(status) if status.reason == Reason::AlreadyExists => Ok(false),
        Err(status) => Err(status),
    }
}

/// Seconds since the epoch of `metadata.creationTimestamp`, as AWS's timestamps travel.
pub fn created_at(record: &Doc) -> Doc {
    seconds(&record["metadata"]["creationTimestamp"])
}

/// Seconds since the epoch of an RFC 3339 text; null for anything else.
pub fn seconds(time: &Doc) -> Doc {
    time.as_str().and_then(meta::Time::parse).map_or(Doc::Null, |time| json!(time.unix_fraction()))
}

/// `{"a": "b"}` as `[{"Key": "a", "Value": "b"}]`.
pub fn tag_list(tags: &Doc) -> Doc {
    let tags = tags.as_object().into_iter().flatten();
    tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// A structural schema with these specification and status properties; what they hold is checked by their types only.
pub fn schema(spec: Doc, status: Doc) -> Doc {
    let mut properties = Map::new();
    properties.insert("apiVersion".into(), json!({"type": "string"}));
    properties.insert("kind".into(), json!({"type": "string"}));
    properties.insert("metadata".into(), json!({"type": "object"}));
    properties.insert("spec".into(), json!({"type": "object", "properties": spec}));
    if !status.is_null() {
        properties.insert("status".into(), json!({"type": "object", "properties": status}));
    }
    json!({"type": "object", "properties": properties})
}

/// Property types of [`schema`].
pub mod property {
    use super::{Doc, json};

    pub fn text() -> Doc {
        json!({"type": "string"})
    }
    pub fn flag() -> Doc {
        json!({"type": "boolean"})
    }
    pub fn number() -> Doc {
        json!({"type": "integer"})
    }
    pub fn texts() -> Doc {
        json!({"type": "array", "items": {"type": "string"}})
    }
    /// Text to text.
    pub fn map() -> Doc {
        json!({"type": "object", "additionalProperties": {"type": "string"}})
    }
    /// An object in AWS's own shape.
    pub fn any() -> Doc {
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
    /// A list of objects in AWS's own shape.
    pub fn list() -> Doc {
        json!({"type": "array", "items": any()})
    }
}

/// How often [`amend`] starts over before it lets the client do so.
const AMEND_ATTEMPTS: usize = 5;

/// Changes a record by the merge patch that `change` makes from what it holds now; starts over when someone else was
/// faster. `None` changes nothing. Returns the record as it then is.
pub async fn amend<E: From<Status>>(
    client: &Client,
    resource: Resource,
    namespace: &str,
    name: &str,
    change: impl Fn(&Doc) -> Result<Option<Doc>, E>,
) -> Result<Doc, E> {
    let mut attempt = 1;
    loop {
        let record = client.get(resource, namespace, name).await?.to_doc();
        let Some(mut patch) = change(&record)? else { return Ok(record) };
        patch["metadata"]["resourceVersion"] = record["metadata"]["resourceVersion"].clone();
        match client.patch(resource, namespace, name, "", patch).await {
            Ok(changed) => return Ok(changed.to_doc()),
            Err(status) if status.reason == Reason::Conflict && attempt < AMEND_ATTEMPTS => attempt += 1,
            Err(status) => return Err(status.into()),
        }
    }
}
