//! GetRole.

use crate::describe;
use crate::records::ROLES;
use crate::service::Cx;
use aws_service::{Arn, Outcome, Request, names};
use aws_wire::AwsError;
use serde_json::json;
use std::sync::Arc;

pub fn resources(request: &Request) -> Vec<String> {
    vec![Arn::iam(request.account(), format!("role/{}", request.required("RoleName"))).to_string()]
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let name = request.required("RoleName");
    match cx.client.find(ROLES, request.account(), &names::escape(name)).await? {
        Some(role) => Ok(json!({"Role": describe::role_in_full(&role.to_doc())})),
        None => {
            let message = format!("The role with name {name} cannot be found.");
            Err(AwsError::modelled(cx.model, "NoSuchEntity", message).into())
        }
    }
}
