//! NodeRestriction on pods: mirror pods, status and eviction.

use super::references::{Kind, is_mirror, list, of_pod, text};
use super::restriction::{Lookup, Operation, Request, same_list};
use meta::{Doc, GroupResource, Status};

/// Volume sources that need nothing of the API server.
const PLAIN_VOLUMES: [&str; 22] = [
    "awsElasticBlockStore",
    "azureDisk",
    "cephfs",
    "cinder",
    "downwardAPI",
    "emptyDir",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];
const VOLUME_REFERENCES: [(&str, &str); 7] = [
    ("configMap", "configmaps (via configmap volumes)"),
    ("secret", "secrets (via secret volumes)"),
    ("csi", "csidrivers (via CSI volumes)"),
    ("glusterfs", "endpoints (via glusterFS volumes)"),
    ("persistentVolumeClaim", "persistentvolumeclaims"),
    ("ephemeral", "persistentvolumeclaims (via ephemeral volumes)"),
    ("azureFile", "secrets (via azureFile volumes)"),
];
const PROJECTED_REFERENCES: [(&str, &str); 5] = [
    ("configMap", "configmaps (via projected volumes)"),
    ("secret", "secrets (via projected volumes)"),
    ("serviceAccountToken", "serviceaccounts (via projected volumes)"),
    ("clusterTrustBundle", "clustertrustbundles"),
    ("podCertificate", "podcertificates"),
];

pub(super) fn pod(node: &str, request: &Request<'_>, lookup: &dyn Lookup) -> Result<(), Status> {
    match request.operation {
        Operation::Create => create(node, request, lookup),
        Operation::Delete => {
            let existing = existing_pod(request, lookup, request.name)?;
            match existing["spec"]["nodeName"] == node {
                true => Ok(()),
                false => request.forbid(format!("node {node:?} can only delete pods with spec.nodeName set to itself")),
            }
        }
        operation => request.forbid(format!(
            "unexpected operation {:?}, node {node:?} can only create and delete mirror pods",
            operation.to_string()
        )),
    }
}

pub(super) fn existing_pod(request: &Request<'_>, lookup: &dyn Lookup, name: &str) -> Result<Doc, Status> {
    lookup.get("", "pods", request.namespace, name).ok_or_else(|| Status::not_found(&GroupResource::new("", "pods"), name))
}

fn create(node: &str, request: &Request<'_>, lookup: &dyn Lookup) -> Result<(), Status> {
    let pod = request.object();
    if !is_mirror(pod) {
        return request.forbid(format!(
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node {node:?} can only create mirror pods"
        ));
    }
    if pod["spec"]["nodeName"] != node {
        return request.forbid(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
    }
    owned_by_node(node, request, lookup)?;
    match api_reference(pod) {
        Ok(None) => Ok(()),
        Ok(Some(what)) => request.forbid(format!("node {node:?} can not create pods that reference {what}")),
        Err(error) => request.forbid(format!("error checking mirror pod for API references: {error}")),
    }
}

fn owned_by_node(node: &str, request: &Request<'_>, lookup: &dyn Lookup) -> Result<(), Status> {
    let owners: Vec<&Doc> = list(request.object(), "/metadata/ownerReferences").collect();
    let [owner] = owners[..] else {
        let with = if owners.is_empty() { "an owner reference" } else { "a single owner reference" };
        return request.forbid(format!("node {node:?} can only create pods with {with} set to itself"));
    };
    if owner["apiVersion"] != "v1" || owner["kind"] != "Node" || owner["name"] != node {
        return request.forbid(format!("node {node:?} can only create pods with an owner reference set to itself"));
    }
    if owner["controller"] != true {
        return request.forbid(format!("node {node:?} can only create pods with a controller owner reference set to itself"));
    }
    if owner["blockOwnerDeletion"] == true {
        return request.forbid(format!("node {node:?} must not set blockOwnerDeletion on an owner reference"));
    }
    let stored = lookup.get("", "nodes", "", node).ok_or_else(|| Status::not_found(&GroupResource::new("", "nodes"), node))?;
    if owner["uid"] != stored["metadata"]["uid"] {
        let (claimed, uid) = (text(owner, "/uid"), text(&stored, "/metadata/uid"));
        return request.forbid(format!("node {node} UID mismatch: expected {claimed} got {uid}"));
    }
    Ok(())
}

/// The first kind of API object that the pod needs (kubernetes `pkg/api/pod/util.go`, HasAPIObjectReference).
fn api_reference(pod: &Doc) -> Result<Option<&'static str>, String> {
    if !text(pod, "/spec/serviceAccountName").is_empty() {
        return Ok(Some("serviceaccounts"));
    }
    let references = of_pod(pod);
    for (kind, what) in [(Kind::Secret, "secrets"), (Kind::ConfigMap, "configmaps")] {
        if references.iter().any(|(k, _)| *k == kind) {
            return Ok(Some(what));
        }
    }
    if list(pod, "/spec/resourceClaims").next().is_some() {
        return Ok(Some("resourceclaims"));
    }
    for volume in list(pod, "/spec/volumes") {
        if let Some(what) = volume_reference(volume)? {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

fn volume_reference(volume: &Doc) -> Result<Option<&'static str>, String> {
    let has = |doc: &Doc, source: &str| !doc[source].is_null();
    if let Some((_, what)) = VOLUME_REFERENCES.into_iter().find(|(source, _)| has(volume, source)) {
        return Ok(Some(what));
    }
    if has(volume, "projected") {
        for source in list(volume, "/projected/sources") {
            if let Some((_, what)) = PROJECTED_REFERENCES.into_iter().find(|(member, _)| has(source, member)) {
                return Ok(Some(what));
            }
            if !has(source, "downwardAPI") {
                return Err(format!("unknown source for projected volume {:?}", text(volume, "/name")));
            }
        }
        return Ok(None);
    }
    match PLAIN_VOLUMES.into_iter().any(|source| has(volume, source)) {
        true => Ok(None),
        false => Err(format!("unknown volume type for volume  {:?}", text(volume, "/name"))),
    }
}

pub(super) fn status(node: &str, request: &Request<'_>) -> Result<(), Status> {
    if request.operation != Operation::Update {
        return request.unexpected_operation();
    }
    let (new, old) = (request.object(), request.existing());
    if old["spec"]["nodeName"] != node {
        return request.forbid(format!("node {node:?} can only update pod status for pods with spec.nodeName set to itself"));
    }
    let labels = |pod: &Doc| pod["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    if labels(new) != labels(old) {
        return request.forbid(format!("node {node:?} cannot update labels through pod status"));
    }
    if !same_list(&new["status"]["resourceClaimStatuses"], &old["status"]["resourceClaimStatuses"]) {
        return request.forbid(format!("node {node:?} cannot update resource claim statues"));
    }
    if new["status"]["extendedResourceClaimStatus"] != old["status"]["extendedResourceClaimStatus"] {
        return request.forbid(format!("node {node:?} cannot update extended resource claim status"));
    }
    Ok(())
}

pub(super) fn eviction(node: &str, request: &Request<'_>, lookup: &dyn Lookup) -> Result<(), Status> {
    if request.operation != Operation::Create {
        return request.forbid(format!("unexpected operation {}", request.operation));
    }
    let name = if request.name.is_empty() { text(request.object(), "/metadata/name") } else { request.name };
    if name.is_empty() {
        return request.forbid("could not determine pod from request data");
    }
    let existing = existing_pod(request, lookup, name)?;
    match existing["spec"]["nodeName"] == node {
        true => Ok(()),
        false => request.forbid(format!("node {node} can only evict pods with spec.nodeName set to itself")),
    }
}
