//! Who a pod of a set is: its name, its labels and its volumes (kubernetes `pkg/controller/statefulset/stateful_set_utils.go`).

use super::KIND;
use super::set::Set;
use crate::controller_revisions::{HASH_LABEL, Revision};
use crate::workloads::{Pod, pod_from_template};
use meta::Doc;
use serde_json::{Map, json};

pub(super) const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
pub(super) const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// A pod, and the claims it needs first.
#[derive(Clone, Debug)]
pub(super) struct NewPod {
    pub pod: Doc,
    pub claims: Vec<Doc>,
}

pub(super) fn pod_name(set: &Set, ordinal: usize) -> String {
    format!("{}-{ordinal}", set.name())
}

pub(super) fn revision_of(pod: &Pod) -> &str {
    pod.object.meta.labels.get(HASH_LABEL).unwrap_or("")
}

/// Labels that say who the pod is.
pub(super) fn labels(name: &str, ordinal: usize) -> Doc {
    json!({ POD_NAME: name, POD_INDEX: ordinal.to_string() })
}

pub(super) fn is_labelled(pod: &Pod) -> bool {
    pod.object.meta.labels.get(POD_NAME) == Some(pod.name())
}

pub(super) fn pod(set: &Set, revision: &Revision, ordinal: usize) -> Doc {
    let name = pod_name(set, ordinal);
    let mut pod = pod_from_template(&revision.template(), &set.object, KIND);
    let metadata = &mut pod["metadata"];
    metadata["name"] = name.as_str().into();
    metadata.as_object_mut().map(|fields| fields.remove("generateName"));
    metadata["labels"][HASH_LABEL] = revision.name().into();
    if let Doc::Object(labels) = labels(&name, ordinal) {
        labels.into_iter().for_each(|(key, value)| metadata["labels"][key] = value);
    }
    let spec = &mut pod["spec"];
    spec["hostname"] = name.as_str().into();
    spec["subdomain"] = set.doc["spec"]["serviceName"].as_str().unwrap_or("").into();
    let volumes = volumes(set, &spec["volumes"], ordinal);
    if !volumes.is_empty() {
        spec["volumes"] = volumes.into();
    }
    pod
}

/// The claims' volumes, and those of the template with other names.
fn volumes(set: &Set, own: &Doc, ordinal: usize) -> Vec<Doc> {
    let templates = set.claim_templates();
    let claimed = templates.iter().map(|template| {
        let source = json!({ "claimName": claim_name(set, template, ordinal) });
        json!({ "name": template["metadata"]["name"], "persistentVolumeClaim": source })
    });
    let is_claimed = |volume: &&Doc| templates.iter().any(|template| template["metadata"]["name"] == volume["name"]);
    claimed.chain(own.as_array().into_iter().flatten().filter(|volume| !is_claimed(volume)).cloned()).collect()
}

fn claim_name(set: &Set, template: &Doc, ordinal: usize) -> String {
    format!("{}-{}-{ordinal}", template["metadata"]["name"].as_str().unwrap_or(""), set.name())
}

pub(super) fn claim_names(set: &Set, ordinal: usize) -> Vec<String> {
    set.claim_templates().iter().map(|template| claim_name(set, template, ordinal)).collect()
}

/// The claims of a pod, labelled by what the set selects.
pub(super) fn claims(set: &Set, ordinal: usize) -> Vec<Doc> {
    let claim = |template: &Doc| {
        let metadata = &template["metadata"];
        let mut labels: Map<String, Doc> = metadata["labels"].as_object().cloned().unwrap_or_default();
        labels.extend(set.doc["spec"]["selector"]["matchLabels"].as_object().cloned().unwrap_or_default());
        let mut named =
            json!({ "name": claim_name(set, template, ordinal), "namespace": set.object.meta.namespace, "labels": labels });
        for field in ["annotations", "finalizers"] {
            if !metadata[field].is_null() {
                named[field] = metadata[field].clone();
            }
        }
        json!({ "metadata": named, "spec": template["spec"] })
    };
    set.claim_templates().iter().map(claim).collect()
}
