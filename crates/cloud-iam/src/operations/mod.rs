//! One file per operation.

pub mod get_instance_profile;
pub mod get_role;
pub mod get_user;
pub mod list_instance_profiles;
pub mod list_instance_profiles_for_role;
pub mod list_roles;
