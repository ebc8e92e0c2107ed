//! DetachNetworkInterface.

use crate::describe::refuse_dry_run;
use crate::lookup;
use crate::records::{INSTANCE_LABEL, NETWORK_INTERFACES};
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

/// The request names only the attachment.
pub fn resources(request: &Request) -> Vec<String> {
    vec![lookup::arn(request, "network-interface", None)]
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let attachment = request.required("AttachmentId");
    let records = lookup::all(&cx, &request, NETWORK_INTERFACES).await?;
    let found = records.iter().find(|record| record["spec"]["attachment"]["attachmentId"] == attachment);
    let missing = || AwsError::new("InvalidAttachmentID.NotFound", format!("The attachment '{attachment}' does not exist"));
    let name = found.ok_or_else(missing)?["metadata"]["name"].as_str().unwrap_or_default();
    amend(&cx.client, NETWORK_INTERFACES, &request.namespace(), name, |record| {
        may_leave(record)?;
        Ok::<_, Failure>(Some(json!({
            "metadata": {"labels": {INSTANCE_LABEL: null}}, "spec": {"attachment": null, "host": ""},
        })))
    })
    .await?;
    Ok(json!({}))
}

fn may_leave(record: &Doc) -> Result<(), AwsError> {
    let attachment = &record["spec"]["attachment"];
    lookup::check_own(record)?;
    if attachment["deviceIndex"] == 0 {
        let message = "The network interface at device index 0 and networkCard index 0 cannot be detached.";
        return Err(AwsError::new("OperationNotPermitted", message));
    }
    Ok(())
}
