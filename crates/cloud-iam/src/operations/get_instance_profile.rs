//! GetInstanceProfile.

use crate::profiles;
use crate::service::Cx;
use aws_service::{Arn, Outcome, Request, names};
use aws_wire::AwsError;
use serde_json::json;
use std::sync::Arc;

pub fn resources(request: &Request) -> Vec<String> {
    vec![Arn::iam(request.account(), format!("instance-profile/{}", request.required("InstanceProfileName"))).to_string()]
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let name = request.required("InstanceProfileName");
    let found = cx.client.find(crate::records::INSTANCE_PROFILES, request.account(), &names::escape(name)).await?;
    match found {
        Some(profile) => Ok(json!({"InstanceProfile": profiles::described(&cx, &request, &profile.to_doc()).await?})),
        None => {
            let message = format!("Instance Profile {name} cannot be found.");
            Err(AwsError::modelled(cx.model, "NoSuchEntity", message).into())
        }
    }
}
