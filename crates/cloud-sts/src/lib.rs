//! AWS Security Token Service: who a caller is, temporary credentials for roles, and the verification of every signature.
//!
//! **Invariant**: secrets are read here and nowhere else. Temporary credentials are stored nowhere: the session token is
//! the session, sealed with a key of this service's own.

mod credentials;
mod instances;
mod operations;
mod policies;
mod records;
mod sealing;
mod service;
mod session;

pub use credentials::CredentialVerifier;
pub use instances::{InstanceSessions, TemporaryCredentials};
pub use records::{SEALING_KEYS, records};
pub use sealing::{SealingKeys, bootstrap};
pub use service::service;
