//! The roles and bindings every cluster is born with, as data, and how they are kept.

mod reconcile;
mod table;

pub use reconcile::{Change, reconcile};

use crate::rbac::{PolicyRule, rules_of};
use meta::Doc;

const ROLES: [&str; 3] =
    [include_str!("cluster_roles.txt"), include_str!("controller_roles.txt"), include_str!("namespace_roles.txt")];
const BINDINGS: &str = include_str!("bindings.txt");

/// The default minor of a cluster.
pub const DEFAULT_MINOR: u32 = 36;

/// ClusterRoles, Roles and bindings of Kubernetes 1.`minor`, roles first. Aggregated roles come with their rules, so
/// that they hold from the first request on.
pub fn documents(minor: u32) -> Vec<Doc> {
    let roles = ROLES.iter().flat_map(|text| table::roles(text, minor)).collect();
    fill_aggregated(roles).into_iter().chain(table::bindings(BINDINGS, minor)).collect()
}

/// The rules of one bootstrap ClusterRole, aggregation computed. None for a name that is not one.
pub fn cluster_role_rules(name: &str, minor: u32) -> Option<Vec<PolicyRule>> {
    documents(minor).iter().find(|d| d["kind"] == "ClusterRole" && d["metadata"]["name"] == name).map(rules_of)
}

/// Computes aggregated roles to the end: `admin` gathers from `edit`, which gathers from `view`.
fn fill_aggregated(mut roles: Vec<Doc>) -> Vec<Doc> {
    loop {
        let next: Vec<Doc> = roles.iter().map(|role| with_aggregated_rules(role, &roles)).collect();
        if next == roles {
            return roles;
        }
        roles = next;
    }
}

fn with_aggregated_rules(role: &Doc, all: &[Doc]) -> Doc {
    let mut role = role.clone();
    if let Ok(Some(rules)) = crate::rbac::aggregated_rules(&role, all) {
        role["rules"] = rules.iter().map(PolicyRule::to_doc).collect();
    }
    role
}

#[cfg(test)]
mod tests;
