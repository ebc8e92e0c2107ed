//! AWS Identity and Access Management: users, access keys, roles and policies as records, and the operations over them.
//!
//! Secrets live in AccessKey records, encrypted at rest. This service writes them; only STS reads them.

mod bootstrap;
mod describe;
mod managed;
mod operations;
mod profiles;
mod records;
mod service;

pub use bootstrap::{Bootstrap, Credentials, bootstrap};
pub use records::{ACCESS_KEYS, ACCOUNTS, INSTANCE_PROFILES, MANAGED_NAMESPACE, POLICIES, ROLES, USERS, records};
pub use service::service;
