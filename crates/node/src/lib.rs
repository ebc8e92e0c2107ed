//! Composition of a node process: who this node is, by the instance metadata service and its role; then the kubelet and
//! what it stands on.
//!
//! **Invariant**: the agent tells this process where it is and what hardware it has. Everything about its cluster comes
//! from user data, everything it may do from its instance role.

mod addresses;
mod aws;
mod credentials;
mod imds;
mod serving;
mod settings;
mod token;
mod user_data;

pub use imds::Imds;
