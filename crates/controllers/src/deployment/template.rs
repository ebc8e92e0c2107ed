//! Whether two pod templates ask for the same pods, and the hash that tells those of one deployment apart.

use crate::workloads::{fnv32a, safe_encode};
use meta::Doc;
use meta::quantity::Quantity;
use serde_json::Map;

pub(super) const HASH_LABEL: &str = "pod-template-hash";
/// Maps: for these, empty means absent. Elsewhere an empty object says something (`emptyDir: {}`).
const MAPS: [&str; 5] = ["labels", "annotations", "nodeSelector", "limits", "requests"];
/// Members of these objects, and these fields, are quantities, which have several spellings.
const QUANTITY_MAPS: [&str; 3] = ["limits", "requests", "overhead"];
const QUANTITIES: [&str; 3] = ["sizeLimit", "divisor", "storage"];

/// The hash of a template, of which the labels without [`HASH_LABEL`] count. Another number of collisions makes another one.
pub(super) fn hash(template: &Doc, collisions: Option<i64>) -> String {
    let text = canonical(template).to_string();
    let collisions = collisions.map(i64::to_le_bytes);
    safe_encode(fnv32a(text.bytes().chain(collisions.into_iter().flatten())))
}

/// Equality but for [`HASH_LABEL`] (`EqualIgnoreHash` of kubernetes `pkg/controller/deployment/util/deployment_util.go`):
/// what clients write back of a template that they read, such as `kubectl rollout undo`, is the same template.
pub(super) fn same(one: &Doc, other: &Doc) -> bool {
    canonical(one) == canonical(other)
}

fn canonical(template: &Doc) -> Doc {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Doc::as_object_mut) {
        labels.remove(HASH_LABEL);
    }
    reduced(&template, "", "")
}

/// Without what says nothing, and with one spelling for each quantity.
fn reduced(doc: &Doc, field: &str, parent: &str) -> Doc {
    match doc {
        Doc::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.clone(), reduced(value, key, field)));
            Doc::Object(members.filter(|(key, value)| !says_nothing(key, value)).collect::<Map<_, _>>())
        }
        Doc::Array(items) => items.iter().map(|item| reduced(item, field, parent)).collect(),
        Doc::String(text) if QUANTITY_MAPS.contains(&parent) || QUANTITIES.contains(&field) => quantity(text),
        other => other.clone(),
    }
}

fn says_nothing(field: &str, value: &Doc) -> bool {
    match value {
        Doc::Null => true,
        Doc::Array(items) => items.is_empty(),
        Doc::Object(members) => members.is_empty() && (MAPS.contains(&field) || field == "metadata"),
        _ => false,
    }
}

fn quantity(text: &str) -> Doc {
    Quantity::parse(text).map_or_else(|_| text.into(), |quantity| quantity.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(labels: Doc, container: Doc) -> Doc {
        json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}})
    }

    #[test]
    fn templates_are_the_same_when_their_pods_are() {
        let labels = json!({"app": "web"});
        let one = template(labels.clone(), json!({"name": "c", "resources": {"limits": {"cpu": "0.5"}}}));
        let mut stamped = one.clone();
        stamped["metadata"]["creationTimestamp"] = Doc::Null;
        for (other, expected) in [
            (one.clone(), true),
            (stamped, true),
            (
                template(json!({"app": "web", HASH_LABEL: "x"}), json!({"name": "c", "resources": {"limits": {"cpu": "0.5"}}})),
                true,
            ),
            (
                template(
                    labels.clone(),
                    json!({"name": "c", "resources": {"limits": {"cpu": "500m"}, "requests": {}}, "env": []}),
                ),
                true,
            ),
            (template(labels.clone(), json!({"name": "c", "resources": {"limits": {"cpu": "501m"}}})), false),
            (template(labels.clone(), json!({"name": "0.5", "resources": {"limits": {"cpu": "0.5"}}})), false),
            (template(labels, json!({"name": "c", "resources": {"limits": {"cpu": "0.5"}}, "securityContext": {}})), false),
            (template(json!({"app": "db"}), json!({"name": "c", "resources": {"limits": {"cpu": "0.5"}}})), false),
        ] {
            assert_eq!(same(&one, &other), expected, "{other}");
            assert_eq!(hash(&one, None) == hash(&other, None), expected, "{other}");
        }
    }

    #[test]
    fn collisions_change_the_hash() {
        let template = template(json!({}), json!({}));
        let hashes = [None, Some(0), Some(1)].map(|collisions| hash(&template, collisions));
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2], "{hashes:?}");
        assert!(hashes.iter().all(|hash| (1..=10).contains(&hash.len())));
    }
}
