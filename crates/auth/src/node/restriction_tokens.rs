//! NodeRestriction on credentials: service-account tokens and certificate signing requests.

use super::references::{list, text};
use super::restriction::{Lookup, Operation, Request};
use super::restriction_pods::existing_pod;
use crate::authorizer::Attributes;
use crate::pki::SigningRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::{Doc, Status};

const KUBELET_SIGNERS: [&str; 2] = ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];

/// A node asks for tokens of its own pods only, for audiences that the pod names.
pub(super) fn token(node: &str, request: &Request<'_>, lookup: &dyn Lookup) -> Result<(), Status> {
    if request.operation != Operation::Create || request.subresource != "token" {
        return Ok(());
    }
    let bound = &request.object()["spec"]["boundObjectRef"];
    let (name, uid) = (text(bound, "/name"), text(bound, "/uid"));
    if bound["apiVersion"] != "v1" || bound["kind"] != "Pod" || name.is_empty() {
        return request.forbid("node requested token not bound to a pod");
    }
    if uid.is_empty() {
        return request.forbid("node requested token with a pod binding without a uid");
    }
    let pod = existing_pod(request, lookup, name)?;
    if text(&pod, "/metadata/uid") != uid {
        return request.forbid(format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        ));
    }
    if pod["spec"]["nodeName"] != node {
        return request.forbid("node requested token bound to a pod scheduled on a different node");
    }
    audience(request, &pod, lookup)
}

fn audience(request: &Request<'_>, pod: &Doc, lookup: &dyn Lookup) -> Result<(), Status> {
    let audiences: Vec<&str> = list(request.object(), "/spec/audiences").filter_map(Doc::as_str).collect();
    let audience = match audiences[..] {
        [] => "",
        [audience] => audience,
        _ => return request.forbid("node may only request 0 or 1 audiences"),
    };
    if list(pod, "/spec/volumes").any(|volume| names_audience(request, pod, volume, audience, lookup)) {
        return Ok(());
    }
    let attributes = Attributes::resource(request.user, "request-serviceaccounts-token-audience", "", audience)
        .in_namespace(request.namespace)
        .named(request.name);
    if lookup.authorizer().authorize(&Attributes { version: "v1", ..attributes }).is_allowed() {
        return Ok(());
    }
    request.forbid(format!(
        "audience {audience:?} not found in pod spec volume, {} is not authorized to request tokens for this audience",
        request.user.name
    ))
}

/// By a projected token, or by the token requests of the CSI driver behind the volume.
fn names_audience(request: &Request<'_>, pod: &Doc, volume: &Doc, audience: &str, lookup: &dyn Lookup) -> bool {
    let projected = list(volume, "/projected/sources").filter_map(|s| s.get("serviceAccountToken"));
    if projected.into_iter().any(|t| text(t, "/audience") == audience) {
        return true;
    }
    let ephemeral = format!("{}-{}", text(pod, "/metadata/name"), text(volume, "/name"));
    let claim = match volume.pointer("/ephemeral/volumeClaimTemplate") {
        Some(_) => ephemeral.as_str(),
        None => text(volume, "/persistentVolumeClaim/claimName"),
    };
    let driver = match claim {
        "" => text(volume, "/csi/driver").to_owned(),
        claim => driver_of_claim(request.namespace, claim, lookup).unwrap_or_default(),
    };
    let driver = if driver.is_empty() { None } else { lookup.get("storage.k8s.io", "csidrivers", "", &driver) };
    driver.is_some_and(|d| list(&d, "/spec/tokenRequests").any(|t| text(t, "/audience") == audience))
}

fn driver_of_claim(namespace: &str, claim: &str, lookup: &dyn Lookup) -> Option<String> {
    let claim = lookup.get("", "persistentvolumeclaims", namespace, claim)?;
    let volume = lookup.get("", "persistentvolumes", "", text(&claim, "/spec/volumeName"))?;
    Some(text(&volume, "/spec/csi/driver").to_owned())
}

/// A node asks for certificates in its own name only.
pub(super) fn signing_request(node: &str, request: &Request<'_>) -> Result<(), Status> {
    let new = request.object();
    if request.operation != Operation::Create || !KUBELET_SIGNERS.contains(&text(new, "/spec/signerName")) {
        return Ok(());
    }
    let pem = STANDARD.decode(text(new, "/spec/request")).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match SigningRequest::from_pem(&pem.unwrap_or_default()) {
        Err(error) => request.forbid(format!("unable to parse csr: {error}")),
        Ok(csr) if csr.common_name == format!("system:node:{node}") => Ok(()),
        Ok(_) => request.forbid(format!("can only create a node CSR with CN=system:node:{node}")),
    }
}
