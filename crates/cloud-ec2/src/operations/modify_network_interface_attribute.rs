//! ModifyNetworkInterfaceAttribute: the description, and whether an interface goes with its instance.

use crate::describe::refuse_dry_run;
use crate::lookup;
use crate::records::NETWORK_INTERFACES;
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const UNSUPPORTED: [&str; 6] = [
    "SourceDestCheck",
    "Groups",
    "EnaSrdSpecification",
    "EnablePrimaryIpv6",
    "ConnectionTrackingSpecification",
    "AssociatePublicIpAddress",
];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let given = |member: &&&str| {
        !request.input[**member].is_null() && request.input[**member].as_array().is_none_or(|all| !all.is_empty())
    };
    if let Some(member) = UNSUPPORTED.iter().find(given) {
        let message = format!("Changing {member} is not supported by this installation of EC2.");
        return Err(AwsError::new("UnsupportedOperation", message).into());
    }
    let id = request.required("NetworkInterfaceId");
    lookup::check_own(&lookup::interface(&cx, &request, id).await?)?;
    amend(&cx.client, NETWORK_INTERFACES, &request.namespace(), id, |record| {
        change(record, &request.input).map_err(Failure::from)
    })
    .await?;
    Ok(json!({}))
}

fn change(record: &Doc, input: &Doc) -> Result<Option<Doc>, AwsError> {
    let mut spec = json!({});
    if let Some(description) = input["Description"]["Value"].as_str() {
        spec["description"] = json!(description);
    }
    let asked = &input["Attachment"];
    if asked.is_object() {
        let attachment = asked["AttachmentId"].as_str().unwrap_or_default();
        if record["spec"]["attachment"]["attachmentId"] != attachment {
            let message = format!("The attachment '{attachment}' does not exist");
            return Err(AwsError::new("InvalidAttachmentID.NotFound", message));
        }
        if let Some(delete) = asked["DeleteOnTermination"].as_bool() {
            spec["attachment"] = json!({"deleteOnTermination": delete});
        }
    }
    Ok(Some(json!({"spec": spec})))
}
