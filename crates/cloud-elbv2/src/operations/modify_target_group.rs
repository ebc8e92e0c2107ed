//! ModifyTargetGroup: how its targets' health is checked.

use crate::lookup::{all, name_of, target_group};
use crate::merge::replacing;
use crate::records::{LISTENERS, TARGET_GROUPS};
use crate::service::Cx;
use crate::target_groups::{describe, health_check};
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let group = target_group(&cx, &request, request.required("TargetGroupArn")).await?;
    let namespace = request.namespace();
    let changed = amend::<Failure>(&cx.client, TARGET_GROUPS, &namespace, name_of(&group), |record| {
        let present = &record["spec"]["healthCheck"];
        let next = health_check::with_request(Some(present), &request.input)?;
        Ok(Some(json!({"spec": {"healthCheck": replacing(present, next)}})))
    })
    .await?;
    let listeners = all(&cx.client, &namespace, LISTENERS, String::new()).await?;
    Ok(json!({"TargetGroups": [describe::target_group(&changed, &listeners)]}))
}
