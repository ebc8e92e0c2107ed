//! DeleteNetworkInterface: of one that is attached to nothing.

use crate::describe::refuse_dry_run;
use crate::lookup;
use crate::records::NETWORK_INTERFACES;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use client::{DeleteOptions, Preconditions};
use meta::Reason;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let id = request.required("NetworkInterfaceId");
    let record = lookup::interface(&cx, &request, id).await?;
    let in_use = || AwsError::new("InvalidParameterValue", format!("Network interface '{id}' is currently in use."));
    if record["status"]["phase"] == "InUse" || record["spec"]["attachment"].is_object() {
        return Err(in_use().into());
    }
    let text = |member: &str| record["metadata"][member].as_str().map(str::to_owned);
    let preconditions = Preconditions { uid: text("uid"), resource_version: text("resourceVersion") };
    let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
    match cx.client.delete(NETWORK_INTERFACES, &request.namespace(), id, options).await {
        // Someone has attached or changed it meanwhile.
        Err(status) if status.reason == Reason::Conflict => Err(in_use().into()),
        Err(status) if status.reason != Reason::NotFound => Err(status.into()),
        _ => Ok(json!({})),
    }
}
