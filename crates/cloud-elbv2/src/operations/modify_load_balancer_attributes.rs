//! ModifyLoadBalancerAttributes: those named; the others stay.

use crate::attributes::{self, checked, listed};
use crate::lookup::{load_balancer, name_of};
use crate::records::LOAD_BALANCERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = load_balancer(&cx, &request, request.required("LoadBalancerArn")).await?;
    let given = checked(attributes::LOAD_BALANCER, "Load balancer", &request.input["Attributes"])?;
    let patch = json!({"spec": {"attributes": given}});
    let changed = cx.client.patch(LOAD_BALANCERS, &request.namespace(), name_of(&record), "", patch).await?;
    Ok(json!({"Attributes": listed(&changed.get("/spec/attributes"))}))
}
