//! DeleteLoadBalancer: marks the record; the reconciler takes everything down and lets it go. Its name is free at once.

use crate::arns::{self, Named};
use crate::claims::Claim;
use crate::lookup::{is_live, name_of, text};
use crate::records::LOAD_BALANCERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use client::{DeleteOptions, Preconditions};
use meta::Reason;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let (arn, namespace) = (request.required("LoadBalancerArn"), request.namespace());
    arns::check(arn, "load balancer")?;
    let found = match arns::parse(arn) {
        Some(Named::LoadBalancer(name)) => cx.client.find(LOAD_BALANCERS, &namespace, &name).await?,
        _ => None,
    };
    // One that is not there any more is deleted, as on ELB.
    let Some(record) = found.map(|record| record.to_doc()).filter(|record| record["spec"]["arn"] == arn) else {
        return Ok(json!({}));
    };
    if record["spec"]["attributes"]["deletion_protection.enabled"] == "true" {
        let message = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
        return Err(AwsError::new("OperationNotPermitted", message).into());
    }
    if is_live(&record) {
        let preconditions = Preconditions { uid: Some(text(&record["metadata"]["uid"]).to_owned()), resource_version: None };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        match cx.client.delete(LOAD_BALANCERS, &namespace, name_of(&record), options).await {
            Err(status) if status.reason != Reason::NotFound => return Err(status.into()),
            _ => {}
        }
    }
    cx.maker(&namespace).release(&Claim::LoadBalancerName(text(&record["spec"]["name"])), name_of(&record)).await?;
    Ok(json!({}))
}
