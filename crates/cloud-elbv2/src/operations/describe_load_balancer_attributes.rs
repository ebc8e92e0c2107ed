//! DescribeLoadBalancerAttributes.

use crate::attributes::listed;
use crate::lookup::load_balancer;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = load_balancer(&cx, &request, request.required("LoadBalancerArn")).await?;
    Ok(json!({"Attributes": listed(&record["spec"]["attributes"])}))
}
