//! Pods as templates describe them (`GetPodFromTemplate` of kubernetes `pkg/controller/controller_utils.go`), and the short
//! hashes that tell templates apart.

use super::Kind;
use meta::{Doc, Object};
use serde_json::{Map, json};

/// The longest name of a pod.
const MAX_NAME: usize = 253;
/// What `SafeEncodeString` of k8s.io/apimachinery `pkg/util/rand` writes with: no vowels, and nothing that looks like one.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The reference by which `owner` controls what it makes.
pub(crate) fn controller_reference(owner: &Object, kind: Kind) -> Doc {
    json!({
        "apiVersion": kind.api_version, "kind": kind.kind, "name": owner.meta.name, "uid": owner.meta.uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// A pod with a generated name. Who wants another sets `metadata.name` and takes `generateName` off.
pub(crate) fn pod_from_template(template: &Doc, owner: &Object, kind: Kind) -> Doc {
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field).filter(|value| !value.is_null()) {
            metadata.insert(field.into(), value.clone());
        }
    }
    metadata.insert("generateName".into(), name_prefix(&owner.meta.name).into());
    metadata.insert("namespace".into(), owner.meta.namespace.clone().into());
    metadata.insert("ownerReferences".into(), json!([controller_reference(owner, kind)]));
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] })
}

/// A dash makes the name prettier, where it still fits.
fn name_prefix(owner: &str) -> String {
    if owner.len() < MAX_NAME { format!("{owner}-") } else { owner.to_owned() }
}

/// FNV-1a, 32 bits.
pub(crate) fn fnv32a(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A number in characters that make no words.
pub(crate) fn safe_encode(number: u32) -> String {
    number.to_string().bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::Resource;

    #[test]
    fn pods_take_what_the_template_says_and_name_their_owner() {
        let kind = Kind { resource: Resource::new("apps", "v1", "replicasets"), api_version: "apps/v1", kind: "ReplicaSet" };
        let owner = Object::from_doc(&json!({"metadata": {"namespace": "n", "name": "web", "uid": "u"}}), 1).expect("an object");
        let template = json!({
            "metadata": {"name": "ignored", "creationTimestamp": null, "labels": {"a": "b"}, "annotations": {"c": "d"}},
            "spec": {"containers": [{"name": "x"}]},
        });
        let reference = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": true, "blockOwnerDeletion": true,
        });
        let metadata = json!({
            "namespace": "n", "generateName": "web-", "labels": {"a": "b"}, "annotations": {"c": "d"}, "ownerReferences": [reference],
        });
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "x"}]}});
        assert_eq!(pod_from_template(&template, &owner, kind), pod);
        assert_eq!(name_prefix(&"x".repeat(MAX_NAME)).len(), MAX_NAME);
    }

    #[test]
    fn hashes_are_the_published_ones() {
        for (text, hash) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(fnv32a(text.bytes()), hash, "{text}");
        }
        // '0' is 48, and 48 mod 27 is 21.
        assert_eq!((safe_encode(0), safe_encode(1234567890)), ("4".to_owned(), "56789bcdf4".to_owned()));
    }
}
