//! Role-based access control: rules, who is bound to them, and what may be granted.

mod aggregate;
mod covers;
mod escalation;
mod index;
mod rule;
mod scope;

pub use aggregate::aggregated_rules;
pub use covers::covers;
pub use escalation::{Granter, check_binding, check_role};
pub use index::{RbacIndex, RbacKind};
pub(crate) use rule::go_strings;
pub use rule::{PolicyRule, RoleRef, Subject, rules_allow, rules_of};

pub const GROUP: &str = "rbac.authorization.k8s.io";

#[cfg(test)]
mod tests;
