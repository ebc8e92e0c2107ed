//! DeleteCluster: marks the record; the reconciler takes everything down and lets it go.

use crate::cluster;
use crate::describe;
use crate::failures;
use crate::nodegroups::find;
use crate::records::CLUSTERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use client::{DeleteOptions, Preconditions};
use meta::{Doc, Reason};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let name = request.required("name");
    let record = cluster::find(&cx, &request, name).await?;
    if record["spec"]["deletionProtection"] == true {
        let message = format!("The cluster {name} can't be deleted because deletion protection is enabled.");
        return Err(failures::invalid_request(cx.model, name, message).into());
    }
    if !find::of_cluster(&cx.client, &record).await?.is_empty() {
        return Err(failures::in_use(cx.model, name, "Cluster has nodegroups attached").into());
    }
    let text = |member: &str| record["metadata"][member].as_str().unwrap_or_default();
    let preconditions = Preconditions { uid: Some(text("uid").to_owned()), resource_version: None };
    let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
    match cx.client.delete(CLUSTERS, &request.namespace(), text("name"), options).await {
        Ok(_) => Ok(json!({"cluster": deleting(&record, &request)})),
        Err(status) if status.reason == Reason::NotFound => Err(failures::no_cluster(cx.model, name).into()),
        Err(status) => Err(status.into()),
    }
}

/// The cluster as it was, now DELETING.
fn deleting(record: &Doc, request: &Request) -> Doc {
    let mut record = record.clone();
    if record["metadata"]["deletionTimestamp"].is_null() {
        record["metadata"]["deletionTimestamp"] = json!(request.now.to_string());
    }
    describe::cluster(&record)
}
