//! DeleteAccessEntry.

use crate::cluster;
use crate::entries;
use crate::failures;
use crate::records::ACCESS_ENTRIES;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use client::DeleteOptions;
use meta::Reason;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster = cluster::with_access_entries(&cx, &request).await?;
    let entry = entries::find(&cx, &request, &cluster).await?;
    let name = entry["metadata"]["name"].as_str().unwrap_or_default();
    match cx.client.delete(ACCESS_ENTRIES, &request.namespace(), name, DeleteOptions::default()).await {
        Ok(_) => Ok(json!({})),
        Err(status) if status.reason == Reason::NotFound => {
            Err(failures::no_entry(cx.model, request.required("clusterName")).into())
        }
        Err(status) => Err(status.into()),
    }
}
