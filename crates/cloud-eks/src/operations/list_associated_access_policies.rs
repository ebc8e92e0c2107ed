//! ListAssociatedAccessPolicies.

use super::paged;
use crate::cluster;
use crate::describe;
use crate::entries;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster = cluster::with_access_entries(&cx, &request).await?;
    let entry = entries::find(&cx, &request, &cluster).await?;
    let policies: Vec<Doc> = entry["spec"]["associatedPolicies"].as_array().cloned().unwrap_or_default();
    let name = entry["metadata"]["name"].as_str().unwrap_or_default();
    let listing = format!("ListAssociatedAccessPolicies/{name}");
    let key = |policy: &Doc| policy["policyArn"].as_str().unwrap_or_default().to_owned();
    let page = paged(&cx, &request, &listing, policies, key)?;
    Ok(json!({
        "clusterName": request.required("clusterName"), "principalArn": request.required("principalArn"),
        "associatedAccessPolicies": page.items.iter().map(describe::associated_policy).collect::<Vec<_>>(),
        "nextToken": page.next_token,
    }))
}
