//! Runs containers: a shim process per pod around the embedded OCI runtime.

pub mod cri;
