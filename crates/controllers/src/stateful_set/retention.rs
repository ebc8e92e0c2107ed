//! Who owns a set's claims, so that they go with the set or with a pod that is scaled away, or stay
//! (`spec.persistentVolumeClaimRetentionPolicy`; kubernetes `pkg/controller/statefulset/stateful_set_utils.go`).

use super::KIND;
use super::set::Set;
use crate::workloads::{Pod, controller_reference};
use meta::{Doc, Object};
use serde_json::json;

/// The references that a claim of a pod should carry, where it carries others. A condemned pod is on its way out by
/// scaling.
pub(super) fn owners(set: &Set, pod: &Pod, condemned: bool, claim: &Object) -> Option<Vec<Doc>> {
    let present = claim.get("/metadata/ownerReferences").as_array().cloned().unwrap_or_default();
    let of_set =
        |owner: &Doc| owner["kind"] == KIND.kind && owner["apiVersion"] == KIND.api_version && owner["name"] == set.name();
    let of_pod = |owner: &Doc| owner["kind"] == "Pod" && owner["apiVersion"] == "v1" && owner["name"] == pod.name();
    let (ours, others): (Vec<Doc>, Vec<Doc>) = present.iter().cloned().partition(|owner| of_set(owner) || of_pod(owner));
    let uid = |owner: &Doc| if of_set(owner) { set.object.meta.uid == owner["uid"] } else { *pod.uid() == owner["uid"] };
    // A claim of a set or pod of this name that is gone is the garbage collector's.
    if !ours.iter().all(uid) {
        return None;
    }
    let controlled_by_another = others.iter().any(|owner| owner["controller"] == true);
    let mut wanted = others;
    if !controlled_by_another {
        wanted.extend(reference(set, pod, condemned));
    }
    (wanted != present).then_some(wanted)
}

fn reference(set: &Set, pod: &Pod, condemned: bool) -> Option<Doc> {
    if condemned && set.deletes_claims("whenScaled") {
        return Some(json!({
            "apiVersion": "v1", "kind": "Pod", "name": pod.name(), "uid": pod.uid(), "controller": true, "blockOwnerDeletion": true,
        }));
    }
    set.deletes_claims("whenDeleted").then(|| controller_reference(&set.object, KIND))
}

/// Whether a claim still belongs to an earlier pod of this name: it is about to go, and the pod must not begin with it.
pub(super) fn is_stale(claim: &Object, pod_name: &str) -> bool {
    claim.meta.owner_references.iter().any(|owner| owner.kind == "Pod" && owner.name == pod_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn object(doc: Doc) -> Arc<Object> {
        Object::from_doc(&doc, 1).expect("a valid object").shared()
    }

    #[test]
    fn claims_belong_to_who_takes_them_along() {
        let set_owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u", "controller": true, "blockOwnerDeletion": true});
        let pod_owner = json!({"apiVersion": "v1", "kind": "Pod", "name": "db-1", "uid": "p", "controller": true, "blockOwnerDeletion": true});
        let stranger = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"});
        let controller = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x", "controller": true});
        let former = json!({"apiVersion": "v1", "kind": "Pod", "name": "db-1", "uid": "former", "controller": true, "blockOwnerDeletion": true});
        let (s, p) = (|| vec![set_owner.clone()], || vec![pod_owner.clone()]);
        for (scaled, deleted, condemned, present, wanted) in [
            ("Retain", "Retain", false, vec![], None),
            ("Retain", "Retain", true, s(), Some(vec![])),
            ("Retain", "Delete", false, vec![], Some(s())),
            ("Retain", "Delete", true, s(), None),
            ("Delete", "Retain", false, vec![], None),
            ("Delete", "Retain", true, vec![], Some(p())),
            ("Delete", "Retain", false, p(), Some(vec![])),
            ("Delete", "Delete", false, vec![stranger.clone()], Some(vec![stranger.clone(), set_owner.clone()])),
            ("Delete", "Delete", true, s(), Some(p())),
            ("Delete", "Delete", false, vec![controller.clone()], None),
            ("Delete", "Delete", true, vec![former.clone()], None),
        ] {
            let policy = json!({"whenScaled": scaled, "whenDeleted": deleted});
            let spec = json!({"persistentVolumeClaimRetentionPolicy": policy});
            let set = Set::new(object(json!({"metadata": {"name": "db", "uid": "u"}, "spec": spec})));
            let pod = Pod::of(&object(json!({"metadata": {"name": "db-1", "uid": "p"}})));
            let claim = object(json!({"metadata": {"name": "data-db-1", "ownerReferences": present}}));
            assert_eq!(owners(&set, &pod, condemned, &claim), wanted, "{policy} {condemned} {present:?}");
        }
        assert!(is_stale(&object(json!({"metadata": {"ownerReferences": [former]}})), "db-1"));
        assert!(!is_stale(&object(json!({"metadata": {"ownerReferences": [set_owner]}})), "db-1"));
    }
}
