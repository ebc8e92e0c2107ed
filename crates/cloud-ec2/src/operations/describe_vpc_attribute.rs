//! DescribeVpcAttribute.

use crate::describe::{all, refuse_dry_run, select};
use crate::operations::describe_vpcs::KIND;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use serde_json::json;
use std::sync::Arc;

/// The attribute as a client names it, and the member of the answer.
const ATTRIBUTES: [(&str, &str); 3] = [
    ("enableDnsSupport", "EnableDnsSupport"),
    ("enableDnsHostnames", "EnableDnsHostnames"),
    ("enableNetworkAddressUsageMetrics", "EnableNetworkAddressUsageMetrics"),
];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let asked = request.required("Attribute");
    let Some((attribute, member)) = ATTRIBUTES.iter().find(|(attribute, _)| *attribute == asked) else {
        let message = format!("Value ({asked}) for parameter attribute is invalid. Unknown attribute.");
        return Err(AwsError::new("InvalidParameterValue", message).into());
    };
    let id = request.required("VpcId");
    let vpcs = select(all(&cx, &request, &KIND).await?, &[id], &KIND)?;
    let value = vpcs.first().map(|vpc| vpc["attributes"][attribute].as_bool().unwrap_or(false));
    Ok(json!({"VpcId": id, *member: {"Value": value}}))
}
