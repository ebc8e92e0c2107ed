//! DescribeTargetHealth.

use crate::failures::unsupported;
use crate::lookup::{all, forwards_to, target_group};
use crate::records::LISTENERS;
use crate::service::Cx;
use crate::target_groups::{health, targets};
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    if request.texts("Include").contains(&"AnomalyDetection") {
        return Err(unsupported("Anomaly detection").into());
    }
    let arn = request.required("TargetGroupArn");
    let group = target_group(&cx, &request, arn).await?;
    let listeners = all(&cx.client, &request.namespace(), LISTENERS, String::new()).await?;
    let used = listeners.iter().any(|listener| forwards_to(listener, arn));
    let asked = targets::asked(&request.input["Targets"], &group["spec"]["port"]);
    Ok(json!({"TargetHealthDescriptions": health::described(&group, &asked, used)}))
}
