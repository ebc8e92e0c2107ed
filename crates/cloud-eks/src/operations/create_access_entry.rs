//! CreateAccessEntry.

use crate::cluster;
use crate::describe;
use crate::entries;
use crate::failures;
use crate::records::{ACCESS_ENTRIES, ROLES, USERS};
use crate::service::Cx;
use crate::validate::access::{EntryType, PrincipalArn, identity};
use crate::validate::tags;
use aws_service::idempotency::Token;
use aws_service::{Failure, Outcome, Request, ids, names};
use client::DeleteOptions;
use meta::{Doc, Reason};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let name = request.required("clusterName");
    let cluster = cluster::not_deleting(&cx, &request).await?;
    let token = Token::of(&request.input, "clientRequestToken");
    let entry = record(&cx, &request, &cluster, token.as_ref()).await?;
    match cx.client.create(ACCESS_ENTRIES, &request.namespace(), entry).await {
        Ok(created) => kept(&cx, &request, &cluster, &created.to_doc()).await,
        Err(status) if status.reason == Reason::AlreadyExists => {
            let existing = entries::find(&cx, &request, &cluster).await?;
            if token.is_some_and(|token| token.repeats(&existing["spec"]["clientRequest"])) {
                return Ok(json!({"accessEntry": describe::access_entry(&existing)}));
            }
            let message = "The specified access entry resource is already in use on this cluster.";
            Err(failures::in_use(cx.model, name, message).into())
        }
        Err(status) => Err(status.into()),
    }
}

/// The cluster may have gone while its entry was made, which then nobody would take away.
async fn kept(cx: &Cx, request: &Request, cluster: &Doc, entry: &Doc) -> Outcome {
    let now = cluster::not_deleting(cx, request).await;
    if now.as_ref().is_ok_and(|now| now["metadata"]["uid"] == cluster["metadata"]["uid"]) {
        return Ok(json!({"accessEntry": describe::access_entry(entry)}));
    }
    let name = entry["metadata"]["name"].as_str().unwrap_or_default();
    match cx.client.delete(ACCESS_ENTRIES, &request.namespace(), name, DeleteOptions::default()).await {
        Err(status) if status.reason != Reason::NotFound => Err(status.into()),
        _ => Err(now.err().unwrap_or_else(|| failures::no_cluster(cx.model, request.required("clusterName")).into())),
    }
}

async fn record(cx: &Cx, request: &Request, cluster: &Doc, token: Option<&Token>) -> Result<Doc, Failure> {
    let refuse = |why: String| failures::invalid_parameter(cx.model, request.required("clusterName"), why);
    let principal = PrincipalArn::parse(request.required("principalArn")).map_err(refuse)?;
    let entry_type = request.text("type").map_or(Some(EntryType::Standard), EntryType::parse);
    let entry_type = entry_type.ok_or_else(|| refuse("The specified type is not a type of access entries.".into()))?;
    let identity = identity(&principal, entry_type, &request.input).map_err(refuse)?;
    tags::check(&request.input["tags"]).map_err(refuse)?;
    if !exists(cx, request, &principal).await? {
        return Err(refuse("The specified principalArn is invalid: invalid principal.".into()).into());
    }
    let mut record = entries::record(cluster, &principal, entry_type, identity, &ids::uuid(&*cx.random), request.now);
    if request.input["tags"].is_object() {
        record["spec"]["tags"] = request.input["tags"].clone();
    }
    if let Some(token) = token {
        record["spec"]["clientRequest"] = token.to_doc();
    }
    Ok(record)
}

/// Principals are looked up in the caller's account; there is no other here.
async fn exists(cx: &Cx, request: &Request, principal: &PrincipalArn) -> Result<bool, Failure> {
    if principal.arn.account != request.account() {
        return Ok(false);
    }
    let resource = if principal.is_role { ROLES } else { USERS };
    let found = cx.client.find(resource, request.account(), &names::escape(principal.arn.name())).await?;
    Ok(found.is_some_and(|record| record.get("/spec/arn") == principal.arn.to_string()))
}
