//! The RBAC authorizer: roles and bindings kept up to date one object at a time, asked by subject.

use super::GROUP;
use super::rule::{PolicyRule, RoleRef, rules_of};
use super::scope::{Entry, Scope};
use crate::authorizer::{Attributes, Authorizer, Decision, Rules, aggregate};
use meta::{Doc, User};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RbacKind {
    Role,
    ClusterRole,
    RoleBinding,
    ClusterRoleBinding,
}

impl RbacKind {
    pub fn parse(kind: &str) -> Option<Self> {
        match kind {
            "Role" => Some(Self::Role),
            "ClusterRole" => Some(Self::ClusterRole),
            "RoleBinding" => Some(Self::RoleBinding),
            "ClusterRoleBinding" => Some(Self::ClusterRoleBinding),
            _ => None,
        }
    }
}

type SharedRules = Arc<[PolicyRule]>;

#[derive(Default)]
struct State {
    cluster_roles: HashMap<String, SharedRules>,
    /// By namespace, then name.
    roles: HashMap<String, HashMap<String, SharedRules>>,
    cluster: Scope,
    namespaces: HashMap<String, Scope>,
}

/// Answers in the time of the asking user's own bindings. Share it in an `Arc`; feed it every change.
#[derive(Default)]
pub struct RbacIndex {
    state: RwLock<State>,
}

impl RbacIndex {
    /// An index over documents, for tests and for the start of a control plane.
    pub fn from_documents<'a>(docs: impl IntoIterator<Item = &'a Doc>) -> Self {
        let index = Self::default();
        for doc in docs {
            let text = |pointer| doc.pointer(pointer).and_then(Doc::as_str).unwrap_or_default();
            if let Some(kind) = RbacKind::parse(text("/kind")) {
                index.apply(kind, text("/metadata/namespace"), text("/metadata/name"), Some(doc));
            }
        }
        index
    }

    /// Takes in the newest state of one object; `None` means deleted.
    pub fn apply(&self, kind: RbacKind, namespace: &str, name: &str, doc: Option<&Doc>) {
        let rules = || doc.map(|d| SharedRules::from(rules_of(d)));
        match kind {
            RbacKind::ClusterRole => {
                let rules = rules();
                set(&mut self.state.write().cluster_roles, name, rules);
            }
            RbacKind::Role => {
                let rules = rules();
                let mut state = self.state.write();
                let roles = state.roles.entry(namespace.to_owned()).or_default();
                set(roles, name, rules);
                if roles.is_empty() {
                    state.roles.remove(namespace);
                }
            }
            RbacKind::ClusterRoleBinding => apply_binding(&mut self.state.write().cluster, "", name, doc),
            RbacKind::RoleBinding => {
                let mut state = self.state.write();
                let scope = state.namespaces.entry(namespace.to_owned()).or_default();
                apply_binding(scope, namespace, name, doc);
                if scope.is_empty() {
                    state.namespaces.remove(namespace);
                }
            }
        }
    }

    /// `GetRoleReferenceRules`: what a binding in `namespace` (empty: of the cluster) would grant.
    pub fn rules_of_role(&self, role: &RoleRef, namespace: &str) -> Result<Vec<PolicyRule>, String> {
        self.state.read().resolve(role, namespace).map(<[_]>::to_vec)
    }
}

fn set(map: &mut HashMap<String, SharedRules>, name: &str, rules: Option<SharedRules>) {
    match rules {
        Some(rules) => map.insert(name.to_owned(), rules),
        None => map.remove(name),
    };
}

fn apply_binding(scope: &mut Scope, namespace: &str, name: &str, doc: Option<&Doc>) {
    match doc {
        Some(doc) => scope.insert(namespace, name, doc),
        None => scope.remove(name),
    }
}

impl State {
    fn resolve(&self, role: &RoleRef, namespace: &str) -> Result<&[PolicyRule], String> {
        let missing = |kind: &str| format!("{kind}.{GROUP} {:?} not found", role.name);
        match role.kind.as_str() {
            "ClusterRole" => self.cluster_roles.get(&role.name).map(|r| &**r).ok_or_else(|| missing("clusterrole")),
            "Role" => {
                let rules = self.roles.get(namespace).and_then(|roles| roles.get(&role.name));
                rules.map(|r| &**r).ok_or_else(|| missing("role"))
            }
            kind => Err(format!("unsupported role reference kind: {kind:?}")),
        }
    }

    /// Every binding of the user, with the namespace its role is looked up in.
    fn entries<'a>(&'a self, user: &'a User, namespace: &'a str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let local = self.namespaces.get(namespace).into_iter().flat_map(move |scope| scope.entries(user));
        self.cluster.entries(user).map(|e| ("", e)).chain(local.map(move |e| (namespace, e)))
    }
}

impl Authorizer for RbacIndex {
    fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        let state = self.state.read();
        let mut errors = Vec::new();
        for (namespace, entry) in state.entries(attributes.user, attributes.namespace) {
            match state.resolve(&entry.role, namespace) {
                Ok(rules) if rules.iter().any(|r| r.allows(attributes)) => {
                    return Decision::Allow { reason: entry.reason.clone() };
                }
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        match errors.is_empty() {
            true => Decision::no_opinion(""),
            false => Decision::no_opinion(&format!("RBAC: {}", aggregate(&errors))),
        }
    }

    fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        let state = self.state.read();
        let (mut found, mut seen) = (Rules::default(), Vec::new());
        for (scope, entry) in state.entries(user, namespace) {
            let binding = (scope, &entry.binding);
            if seen.contains(&binding) {
                continue;
            }
            seen.push(binding);
            match state.resolve(&entry.role, scope) {
                Ok(rules) => found.rules.extend_from_slice(rules),
                Err(error) => found.errors.push(error),
            }
        }
        found
    }
}
