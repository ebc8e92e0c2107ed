//! ModifyTargetGroupAttributes: those named; the others stay.

use crate::attributes::{self, checked, fits_protocol, listed};
use crate::lookup::{name_of, target_group, text};
use crate::records::TARGET_GROUPS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = target_group(&cx, &request, request.required("TargetGroupArn")).await?;
    let given = checked(attributes::TARGET_GROUP, "Target group", &request.input["Attributes"])?;
    fits_protocol(text(&record["spec"]["protocol"]), &given)?;
    let patch = json!({"spec": {"attributes": given}});
    let changed = cx.client.patch(TARGET_GROUPS, &request.namespace(), name_of(&record), "", patch).await?;
    Ok(json!({"Attributes": listed(&changed.get("/spec/attributes"))}))
}
