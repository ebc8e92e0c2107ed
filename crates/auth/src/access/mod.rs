//! EKS access entries: from a verified AWS identity to a Kubernetes user, and from access policies to permissions.

mod entry;
mod identity;
mod index;
mod policies;
mod username;

pub use entry::{AccessEntry, AccessScope, Association, EntryType};
pub use identity::{CANONICAL_ARN, CallerIdentity, canonical_arn};
pub use index::{AccessIndex, MapError};
pub use policies::{POLICY_ARN_PREFIX, Policies, Policy};
pub use username::{default_username, validate_groups, validate_username};

#[cfg(test)]
mod tests;
