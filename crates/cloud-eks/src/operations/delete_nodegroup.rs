//! DeleteNodegroup: marks the record; the reconciler drains, terminates and lets it go.

use crate::nodegroups::{describe, find};
use crate::records::NODEGROUPS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use client::{DeleteOptions, Preconditions};
use meta::Reason;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let mut record = find::find(&cx, &request).await?;
    let text = |member: &str| record["metadata"][member].as_str().unwrap_or_default();
    let preconditions = Preconditions { uid: Some(text("uid").to_owned()), resource_version: None };
    let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
    match cx.client.delete(NODEGROUPS, &request.namespace(), text("name"), options).await {
        Ok(_) => {}
        Err(status) if status.reason == Reason::NotFound => return Err(find::missing(&cx, &request)),
        Err(status) => return Err(status.into()),
    }
    if record["metadata"]["deletionTimestamp"].is_null() {
        record["metadata"]["deletionTimestamp"] = json!(request.now.to_string());
    }
    Ok(json!({"nodegroup": describe::nodegroup(&record)}))
}
