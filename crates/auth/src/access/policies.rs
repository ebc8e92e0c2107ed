//! The access policies that AWS publishes.

use crate::bootstrap::role_documents;
use crate::rbac::{PolicyRule, rules_of};
use std::sync::Arc;

pub const POLICY_ARN_PREFIX: &str = "arn:aws:eks::aws:cluster-access-policy/";

const TABLE: &str = include_str!("policies.txt");
/// The policies do not change with the cluster's minor.
const ANY_MINOR: u32 = 0;

pub type PolicyName = Arc<str>;

#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub name: PolicyName,
    pub rules: Vec<PolicyRule>,
}

impl Policy {
    pub fn arn(&self) -> String {
        format!("{POLICY_ARN_PREFIX}{}", self.name)
    }
}

/// All of them, by name. Reads the table: keep the result where it is needed often.
pub fn policies() -> Vec<Policy> {
    let docs = role_documents(TABLE, ANY_MINOR);
    docs.iter().filter_map(|d| Some(Policy { name: d["metadata"]["name"].as_str()?.into(), rules: rules_of(d) })).collect()
}

/// The policy of an ARN; `None` for one that does not exist.
pub fn policy(arn: &str) -> Option<Policy> {
    let name = arn.strip_prefix(POLICY_ARN_PREFIX)?;
    policies().into_iter().find(|p| &*p.name == name)
}
