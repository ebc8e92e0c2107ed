//! What a start changes of an existing role or binding (k8s.io/component-helpers `auth/rbac/reconciliation`).

use crate::rbac::{PolicyRule, covers, rules_of};
use meta::Doc;

const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Keep,
    Create(Doc),
    Update(Doc),
    /// A role reference cannot change: delete what is there, then create this.
    Recreate(Doc),
}

/// Adds what is missing of the wanted rules, selectors, subjects, labels and annotations; takes nothing away.
/// An object with the annotation `autoupdate: "false"` is left alone.
pub fn reconcile(existing: Option<&Doc>, wanted: &Doc) -> Change {
    let Some(existing) = existing else { return Change::Create(wanted.clone()) };
    if existing["metadata"]["annotations"][AUTO_UPDATE] == "false" {
        return Change::Keep;
    }
    if existing["roleRef"] != wanted["roleRef"] {
        return Change::Recreate(wanted.clone());
    }
    let mut result = existing.clone();
    merge_map(&mut result, wanted, "annotations");
    merge_map(&mut result, wanted, "labels");
    match wanted["roleRef"].is_null() {
        true => merge_role(&mut result, wanted),
        false => append_missing(&mut result, "subjects", &wanted["subjects"]),
    }
    if result == *existing { Change::Keep } else { Change::Update(result) }
}

/// Existing values win.
fn merge_map(result: &mut Doc, wanted: &Doc, member: &str) {
    for (key, value) in wanted["metadata"][member].as_object().into_iter().flatten() {
        if result["metadata"][member][key].is_null() {
            result["metadata"][member][key] = value.clone();
        }
    }
}

fn merge_role(result: &mut Doc, wanted: &Doc) {
    match (&result["aggregationRule"], &wanted["aggregationRule"]) {
        (Doc::Null, Doc::Null) => {}
        (_, Doc::Null) => {
            if let Some(map) = result.as_object_mut() {
                map.remove("aggregationRule");
            }
        }
        (_, rule) => {
            let selectors = rule["clusterRoleSelectors"].clone();
            append_missing(&mut result["aggregationRule"], "clusterRoleSelectors", &selectors);
            // The rules of an aggregated role are the aggregation controller's.
            return;
        }
    }
    let missing: Vec<Doc> = covers(&rules_of(result), &rules_of(wanted)).iter().map(PolicyRule::to_doc).collect();
    append_missing(result, "rules", &Doc::Array(missing));
}

fn append_missing(result: &mut Doc, member: &str, wanted: &Doc) {
    for entry in wanted.as_array().into_iter().flatten() {
        match result[member].as_array_mut() {
            Some(list) if list.contains(entry) => {}
            Some(list) => list.push(entry.clone()),
            None => result[member] = Doc::Array(vec![entry.clone()]),
        }
    }
}
