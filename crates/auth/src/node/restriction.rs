//! NodeRestriction: what a node may write (kubernetes `plugin/pkg/admission/noderestriction/admission.go`).

use super::authorizer::is_node;
use super::labels::forbidden_changes;
use super::{restriction_pods, restriction_tokens};
use crate::authorizer::Authorizer;
use meta::{Doc, GroupResource, Status, User};
use std::fmt;

const NODE_LEASES: &str = "kube-node-lease";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

/// As `admission.Operation` is written.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        })
    }
}

/// A write on its way into the store. Empty strings mean "none".
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub user: &'a User,
    pub operation: Operation,
    pub group: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub namespace: &'a str,
    /// Of the URL.
    pub name: &'a str,
    pub new: Option<&'a Doc>,
    pub old: Option<&'a Doc>,
}

/// What the plugin asks of the API server.
pub trait Lookup {
    /// A stored object. Asked for: pods, nodes, persistentvolumeclaims, persistentvolumes (core), csidrivers (storage.k8s.io).
    fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Doc>;
    fn authorizer(&self) -> &dyn Authorizer;
}

/// Passes everything that is not from a node.
pub fn check(request: &Request<'_>, lookup: &dyn Lookup) -> Result<(), Status> {
    if !is_node(request.user) {
        return Ok(());
    }
    let Some(node) = request.user.node_name() else {
        return request.forbid(format!("could not determine node from user {:?}", request.user.name));
    };
    match (request.group, request.resource, request.subresource) {
        ("", "pods", "") => restriction_pods::pod(node, request, lookup),
        ("", "pods", "status") => restriction_pods::status(node, request),
        ("", "pods", "eviction") => restriction_pods::eviction(node, request, lookup),
        ("", "pods", other) => {
            request.forbid(format!("unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"))
        }
        ("", "nodes", _) => own_node(node, request),
        ("", "persistentvolumeclaims", "status") => claim_status(node, request),
        ("", "persistentvolumeclaims", _) => request.forbid("may only update PVC status"),
        ("", "serviceaccounts", _) => restriction_tokens::token(node, request, lookup),
        ("coordination.k8s.io", "leases", _) => lease(node, request),
        ("storage.k8s.io", "csinodes", _) => csi_node(node, request),
        ("resource.k8s.io", "resourceslices", _) => resource_slice(node, request),
        ("certificates.k8s.io", "certificatesigningrequests", _) => restriction_tokens::signing_request(node, request),
        ("certificates.k8s.io", "podcertificaterequests", _) => request.forbid("PodCertificateRequest feature gate is disabled"),
        _ => Ok(()),
    }
}

static NOTHING: Doc = Doc::Null;

impl<'a> Request<'a> {
    /// 403 for this request (`admission.NewForbidden`).
    pub(super) fn forbid(&self, why: impl fmt::Display) -> Result<(), Status> {
        let named = |member: &str| self.object()["metadata"][member].as_str().filter(|n| !n.is_empty());
        let name = match self.name {
            "" => named("name").or_else(|| named("generateName")).unwrap_or("Unknown"),
            name => name,
        };
        Err(Status::forbidden(&GroupResource::new(self.group, self.resource), name, why))
    }
    pub(super) fn unexpected_operation(&self) -> Result<(), Status> {
        self.forbid(format!("unexpected operation {:?}", self.operation.to_string()))
    }
    pub(super) fn object(&self) -> &'a Doc {
        self.new.unwrap_or(&NOTHING)
    }
    pub(super) fn existing(&self) -> &'a Doc {
        self.old.unwrap_or(&NOTHING)
    }
    /// The name that counts: of a create, the object's own.
    fn subject_name(&self) -> &'a str {
        match self.operation {
            Operation::Create => self.object()["metadata"]["name"].as_str().unwrap_or_default(),
            _ => self.name,
        }
    }
}

fn own_node(node: &str, request: &Request<'_>) -> Result<(), Status> {
    let name = if request.name.is_empty() { request.subject_name() } else { request.name };
    if name != node {
        return request.forbid(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let (new, old) = (request.object(), request.existing());
    let config_source = &new["spec"]["configSource"];
    let labels = || forbidden_changes(&new["metadata"]["labels"], &old["metadata"]["labels"]).into_iter().collect::<Vec<_>>();
    match request.operation {
        Operation::Create if !config_source.is_null() => {
            request.forbid(format!("node {node:?} is not allowed to create pods with a non-nil configSource"))
        }
        Operation::Create => match labels() {
            labels if labels.is_empty() => Ok(()),
            labels => request.forbid(format!("node {node:?} is not allowed to set the following labels: {}", labels.join(", "))),
        },
        Operation::Update if !config_source.is_null() && *config_source != old["spec"]["configSource"] => {
            request.forbid(format!("node {node:?} is not allowed to update configSource to a new non-nil configSource"))
        }
        Operation::Update if !same_list(&new["spec"]["taints"], &old["spec"]["taints"]) => {
            request.forbid(format!("node {node:?} is not allowed to modify taints"))
        }
        Operation::Update if !same_list(&new["metadata"]["ownerReferences"], &old["metadata"]["ownerReferences"]) => {
            request.forbid(format!("node {node:?} is not allowed to modify ownerReferences"))
        }
        Operation::Update => match labels() {
            labels if labels.is_empty() => Ok(()),
            labels => request.forbid(format!("is not allowed to modify labels: {}", labels.join(", "))),
        },
        Operation::Delete | Operation::Connect => Ok(()),
    }
}

/// Absent and empty lists are the same.
pub(super) fn same_list(a: &Doc, b: &Doc) -> bool {
    let entries = |doc: &Doc| doc.as_array().cloned().unwrap_or_default();
    entries(a) == entries(b)
}

fn claim_status(node: &str, request: &Request<'_>) -> Result<(), Status> {
    if request.operation != Operation::Update {
        return request.unexpected_operation();
    }
    if rest_of_claim(request.object()) == rest_of_claim(request.existing()) {
        return Ok(());
    }
    request.forbid(format!("node {node:?} is not allowed to update fields other than status.quantity and status.conditions"))
}

/// What a kubelet must leave alone.
fn rest_of_claim(claim: &Doc) -> Doc {
    let mut rest = claim.clone();
    let mut drop = |part: &str, members: &[&str]| {
        if let Some(map) = rest[part].as_object_mut() {
            members.iter().for_each(|m| drop_member(map, m));
        }
    };
    drop("metadata", &["resourceVersion", "managedFields"]);
    drop("status", &["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"]);
    rest
}

fn drop_member(map: &mut serde_json::Map<String, Doc>, member: &str) {
    map.remove(member);
}

fn lease(node: &str, request: &Request<'_>) -> Result<(), Status> {
    if request.namespace != NODE_LEASES {
        return request.forbid(format!("can only access leases in the {NODE_LEASES:?} system namespace"));
    }
    if request.subject_name() != node {
        return request.forbid("can only access node lease with the same name as the requesting node");
    }
    Ok(())
}

fn csi_node(node: &str, request: &Request<'_>) -> Result<(), Status> {
    if request.subject_name() != node {
        return request.forbid("can only access CSINode with the same name as the requesting node");
    }
    Ok(())
}

fn resource_slice(node: &str, request: &Request<'_>) -> Result<(), Status> {
    let (object, verb) = match request.operation {
        Operation::Create => (request.object(), "create"),
        Operation::Delete => (request.existing(), "delete"),
        Operation::Update | Operation::Connect => return Ok(()),
    };
    if object["spec"]["nodeName"] != node {
        return request.forbid(format!("can only {verb} ResourceSlice with the same NodeName as the requesting node"));
    }
    Ok(())
}
