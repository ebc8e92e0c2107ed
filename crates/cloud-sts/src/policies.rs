//! The policies of users and roles, read from IAM's records.

use crate::records::POLICIES;
use aws_service::policy::PolicyDocument;
use aws_service::{Arn, names};
use client::Client;
use meta::{Doc, Status};

/// Inline and attached policies of a User or Role record. A policy that cannot be read fails the request rather than
/// being left out: it may hold a deny.
pub async fn of_identity(client: &Client, record: &Doc) -> Result<Vec<PolicyDocument>, Status> {
    let spec = &record["spec"];
    let mut out = Vec::new();
    for inline in spec["inlinePolicies"].as_array().into_iter().flatten() {
        out.push(parse(inline["policyDocument"].as_str().unwrap_or_default())?);
    }
    for arn in spec["attachedPolicies"].as_array().into_iter().flatten().filter_map(Doc::as_str) {
        out.extend(managed(client, arn).await?);
    }
    Ok(out)
}

/// The document behind a policy's ARN; `None` when there is no such policy.
pub async fn managed(client: &Client, arn: &str) -> Result<Option<PolicyDocument>, Status> {
    let Some(arn) = Arn::parse(arn) else { return Ok(None) };
    match client.find(POLICIES, &arn.account, &names::escape(arn.name())).await? {
        Some(record) => parse(record.get("/spec/document").as_str().unwrap_or_default()).map(Some),
        None => Ok(None),
    }
}

fn parse(text: &str) -> Result<PolicyDocument, Status> {
    PolicyDocument::parse_identity(text).map_err(|why| Status::internal(format!("a stored policy does not parse: {why}")))
}
