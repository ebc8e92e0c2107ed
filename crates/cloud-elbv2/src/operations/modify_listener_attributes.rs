//! ModifyListenerAttributes: those named; the others stay.

use crate::attributes::{self, checked, listed};
use crate::lookup::{listener, name_of};
use crate::records::LISTENERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = listener(&cx, &request, request.required("ListenerArn")).await?;
    let given = checked(attributes::LISTENER, "Listener", &request.input["Attributes"])?;
    let patch = json!({"spec": {"attributes": given}});
    let changed = cx.client.patch(LISTENERS, &request.namespace(), name_of(&record), "", patch).await?;
    Ok(json!({"Attributes": listed(&changed.get("/spec/attributes"))}))
}
