//! DescribeListenerAttributes.

use crate::attributes::listed;
use crate::lookup::listener;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = listener(&cx, &request, request.required("ListenerArn")).await?;
    Ok(json!({"Attributes": listed(&record["spec"]["attributes"])}))
}
