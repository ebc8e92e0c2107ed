//! The node authorizer (kubernetes `plugin/pkg/auth/authorizer/node/node_authorizer.go`).

use super::graph::{GraphKind, NodeGraph};
use super::references::Kind;
use crate::authorizer::{Attributes, Authorizer, Decision, Rules};
use crate::bootstrap::cluster_role_rules;
use crate::rbac::{PolicyRule, rules_allow};
use meta::{User, user};
use std::sync::Arc;

const NODE_LEASES: &str = "kube-node-lease";
const CORE: &str = "";
const COORDINATION: &str = "coordination.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const RESOURCE: &str = "resource.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const OWN_VERBS: [&str; 5] = ["get", "create", "update", "patch", "delete"];

pub struct NodeAuthorizer {
    graph: Arc<NodeGraph>,
    /// What every node may do: the rules of ClusterRole `system:node`.
    rules: Vec<PolicyRule>,
}

/// Why not; empty when there is nothing to say.
type Verdict = Result<(), String>;

impl NodeAuthorizer {
    pub fn new(graph: Arc<NodeGraph>, minor: u32) -> Self {
        Self { graph, rules: cluster_role_rules("system:node", minor).unwrap_or_default() }
    }

    fn decide(&self, node: &str, attributes: &Attributes<'_>) -> Verdict {
        if !attributes.is_resource {
            return self.by_rules(attributes);
        }
        let named = |kind| move |a: &Attributes<'_>| self.graph.names(node, kind, a.namespace, a.name);
        let owned = |kind| move |a: &Attributes<'_>| self.graph.owns(node, kind, a.namespace, a.name);
        match (attributes.group, attributes.resource) {
            (CORE, "secrets") => read_one(node, attributes, named(Kind::Secret)),
            (CORE, "configmaps") => read_one(node, attributes, named(Kind::ConfigMap)),
            (CORE, "persistentvolumeclaims") if attributes.subresource == "status" => match attributes.verb {
                "update" | "patch" => related(node, attributes, named(Kind::Claim)),
                _ => Err("can only get/update/patch this type".into()),
            },
            (CORE, "persistentvolumeclaims") => get(node, attributes, named(Kind::Claim)),
            (CORE, "persistentvolumes") => get(node, attributes, |a| self.graph.uses_volume(node, a.name)),
            (RESOURCE, "resourceclaims") => get(node, attributes, named(Kind::ResourceClaim)),
            (STORAGE, "volumeattachments") => get(node, attributes, owned(GraphKind::VolumeAttachment)),
            (CORE, "serviceaccounts") => service_account(node, attributes, named(Kind::ServiceAccount)),
            (COORDINATION, "leases") => lease(node, attributes),
            (STORAGE, "csinodes") => csi_node(node, attributes),
            (RESOURCE, "resourceslices") => resource_slice(node, attributes, owned(GraphKind::ResourceSlice)),
            (CORE, "nodes") => own_node(node, attributes),
            (CORE, "pods") => pod(node, attributes, named(Kind::Pod)),
            (CERTIFICATES, "podcertificaterequests") => {
                certificate_request(node, attributes, owned(GraphKind::PodCertificateRequest))
            }
            _ => self.by_rules(attributes),
        }
    }

    fn by_rules(&self, attributes: &Attributes<'_>) -> Verdict {
        if rules_allow(&self.rules, attributes) { Ok(()) } else { Err(String::new()) }
    }
}

impl Authorizer for NodeAuthorizer {
    fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        if !is_node(attributes.user) {
            return Decision::no_opinion("");
        }
        let Some(node) = attributes.user.node_name() else {
            return Decision::no_opinion(&format!("unknown node for user {:?}", attributes.user.name));
        };
        match self.decide(node, attributes) {
            Ok(()) => Decision::allow(""),
            Err(reason) => Decision::no_opinion(&reason),
        }
    }

    fn rules_for(&self, user: &User, _: &str) -> Rules {
        match is_node(user) {
            false => Rules::default(),
            true => Rules {
                incomplete: true,
                errors: vec!["node authorizer does not support user rule resolution".into()],
                ..Rules::default()
            },
        }
    }
}

pub(super) fn is_node(user: &User) -> bool {
    user.name.starts_with(user::NODE_PREFIX) && user.in_group(user::NODES)
}

fn related(node: &str, attributes: &Attributes<'_>, is_related: impl Fn(&Attributes<'_>) -> bool) -> Verdict {
    if attributes.name.is_empty() {
        return Err("No Object name found".into());
    }
    if is_related(attributes) { Ok(()) } else { Err(unrelated(node)) }
}

fn unrelated(node: &str) -> String {
    format!("no relationship found between node '{node}' and this object")
}

fn get(node: &str, attributes: &Attributes<'_>, is_related: impl Fn(&Attributes<'_>) -> bool) -> Verdict {
    match (attributes.verb, attributes.subresource) {
        ("get", "") => related(node, attributes, is_related),
        ("get", _) => Err("cannot get subresource".into()),
        _ => Err("can only get individual resources of this type".into()),
    }
}

/// Get, and list and watch with the name in the field selector.
fn read_one(node: &str, attributes: &Attributes<'_>, is_related: impl Fn(&Attributes<'_>) -> bool) -> Verdict {
    match (attributes.verb, attributes.subresource) {
        ("get" | "list" | "watch", "") if attributes.namespace.is_empty() => {
            Err("can only read namespaced object of this type".into())
        }
        ("get" | "list" | "watch", "") => related(node, attributes, is_related),
        ("get" | "list" | "watch", _) => Err("cannot read subresource".into()),
        _ => Err("can only read resources of this type".into()),
    }
}

fn service_account(node: &str, attributes: &Attributes<'_>, is_related: impl Fn(&Attributes<'_>) -> bool) -> Verdict {
    match (attributes.verb, attributes.subresource) {
        ("get", "") => read_one(node, attributes, is_related),
        ("create", _) if attributes.name.is_empty() => Err("can only create tokens for individual service accounts".into()),
        ("create", "token") if is_related(attributes) => Ok(()),
        ("create", "token") => Err(unrelated(node)),
        ("create", _) => Err("can only create token subresource of serviceaccount".into()),
        _ => Err("can only create tokens for individual service accounts".into()),
    }
}

fn lease(node: &str, attributes: &Attributes<'_>) -> Verdict {
    if !OWN_VERBS.contains(&attributes.verb) {
        return Err("can only get, create, update, patch, or delete a node lease".into());
    }
    if attributes.namespace != NODE_LEASES {
        return Err(format!("can only access leases in the {NODE_LEASES:?} system namespace"));
    }
    // The name of a create is known to admission only.
    if attributes.verb != "create" && attributes.name != node {
        return Err("can only access node lease with the same name as the requesting node".into());
    }
    Ok(())
}

fn csi_node(node: &str, attributes: &Attributes<'_>) -> Verdict {
    if !OWN_VERBS.contains(&attributes.verb) {
        return Err("can only get, create, update, patch, or delete a CSINode".into());
    }
    if !attributes.subresource.is_empty() {
        return Err("cannot authorize CSINode subresources".into());
    }
    if attributes.verb != "create" && attributes.name != node {
        return Err("can only access CSINode with the same name as the requesting node".into());
    }
    Ok(())
}

fn selects(attributes: &Attributes<'_>, field: &str, node: &str) -> bool {
    attributes.field_selector.is_some_and(|s| s.0.iter().any(|t| t.equal && t.field == field && t.value == node))
}

fn resource_slice(node: &str, attributes: &Attributes<'_>, is_related: impl Fn(&Attributes<'_>) -> bool) -> Verdict {
    match (attributes.verb, attributes.subresource) {
        (_, subresource) if !subresource.is_empty() => Err("cannot authorize ResourceSlice subresources".into()),
        ("create", _) => Ok(()),
        ("get" | "update" | "patch" | "delete", _) => related(node, attributes, is_related),
        ("watch" | "list" | "deletecollection", _) if selects(attributes, "spec.nodeName", node) => Ok(()),
        ("watch" | "list" | "deletecollection", _) => {
            Err("can only list/watch/deletecollection resourceslices with nodeName field selector".into())
        }
        _ => Err("only the following verbs are allowed for a ResourceSlice: \
                  get, watch, list, create, update, patch, delete, deletecollection"
            .into()),
    }
}

fn certificate_request(node: &str, attributes: &Attributes<'_>, is_related: impl Fn(&Attributes<'_>) -> bool) -> Verdict {
    if !attributes.subresource.is_empty() {
        return Err("nodes may not access the status subresource of PodCertificateRequests".into());
    }
    match attributes.verb {
        "create" => Ok(()),
        "get" => related(node, attributes, is_related),
        "list" | "watch" if selects(attributes, "spec.nodeName", node) => Ok(()),
        "list" | "watch" => Err("can only list/watch podcertificaterequests with nodeName field selector".into()),
        verb => Err(format!("nodes may not {verb} podcertificaterequests")),
    }
}

/// Admission keeps a node to its own object.
fn own_node(node: &str, attributes: &Attributes<'_>) -> Verdict {
    match (attributes.subresource, attributes.verb, attributes.name) {
        ("", "create" | "update" | "patch", _) | ("status", "update" | "patch", _) => Ok(()),
        ("", "get" | "list" | "watch", name) if name == node => Ok(()),
        ("", "get" | "list" | "watch", "") => Err(format!("node '{node}' cannot read all nodes, only its own Node object")),
        ("", "get" | "list" | "watch", name) => Err(format!("node '{node}' cannot read '{name}', only its own Node object")),
        _ => Err(String::new()),
    }
}

/// Admission keeps a node to mirror pods and to pods bound to it.
fn pod(node: &str, attributes: &Attributes<'_>, is_related: impl Fn(&Attributes<'_>) -> bool) -> Verdict {
    match (attributes.subresource, attributes.verb) {
        ("", "get") => get(node, attributes, is_related),
        ("", "list" | "watch") if selects(attributes, "spec.nodeName", node) => Ok(()),
        ("", "list" | "watch") if !attributes.name.is_empty() => related(node, attributes, is_related),
        ("", "list" | "watch") => Err("can only list/watch pods with spec.nodeName field selector".into()),
        ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => Ok(()),
        _ => Err(String::new()),
    }
}
