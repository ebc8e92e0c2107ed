//! Amazon IAM: query protocol, version 2010-05-08.

use crate::operations::*;
use aws_service::{Access, OperationEntry, Service};
use aws_wire::Model;
use client::Client;
use std::sync::Arc;

/// What handlers work with.
pub(crate) struct Cx {
    pub client: Client,
    pub model: &'static Model,
}

/// `client` speaks as `system:cloud:iam`. `None` when the model is not built in.
pub fn service(client: Client) -> Option<Service> {
    let model = Model::load("iam")?;
    Some(Service { operations: operations(&Arc::new(Cx { client, model })), model })
}

fn operations(cx: &Arc<Cx>) -> Vec<OperationEntry> {
    use Access::Policy;
    vec![
        OperationEntry::new(cx, "GetInstanceProfile", Policy(get_instance_profile::resources), get_instance_profile::run),
        OperationEntry::new(cx, "GetRole", Policy(get_role::resources), get_role::run),
        OperationEntry::new(cx, "GetUser", Policy(get_user::resources), get_user::run),
        OperationEntry::new(cx, "ListInstanceProfiles", Policy(list_instance_profiles::resources), list_instance_profiles::run),
        OperationEntry::new(
            cx,
            "ListInstanceProfilesForRole",
            Policy(list_instance_profiles_for_role::resources),
            list_instance_profiles_for_role::run,
        ),
        OperationEntry::new(cx, "ListRoles", Policy(list_roles::resources), list_roles::run),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::golden;

    #[test]
    fn what_is_not_built_is_listed() {
        let service = service(golden::nowhere()).expect("a built-in model");
        assert_eq!(golden::check_unbuilt(&service, env!("CARGO_MANIFEST_DIR")), Ok(()));
    }
}
