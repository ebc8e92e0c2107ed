//! DeleteTargetGroup: of one that no listener forwards to.

use crate::arns::{self, Named};
use crate::claims::Claim;
use crate::lookup::{all, forwards_to, name_of, text};
use crate::records::{LISTENERS, TARGET_GROUPS};
use crate::service::Cx;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use client::DeleteOptions;
use meta::Reason;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let (arn, namespace) = (request.required("TargetGroupArn"), request.namespace());
    arns::check(arn, "target group")?;
    let found = match arns::parse(arn) {
        Some(Named::TargetGroup(name)) => cx.client.find(TARGET_GROUPS, &namespace, &name).await?,
        _ => None,
    };
    // One that is not there any more is deleted, as on ELB.
    let Some(record) = found.map(|record| record.to_doc()).filter(|record| record["spec"]["arn"] == arn) else {
        return Ok(json!({}));
    };
    if all(&cx.client, &namespace, LISTENERS, String::new()).await?.iter().any(|listener| forwards_to(listener, arn)) {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(AwsError::new("ResourceInUse", message).into());
    }
    match cx.client.delete(TARGET_GROUPS, &namespace, name_of(&record), DeleteOptions::default()).await {
        Err(status) if status.reason != Reason::NotFound => return Err(status.into()),
        _ => {}
    }
    cx.maker(&namespace).release(&Claim::TargetGroupName(text(&record["spec"]["name"])), name_of(&record)).await?;
    Ok(json!({}))
}
