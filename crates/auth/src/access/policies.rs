//! The access policies that AWS publishes.

use crate::bootstrap::role_documents;
use crate::rbac::{PolicyRule, rules_of};
use meta::Doc;
use std::sync::Arc;

pub const POLICY_ARN_PREFIX: &str = "arn:aws:eks::aws:cluster-access-policy/";

const TABLE: &str = include_str!("policies.txt");
/// The policies do not change with the cluster's minor.
const ANY_MINOR: u32 = 0;

#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub name: Arc<str>,
    pub rules: Vec<PolicyRule>,
}

impl Policy {
    pub fn arn(&self) -> String {
        format!("{POLICY_ARN_PREFIX}{}", self.name)
    }
}

/// All of them, read once and shared by the clusters of a process.
#[derive(Clone, Debug)]
pub struct Policies(Arc<[Arc<Policy>]>);

impl Policies {
    pub fn published() -> Self {
        let docs = role_documents(TABLE, ANY_MINOR);
        let read = |d: &Doc| Some(Arc::new(Policy { name: d["metadata"]["name"].as_str()?.into(), rules: rules_of(d) }));
        Self(docs.iter().filter_map(read).collect())
    }

    /// By name.
    pub fn all(&self) -> &[Arc<Policy>] {
        &self.0
    }

    /// The policy of an ARN; `None` for one that does not exist.
    pub fn find(&self, arn: &str) -> Option<&Arc<Policy>> {
        let name = arn.strip_prefix(POLICY_ARN_PREFIX)?;
        self.0.iter().find(|p| &*p.name == name)
    }
}
