//! The node's own objects: its Node and its Lease.

pub mod document;
pub mod lease;
pub mod reporter;
