//! GetCallerIdentity: needs no permission, and no policy can forbid it.

use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(_: Arc<Cx>, request: Request) -> Outcome {
    let caller = &request.caller;
    Ok(json!({"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}))
}
