//! RegisterTargets: instances by their ids, or addresses, as the group has it.

use crate::failures::invalid_target;
use crate::lookup::{name_of, target_group, text};
use crate::records::{INSTANCES, TARGET_GROUPS, VPCS};
use crate::service::Cx;
use crate::target_groups::targets;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let group = target_group(&cx, &request, request.required("TargetGroupArn")).await?;
    let asked = targets::asked(&request.input["Targets"], &group["spec"]["port"]);
    match text(&group["spec"]["targetType"]) {
        "ip" => check_addresses(&cx, &request, &group, &asked).await?,
        _ => check_instances(&cx, &request, &group, &asked).await?,
    }
    amend::<Failure>(&cx.client, TARGET_GROUPS, &request.namespace(), name_of(&group), |record| {
        Ok(Some(json!({"spec": {"targets": targets::with(&record["spec"]["targets"], &asked)?}})))
    })
    .await?;
    Ok(json!({}))
}

async fn check_addresses(cx: &Cx, request: &Request, group: &Doc, asked: &[Doc]) -> Result<(), Failure> {
    let vpc = text(&group["spec"]["vpcId"]);
    let record = cx.client.find(VPCS, &request.namespace(), vpc).await?;
    let range = record.and_then(|vpc| text(&vpc.get("/spec/cidrBlock")).parse().ok());
    let range = range.ok_or_else(|| invalid_target(format!("The VPC '{vpc}' of the target group does not exist")))?;
    for target in asked {
        targets::check_address(text(&target["id"]), range, target["availabilityZone"].as_str())?;
    }
    Ok(())
}

async fn check_instances(cx: &Cx, request: &Request, group: &Doc, asked: &[Doc]) -> Result<(), Failure> {
    for target in asked {
        let id = text(&target["id"]);
        let refused = || invalid_target(format!("The instance ID '{id}' is not valid"));
        if !id.starts_with("i-") || !meta::names::dns_subdomain(id).is_empty() {
            return Err(refused().into());
        }
        let instance = cx.client.find(INSTANCES, &request.namespace(), id).await?.ok_or_else(refused)?;
        if instance.get("/spec/vpcId") != group["spec"]["vpcId"] {
            return Err(invalid_target(format!("The instance '{id}' is not in the VPC of the target group")).into());
        }
        if matches!(text(&instance.get("/status/state")), "shutting-down" | "terminated") {
            let message = format!("The following targets are not in a running state and cannot be registered: '{id}'");
            return Err(invalid_target(message).into());
        }
    }
    Ok(())
}
