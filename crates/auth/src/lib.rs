//! Who may do what: authorizers, their data, and the credentials that prove an identity.
//! Pure over documents it is handed: no I/O, no async, and the hour is a parameter.

pub mod access;
pub mod authorizer;
pub mod bootstrap;
pub mod node;
pub mod pki;
pub mod rbac;
pub mod service_account;

pub use authorizer::{Attributes, Authorizer, Decision, Rules, Union};
pub use rbac::{PolicyRule, RbacIndex};
