//! Runs containers: a shim process per pod around the embedded OCI runtime.

pub mod cri;
mod embedded;
mod facts;
mod layout;
mod protocol;
mod seccomp;
pub mod shim;
mod spec;
mod terminal;
mod users;

pub use embedded::{Embedded, RuntimeConfig};
