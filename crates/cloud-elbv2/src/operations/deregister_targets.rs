//! DeregisterTargets: their host lets connections end before it forgets them.

use crate::lookup::{name_of, target_group};
use crate::records::TARGET_GROUPS;
use crate::service::Cx;
use crate::target_groups::targets;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let group = target_group(&cx, &request, request.required("TargetGroupArn")).await?;
    let gone = targets::asked(&request.input["Targets"], &group["spec"]["port"]);
    amend::<Failure>(&cx.client, TARGET_GROUPS, &request.namespace(), name_of(&group), |record| {
        Ok(Some(json!({"spec": {"targets": targets::without(&record["spec"]["targets"], &gone)}})))
    })
    .await?;
    Ok(json!({}))
}
