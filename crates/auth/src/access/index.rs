//! The access entries of one cluster: mapper of identities, and authorizer beside RBAC.

use super::entry::{AccessEntry, AccessScope};
use super::identity::{CANONICAL_ARN, CallerIdentity, UID_PREFIX, key_of};
use super::policies::{Policies, Policy};
use super::username::render;
use crate::authorizer::{Attributes, Authorizer, Decision, Rules};
use crate::rbac::rules_allow;
use meta::User;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("{0} is not mapped")]
    NotMapped(String),
    #[error("{0}")]
    Template(String),
}

struct Known {
    entry: AccessEntry,
    grants: Vec<(AccessScope, Arc<Policy>)>,
}

/// Share it in an `Arc`; feed it every change.
pub struct AccessIndex {
    policies: Policies,
    entries: RwLock<HashMap<String, Arc<Known>>>,
    generation: AtomicU64,
}

impl AccessIndex {
    pub fn new(policies: Policies) -> Self {
        Self { policies, entries: RwLock::default(), generation: AtomicU64::new(0) }
    }

    /// Takes in the newest state of a principal's entry; `None` means deleted. A policy that does not exist grants nothing.
    pub fn apply(&self, principal_arn: &str, entry: Option<AccessEntry>) {
        self.set(key_of(principal_arn), entry);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Changes with every change of an entry: what [`Self::map`] said before may be kept for as long as this stays.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn set(&self, key: String, entry: Option<AccessEntry>) {
        let Some(entry) = entry else {
            self.entries.write().remove(&key);
            return;
        };
        let grants = entry.policies.iter().filter_map(|a| Some((a.scope.clone(), self.policies.find(&a.policy_arn)?.clone())));
        let known = Known { grants: grants.collect(), entry };
        self.entries.write().insert(key, Arc::new(known));
    }

    /// The Kubernetes user of a verified identity. `private_dns` turns an instance id into the instance's private DNS name.
    pub fn map(&self, identity: &CallerIdentity, private_dns: impl FnOnce(&str) -> Option<String>) -> Result<User, MapError> {
        let known = self.find(&identity.canonical_arn).ok_or_else(|| MapError::NotMapped(identity.canonical_arn.clone()))?;
        let name = render(&known.entry.username, identity, private_dns).map_err(MapError::Template)?;
        let of_type = known.entry.kind.groups().iter().map(|g| (*g).to_owned());
        let groups = known.entry.groups.iter().cloned().chain(of_type);
        Ok(identity.user(name, groups))
    }

    fn find(&self, canonical_arn: &str) -> Option<Arc<Known>> {
        self.entries.read().get(&key_of(canonical_arn)).cloned()
    }

    /// The entry behind a user that [`Self::map`] made. An impersonated user has none: it stands on RBAC alone.
    fn of_user<'u>(&self, user: &'u User) -> Option<(Arc<Known>, &'u str)> {
        if !user.uid.starts_with(UID_PREFIX) {
            return None;
        }
        let arn = user.extra.get(CANONICAL_ARN)?.first()?;
        Some((self.find(arn)?, arn))
    }
}

impl Known {
    fn grant(&self, attributes: &Attributes<'_>) -> Option<&(AccessScope, Arc<Policy>)> {
        let scope_covers = |scope: &AccessScope| match attributes.is_resource {
            true => scope.covers(attributes.namespace),
            false => *scope == AccessScope::Cluster,
        };
        self.grants.iter().find(|(scope, policy)| scope_covers(scope) && rules_allow(&policy.rules, attributes))
    }
}

impl Authorizer for AccessIndex {
    fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        let Some((known, arn)) = self.of_user(attributes.user) else { return Decision::no_opinion("") };
        match known.grant(attributes) {
            Some((scope, policy)) => Decision::allow(&reason(arn, scope, policy, attributes)),
            None => Decision::no_opinion(""),
        }
    }

    fn opinion(&self, attributes: &Attributes<'_>) -> Option<bool> {
        self.of_user(attributes.user)?.0.grant(attributes).map(|_| true)
    }

    /// As EKS, whose access policies are a webhook: they cannot be listed.
    fn rules_for(&self, user: &User, _: &str) -> Rules {
        match self.of_user(user) {
            None => Rules::default(),
            Some(_) => Rules {
                incomplete: true,
                errors: vec!["webhook authorizer does not support user rule resolution".into()],
                ..Rules::default()
            },
        }
    }
}

fn reason(arn: &str, scope: &AccessScope, policy: &Policy, attributes: &Attributes<'_>) -> String {
    let policy = policy.arn();
    let binding = match scope {
        AccessScope::Cluster => format!("ClusterRoleBinding \"{arn}+{policy}\""),
        AccessScope::Namespaces(_) => format!("RoleBinding \"{arn}+{policy}/{}\"", attributes.namespace),
    };
    let principal = attributes.user.extra.get("principalId").and_then(|v| v.first()).map(String::as_str).unwrap_or_default();
    format!("EKS Access Policy: allowed by {binding} of ClusterRole {policy:?} to User {principal:?}")
}
