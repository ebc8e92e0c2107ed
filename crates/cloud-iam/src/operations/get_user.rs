//! GetUser: of the caller when no name is given.

use crate::describe;
use crate::records::USERS;
use crate::service::Cx;
use aws_service::{Arn, Outcome, Principal, Request, names};
use aws_wire::AwsError;
use serde_json::json;
use std::sync::Arc;

fn asked(request: &Request) -> Option<&str> {
    match (request.text("UserName"), &request.caller.principal) {
        (Some(name), _) => Some(name),
        (None, Principal::User { name }) => Some(name),
        (None, Principal::AssumedRole { .. }) => None,
    }
}

pub fn resources(request: &Request) -> Vec<String> {
    vec![Arn::iam(request.account(), format!("user/{}", asked(request).unwrap_or("*"))).to_string()]
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let Some(name) = asked(&request) else {
        return Err(AwsError::new("ValidationError", "Must specify userName when calling with non-User credentials").into());
    };
    match cx.client.find(USERS, request.account(), &names::escape(name)).await? {
        Some(user) => Ok(json!({"User": describe::user(&user.to_doc())})),
        None => {
            let message = format!("The user with name {name} cannot be found.");
            Err(AwsError::modelled(cx.model, "NoSuchEntity", message).into())
        }
    }
}
