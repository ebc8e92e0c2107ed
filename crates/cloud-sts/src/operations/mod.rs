//! One file per operation.

pub mod assume_role;
pub mod get_caller_identity;
