//! DescribeTargetGroups: all, or those of a load balancer, of these ARNs or of these names.

use super::describe_load_balancers::selected;
use crate::failures::{invalid, no_target_group};
use crate::lookup::{all, load_balancer, paged};
use crate::records::{LISTENERS, TARGET_GROUPS};
use crate::service::Cx;
use crate::target_groups::describe::{load_balancer_arns, target_group};
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let (arns, names, balancer) = (request.texts("TargetGroupArns"), request.texts("Names"), request.text("LoadBalancerArn"));
    let ways = [arns.is_empty(), names.is_empty(), balancer.is_none()];
    if ways.into_iter().filter(|unused| !unused).count() > 1 {
        return Err(invalid("You can specify one of load balancer ARN, target group ARNs and names").into());
    }
    let namespace = request.namespace();
    let listeners = all(&cx.client, &namespace, LISTENERS, String::new()).await?;
    let records = all(&cx.client, &namespace, TARGET_GROUPS, String::new()).await?;
    let records = selected(records, "arn", &arns, no_target_group)?;
    let mut records = selected(records, "name", &names, no_target_group)?;
    if let Some(arn) = balancer {
        load_balancer(&cx, &request, arn).await?;
        records.retain(|record| load_balancer_arns(record, &listeners).iter().any(|using| using == arn));
    }
    let page = paged(&request, records)?;
    let mut output = json!({
        "TargetGroups": page.items.iter().map(|record| target_group(record, &listeners)).collect::<Vec<_>>(),
    });
    if let Some(token) = page.next_token {
        output["NextMarker"] = token.into();
    }
    Ok(output)
}
