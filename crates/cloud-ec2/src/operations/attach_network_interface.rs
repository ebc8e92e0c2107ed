//! AttachNetworkInterface.

use crate::describe::refuse_dry_run;
use crate::instances::State;
use crate::interfaces::Attachment;
use crate::lookup;
use crate::records::{INSTANCE_LABEL, NETWORK_INTERFACES};
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request, ids};
use aws_wire::{AwsError, InstanceType};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub fn resources(request: &Request) -> Vec<String> {
    let instance = lookup::arn(request, "instance", request.text("InstanceId"));
    lookup::interface_arn(request).into_iter().chain([instance]).collect()
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let (id, instance_id) = (request.required("NetworkInterfaceId"), request.required("InstanceId"));
    lookup::interface(&cx, &request, id).await?;
    let instance = lookup::instance(&cx, &request, instance_id).await?;
    let present = lookup::interfaces_of(&cx, &request, instance_id).await?;
    check(&request, &instance, &present)?;
    let attachment = Attachment {
        attachment_id: ids::ec2_id(&*cx.random, "eni-attach"),
        instance_id,
        owner_id: request.account(),
        device_index: request.input["DeviceIndex"].as_u64().unwrap_or(0),
        network_card_index: request.input["NetworkCardIndex"].as_u64().unwrap_or(0),
        delete_on_termination: false,
        at: request.now,
    };
    amend(&cx.client, NETWORK_INTERFACES, &request.namespace(), id, |record| {
        free(record, &instance, id)?;
        Ok::<_, Failure>(Some(json!({
            "metadata": {"labels": {INSTANCE_LABEL: instance_id}},
            "spec": {"attachment": attachment.to_doc(), "host": instance["spec"]["host"]},
        })))
    })
    .await?;
    Ok(json!({"AttachmentId": attachment.attachment_id, "NetworkCardIndex": attachment.network_card_index}))
}

fn check(request: &Request, instance: &Doc, present: &[Doc]) -> Result<(), AwsError> {
    let id = request.required("InstanceId");
    if !matches!(State::of(instance), State::Pending | State::Running) {
        let message = format!("Instance '{id}' is not 'running' or 'stopped'.");
        return Err(AwsError::new("IncorrectState", message));
    }
    let index = &request.input["DeviceIndex"];
    if present.iter().any(|interface| interface["spec"]["attachment"]["deviceIndex"] == *index) {
        let message = format!("Instance '{id}' already has an interface attached at device index '{index}'.");
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    let kind = instance["spec"]["instanceType"].as_str().unwrap_or_default();
    let limit = InstanceType::find(kind).map_or(u64::MAX, |kind| kind.max_network_interfaces());
    if present.len() as u64 >= limit {
        let message = format!("Interface count {} exceeds the limit for {kind}", present.len() + 1);
        return Err(AwsError::new("AttachmentLimitExceeded", message));
    }
    Ok(())
}

/// An interface is free once its last host has let go of it.
fn free(record: &Doc, instance: &Doc, id: &str) -> Result<(), AwsError> {
    if record["status"]["phase"] != "Available" || record["spec"]["attachment"].is_object() {
        let message = format!("Interface: [{id}] in use.");
        return Err(AwsError::new("InvalidNetworkInterface.InUse", message));
    }
    if record["spec"]["availabilityZone"] != instance["spec"]["availabilityZone"] {
        let message = "You may not attach a network interface to an instance if they are not in the same availability zone";
        return Err(AwsError::new("InvalidParameterCombination", message));
    }
    Ok(())
}
