//! ListInstanceProfilesForRole.

use crate::profiles;
use crate::records::ROLES;
use crate::service::Cx;
use aws_service::{Arn, Outcome, Request, names};
use aws_wire::AwsError;
use std::sync::Arc;

pub fn resources(request: &Request) -> Vec<String> {
    vec![Arn::iam(request.account(), format!("role/{}", request.required("RoleName"))).to_string()]
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let role = request.required("RoleName");
    if cx.client.find(ROLES, request.account(), &names::escape(role)).await?.is_none() {
        let message = format!("The role with name {role} cannot be found.");
        return Err(AwsError::modelled(cx.model, "NoSuchEntity", message).into());
    }
    let wanted = |spec: &meta::Doc| spec["roles"].as_array().is_some_and(|roles| roles.iter().any(|one| one == role));
    profiles::page_of(&cx, &request, &format!("ListInstanceProfilesForRole/{role}"), wanted).await
}
