//! One file per operation.

pub mod get_role;
pub mod get_user;
pub mod list_roles;
