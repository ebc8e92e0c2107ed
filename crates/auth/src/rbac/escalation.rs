//! Nobody grants what they do not hold (kubernetes `pkg/registry/rbac/{escalation_check.go,*/policybased}`).

use super::GROUP;
use super::covers::{compact, covers};
use super::index::{RbacIndex, RbacKind};
use super::rule::{PolicyRule, RoleRef, go_strings, rules_of};
use crate::authorizer::{Attributes, Authorizer, Rules};
use meta::{Doc, GroupResource, Reason, Status, User, user};
use serde::Deserialize;

/// Who grants, and what decides what they hold.
#[derive(Clone, Copy)]
pub struct Granter<'a> {
    pub user: &'a User,
    /// Everything that may allow `escalate` and `bind`.
    pub authorizer: &'a dyn Authorizer,
    /// What the user holds, and what roles grant.
    pub rbac: &'a RbacIndex,
}

/// Before a Role or ClusterRole is created (`old` is none) or updated. Call it after defaulting and validation.
pub fn check_role(granter: Granter<'_>, namespace: &str, name: &str, new: &Doc, old: Option<&Doc>) -> Result<(), Status> {
    let resource = if namespace.is_empty() { "clusterroles" } else { "roles" };
    if granter.is_master() || granter.may("escalate", resource, namespace, name) || only_frees_for_deletion(new, old) {
        return Ok(());
    }
    let refuse = |why: String| Status::forbidden(&GroupResource::new(GROUP, resource), name, why);
    granter.confirm(namespace, &rules_of(new)).map_err(refuse)?;
    let aggregates = |role: &Doc| role["aggregationRule"]["clusterRoleSelectors"].as_array().is_some_and(|s| !s.is_empty());
    if aggregates(new) || old.is_some_and(aggregates) {
        granter
            .confirm(namespace, &full_authority())
            .map_err(|_| refuse("must have cluster-admin privileges to use the aggregationRule".into()))?;
    }
    Ok(())
}

/// Before a RoleBinding or ClusterRoleBinding is created (`old` is none) or updated.
pub fn check_binding(granter: Granter<'_>, namespace: &str, name: &str, new: &Doc, old: Option<&Doc>) -> Result<(), Status> {
    let role = RoleRef::deserialize(&new["roleRef"]).unwrap_or_default(); // a missing reference resolves to nothing below
    let resource = if namespace.is_empty() { "clusterrolebindings" } else { "rolebindings" };
    let role_resource = match RbacKind::parse(&role.kind) {
        Some(RbacKind::ClusterRole) => "clusterroles",
        Some(RbacKind::Role) => "roles",
        _ => "",
    };
    let may_bind = || !role_resource.is_empty() && granter.may("bind", role_resource, namespace, &role.name);
    if granter.is_master() || only_frees_for_deletion(new, old) || may_bind() {
        return Ok(());
    }
    let rules = granter.rbac.rules_of_role(&role, namespace).map_err(|error| unresolved(&role, error))?;
    granter.confirm(namespace, &rules).map_err(|why| Status::forbidden(&GroupResource::new(GROUP, resource), name, why))
}

fn unresolved(role: &RoleRef, error: String) -> Status {
    match role.kind.as_str() {
        "ClusterRole" => Status::not_found(&GroupResource::new(GROUP, "clusterroles"), &role.name),
        "Role" => Status::not_found(&GroupResource::new(GROUP, "roles"), &role.name),
        _ => Status::new(Reason::InternalError, error),
    }
}

fn full_authority() -> [PolicyRule; 2] {
    let star = || vec!["*".to_owned()];
    [
        PolicyRule { verbs: star(), api_groups: star(), resources: star(), ..PolicyRule::default() },
        PolicyRule { verbs: star(), non_resource_urls: star(), ..PolicyRule::default() },
    ]
}

/// An update that touches nothing but finalizers and owner references lets the garbage collector finish.
fn only_frees_for_deletion(new: &Doc, old: Option<&Doc>) -> bool {
    let Some(old) = old else { return false };
    let rest = |doc: &Doc| {
        let mut doc = doc.clone();
        if let Some(metadata) = doc["metadata"].as_object_mut() {
            for member in ["ownerReferences", "finalizers", "managedFields", "resourceVersion"] {
                metadata.remove(member);
            }
        }
        doc
    };
    let member = |doc: &Doc, name: &str| doc["metadata"][name].clone();
    let changed = ["ownerReferences", "finalizers"].iter().any(|m| member(new, m) != member(old, m));
    changed && rest(new) == rest(old)
}

impl Granter<'_> {
    fn is_master(&self) -> bool {
        self.user.in_group(user::MASTERS)
    }

    fn may(&self, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        let attributes = Attributes::resource(self.user, verb, GROUP, resource).in_namespace(namespace).named(name);
        self.authorizer.authorize(&attributes).is_allowed()
    }

    fn confirm(&self, namespace: &str, wanted: &[PolicyRule]) -> Result<(), String> {
        let Rules { rules, errors, .. } = self.rbac.rules_for(self.user, namespace);
        let missing = covers(&rules, wanted);
        if missing.is_empty() {
            return Ok(());
        }
        let mut lines: Vec<String> = compact(missing).iter().map(ToString::to_string).collect();
        lines.sort();
        lines.dedup();
        let mut text = format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            self.user.name,
            go_strings(&self.user.groups),
            lines.join("\n")
        );
        if !errors.is_empty() {
            text.push_str(&format!("; resolution errors: [{}]", crate::authorizer::aggregate(&errors)));
        }
        Err(text)
    }
}
