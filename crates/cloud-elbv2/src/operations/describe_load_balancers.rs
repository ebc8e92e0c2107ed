//! DescribeLoadBalancers: all, or those of these ARNs or names.

use crate::failures::{invalid, no_load_balancer};
use crate::load_balancers::describe::load_balancer;
use crate::lookup::{all, paged, text};
use crate::records::LOAD_BALANCERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let records = all(&cx.client, &request.namespace(), LOAD_BALANCERS, String::new()).await?;
    let (arns, names) = (request.texts("LoadBalancerArns"), request.texts("Names"));
    if !arns.is_empty() && !names.is_empty() {
        return Err(invalid("You can specify load balancer ARNs or names, not both").into());
    }
    let records = selected(records, "arn", &arns, no_load_balancer)?;
    let page = paged(&request, selected(records, "name", &names, no_load_balancer)?)?;
    let mut output = json!({"LoadBalancers": page.items.iter().map(load_balancer).collect::<Vec<_>>()});
    if let Some(token) = page.next_token {
        output["NextMarker"] = token.into();
    }
    Ok(output)
}

/// The records whose `member` is one of `wanted`, all of which must be there; every record if none is wanted.
pub fn selected(records: Vec<Doc>, member: &str, wanted: &[&str], missing: fn() -> AwsError) -> Result<Vec<Doc>, AwsError> {
    if wanted.is_empty() {
        return Ok(records);
    }
    let there = |value: &&str| records.iter().any(|record| record["spec"][member] == **value);
    if !wanted.iter().all(there) {
        return Err(missing());
    }
    Ok(records.into_iter().filter(|record| wanted.contains(&text(&record["spec"][member]))).collect())
}
