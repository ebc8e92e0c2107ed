//! DescribeListeners: of a load balancer, or those of these ARNs.

use super::describe_load_balancers::selected;
use crate::failures::{invalid, no_listener};
use crate::listeners::describe::listener;
use crate::lookup::{all, listeners_of, load_balancer, name_of, paged};
use crate::records::LISTENERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let (arns, namespace) = (request.texts("ListenerArns"), request.namespace());
    let records = match request.text("LoadBalancerArn") {
        Some(_) if !arns.is_empty() => {
            return Err(invalid("You can specify a load balancer ARN or listener ARNs, not both").into());
        }
        Some(arn) => {
            let balancer = load_balancer(&cx, &request, arn).await?;
            listeners_of(&cx.client, &namespace, name_of(&balancer)).await?
        }
        None if arns.is_empty() => {
            return Err(invalid("You must specify either listener ARNs or a load balancer ARN").into());
        }
        None => selected(all(&cx.client, &namespace, LISTENERS, String::new()).await?, "arn", &arns, no_listener)?,
    };
    let page = paged(&request, records)?;
    let mut output = json!({"Listeners": page.items.iter().map(listener).collect::<Vec<_>>()});
    if let Some(token) = page.next_token {
        output["NextMarker"] = token.into();
    }
    Ok(output)
}
