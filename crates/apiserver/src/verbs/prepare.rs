//! From a client's document to one that may be stored: decoding, metadata, and what a writer may not touch.

use crate::server::{ApiServer, Cx};
use api::ResourceDef;
use meta::status::Result;
use meta::{Doc, FieldErrors, GroupVersion, Gvk, Status};
use serde_json::json;

/// Upstream's alphabet for generated names: no vowels, nothing that reads like another.
const SUFFIX_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;
const MAX_GENERATED_BASE: usize = 63 - SUFFIX_LENGTH;

/// A decoded document and the warnings its decoding deserves.
pub(crate) struct Decoded {
    pub doc: Doc,
    pub warnings: Vec<String>,
}

impl ApiServer {
    /// Checks a document against the structure of `kind`: wrong types are refused, unknown fields dropped, warned about
    /// or refused, as the caller asks.
    pub(crate) fn decode(&self, cx: &Cx<'_>, doc: Doc, kind: &Gvk) -> Result<Decoded> {
        let mut doc = doc;
        if !doc.is_object() {
            let shown: String = doc.to_string().chars().take(200).collect();
            return Err(Status::bad_request(format!("Object 'Kind' is missing in '{shown}'")));
        }
        check_kind(&doc, kind)?;
        let mut problems = cx.call.options.duplicate_fields.clone();
        let validation = schema::FieldValidation::parse(&cx.call.options.field_validation).unwrap_or_default();
        let decoded = self.published.structure.decode(kind, &mut doc, validation);
        if let Some(error) = decoded.type_error {
            return Err(cannot_be_handled(kind, &error));
        }
        problems.extend(decoded.unknown);
        doc["apiVersion"] = kind.api_version().into();
        doc["kind"] = kind.kind.clone().into();
        if !doc["metadata"].is_object() {
            doc["metadata"] = json!({});
        }
        match (validation, problems.is_empty()) {
            (schema::FieldValidation::Ignore, _) | (_, true) => Ok(Decoded { doc, warnings: Vec::new() }),
            (schema::FieldValidation::Strict, _) => {
                Err(cannot_be_handled(kind, &format!("strict decoding error: {}", problems.join(", "))))
            }
            _ => Ok(Decoded { doc, warnings: problems }),
        }
    }

    /// `BeforeCreate` of k8s.io/apiserver `pkg/registry/rest/create.go`.
    pub(crate) fn fill_new_metadata(&self, cx: &Cx<'_>, doc: &mut Doc) -> Result<()> {
        place_in_namespace(cx, doc)?;
        let metadata = &mut doc["metadata"];
        if !text(metadata, "resourceVersion").is_empty() {
            return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
        }
        for server_owned in
            ["selfLink", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "generation"]
        {
            remove(metadata, server_owned);
        }
        metadata["uid"] = self.clock.new_uid().into();
        metadata["creationTimestamp"] = self.clock.now().to_string().into();
        if text(metadata, "name").is_empty() && !text(metadata, "generateName").is_empty() {
            metadata["name"] = generated_name(text(metadata, "generateName"), &self.clock.new_uid()).into();
        }
        Ok(())
    }

    /// `BeforeUpdate`: metadata that only the server writes is taken from the stored object.
    pub(crate) fn keep_old_metadata(&self, doc: &mut Doc, old: &Doc) {
        for field in [
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "selfLink",
            "managedFields",
            "namespace",
        ] {
            match old["metadata"].get(field) {
                Some(value) => doc["metadata"][field] = value.clone(),
                None => remove(&mut doc["metadata"], field),
            }
        }
        for field in ["uid", "name"] {
            if text(&doc["metadata"], field).is_empty() {
                doc["metadata"][field] = old["metadata"][field].clone();
            }
        }
    }
}

fn check_kind(doc: &Doc, kind: &Gvk) -> Result<()> {
    let (api_version, found) = (text(doc, "apiVersion"), text(doc, "kind"));
    let version = GroupVersion::parse(api_version);
    if !found.is_empty() && found != kind.kind {
        let version = version.map(|v| v.version).unwrap_or_default();
        return Err(Status::bad_request(format!(
            "{found} in version {version:?} cannot be handled as a {}: converting ({version}.{found}) to ({}.{}): unknown conversion",
            kind.kind, kind.version, kind.kind
        )));
    }
    if !api_version.is_empty() && version != Some(kind.group_version()) {
        return Err(Status::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            kind.api_version()
        )));
    }
    Ok(())
}

fn cannot_be_handled(kind: &Gvk, why: &str) -> Status {
    Status::bad_request(format!("{} in version {:?} cannot be handled as a {}: {why}", kind.kind, kind.version, kind.kind))
}

/// The URL decides the namespace; a document that names another one is refused.
pub(crate) fn place_in_namespace(cx: &Cx<'_>, doc: &mut Doc) -> Result<()> {
    let asked = cx.call.target.namespace.as_str();
    let found = text(&doc["metadata"], "namespace");
    if !cx.def.namespaced {
        remove(&mut doc["metadata"], "namespace");
        return Ok(());
    }
    if !found.is_empty() && found != asked {
        return Err(Status::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    doc["metadata"]["namespace"] = asked.into();
    Ok(())
}

pub(crate) fn invalid(def: &ResourceDef, doc: &Doc, errors: &FieldErrors) -> Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let name = match text(&doc["metadata"], "name") {
        "" => text(&doc["metadata"], "generateName"),
        name => name,
    };
    Err(Status::invalid(&def.gvk().group_kind(), name, errors))
}

/// `base` plus five characters drawn from a fresh uid's randomness.
fn generated_name(base: &str, uid: &str) -> String {
    let end = base.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_GENERATED_BASE).last();
    let random = u64::from_str_radix(&uid.replace('-', "")[16..], 16).unwrap_or_default(); // a uid is always hexadecimal
    let letters = SUFFIX_ALPHABET.len() as u64;
    let suffix = (0..SUFFIX_LENGTH as u32).map(|i| SUFFIX_ALPHABET[(random / letters.pow(i) % letters) as usize] as char);
    format!("{}{}", &base[..end.unwrap_or(0)], suffix.collect::<String>())
}

pub(crate) fn text<'a>(doc: &'a Doc, field: &str) -> &'a str {
    doc.get(field).and_then(Doc::as_str).unwrap_or_default()
}

pub(crate) fn remove(doc: &mut Doc, field: &str) {
    if let Some(map) = doc.as_object_mut() {
        map.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_keep_their_base_and_stay_short() {
        let name = generated_name("web-", "8f14e45f-ceea-467f-9f33-0123456789ab");
        assert!(name.starts_with("web-") && name.len() == 9, "{name}");
        assert_eq!(generated_name(&"x".repeat(80), "8f14e45f-ceea-467f-9f33-0123456789ab").len(), 63);
    }
}
