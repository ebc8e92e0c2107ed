//! ListAccessEntries, all or those with a policy.

use super::{listed, paged};
use crate::cluster;
use crate::entries;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use meta::Doc;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster = cluster::with_access_entries(&cx, &request).await?;
    let entries = entries::all(&cx.client, &cluster).await?;
    let asked = entries.iter().filter(|entry| request.text("associatedPolicyArn").is_none_or(|arn| has_policy(entry, arn)));
    let principals = asked.filter_map(|entry| entry["spec"]["principalArn"].as_str().map(str::to_owned)).collect();
    let listing = format!("ListAccessEntries/{}", request.required("clusterName"));
    let page = paged(&cx, &request, &listing, principals, Clone::clone)?;
    Ok(listed("accessEntries", page.items, page.next_token))
}

fn has_policy(entry: &Doc, arn: &str) -> bool {
    entry["spec"]["associatedPolicies"].as_array().into_iter().flatten().any(|policy| policy["policyArn"] == arn)
}
