//! DescribeTargetGroupAttributes.

use crate::attributes::listed;
use crate::lookup::target_group;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = target_group(&cx, &request, request.required("TargetGroupArn")).await?;
    Ok(json!({"Attributes": listed(&record["spec"]["attributes"])}))
}
