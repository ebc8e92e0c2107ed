//! Bound service-account tokens: signing, verifying, and what OIDC relying parties read.

mod claims;
mod issuer;
mod key;
mod live;
mod request;

pub use claims::{Binding, Claims, KubernetesClaims, ObjectRef};
pub use issuer::{Issued, Issuer, Subject, TokenError, Verified};
pub use key::{PublicKey, SigningKey};
pub use live::{BoundKind, Existing, check_bound_objects};
pub use request::{
    DEFAULT_EXPIRATION_SECONDS, MAX_EXPIRATION_SECONDS, MIN_EXPIRATION_SECONDS, set_defaults, shorten, validate_token_request,
};

/// The user extra that says which credential was used.
pub const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
pub const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
pub const POD_UID: &str = "authentication.kubernetes.io/pod-uid";
pub const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
pub const NODE_UID: &str = "authentication.kubernetes.io/node-uid";

#[cfg(test)]
mod tests;
