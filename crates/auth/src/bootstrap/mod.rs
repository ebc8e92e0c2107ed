//! The roles and bindings every cluster is born with, as data, and how they are kept.

mod reconcile;
mod table;

pub use reconcile::{Change, reconcile};
pub(crate) use table::roles as role_documents;

use crate::rbac::{PolicyRule, aggregated_rules, rules_of};
use meta::Doc;

const ROLES: [&str; 3] =
    [include_str!("cluster_roles.txt"), include_str!("controller_roles.txt"), include_str!("namespace_roles.txt")];
const BINDINGS: &str = include_str!("bindings.txt");
const EKS_ROLES: &str = include_str!("eks.txt");
const EKS_BINDINGS: &str = include_str!("eks_bindings.txt");

/// The default minor of a cluster.
pub const DEFAULT_MINOR: u32 = 36;

/// ClusterRoles, Roles and bindings of Kubernetes 1.`minor`, roles first. Aggregated roles come with their rules, so
/// that they hold from the first request on.
pub fn documents(minor: u32) -> Vec<Doc> {
    let roles = ROLES.iter().flat_map(|text| table::roles(text, minor)).collect();
    fill_aggregated(roles).into_iter().chain(table::bindings(BINDINGS, minor)).collect()
}

/// What EKS adds for its own components, roles first.
pub fn eks_documents(minor: u32) -> Vec<Doc> {
    table::roles(EKS_ROLES, minor).into_iter().chain(table::bindings(EKS_BINDINGS, minor)).collect()
}

/// The rules of one bootstrap ClusterRole, aggregation computed. None for a name that is not one.
pub fn cluster_role_rules(name: &str, minor: u32) -> Option<Vec<PolicyRule>> {
    let is_it = |doc: &Doc| doc["kind"] == "ClusterRole" && doc["metadata"]["name"] == name;
    let role = ROLES.iter().flat_map(|text| table::roles(text, minor)).find(&is_it)?;
    match role["aggregationRule"].is_null() {
        true => Some(rules_of(&role)),
        false => documents(minor).iter().find(|d| is_it(d)).map(rules_of),
    }
}

/// Computes aggregated roles to the end: `admin` gathers from `edit`, which gathers from `view`.
fn fill_aggregated(mut roles: Vec<Doc>) -> Vec<Doc> {
    let aggregated: Vec<usize> = (0..roles.len()).filter(|i| !roles[*i]["aggregationRule"].is_null()).collect();
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for &at in &aggregated {
            let Ok(Some(rules)) = aggregated_rules(&roles[at], &roles) else { continue };
            let rules: Doc = rules.iter().map(PolicyRule::to_doc).collect();
            if roles[at]["rules"] != rules {
                roles[at]["rules"] = rules;
                changed = true;
            }
        }
    }
    roles
}

#[cfg(test)]
mod tests;
