//! Which record an ARN of the tags API means.

use crate::entries;
use crate::records::{ACCESS_ENTRIES, CLUSTERS};
use crate::service::Cx;
use aws_service::{Arn, Failure, Request, names};
use aws_wire::AwsError;
use client::Resource;
use meta::Doc;

/// A tagged record.
pub struct Tagged {
    pub resource: Resource,
    pub record: Doc,
}

impl Tagged {
    pub fn name(&self) -> &str {
        self.record["metadata"]["name"].as_str().unwrap_or_default()
    }
}

pub async fn find(cx: &Cx, request: &Request) -> Result<Tagged, Failure> {
    let text = request.required("resourceArn");
    let not_found =
        || Failure::from(AwsError::modelled(cx.model, "NotFoundException", format!("Resource {text} could not be found.")));
    let ours = |arn: &Arn| arn.service == "eks" && arn.account == request.account() && arn.region == request.region;
    let Some(arn) = Arn::parse(text).filter(|arn| arn.service == "eks") else {
        return Err(AwsError::modelled(cx.model, "BadRequestException", format!("Invalid resource ARN: {text}")).into());
    };
    if !ours(&arn) {
        return Err(not_found());
    }
    let (kind, rest) = arn.resource.split_once('/').unwrap_or_default();
    let cluster_name = rest.split('/').next().unwrap_or_default();
    if cluster_name.is_empty() {
        return Err(not_found());
    }
    let cluster =
        cx.client.find(CLUSTERS, &request.namespace(), &names::escape(cluster_name)).await?.ok_or_else(not_found)?.to_doc();
    match kind {
        "cluster" if rest == cluster_name => Ok(Tagged { resource: CLUSTERS, record: cluster }),
        "access-entry" => {
            let entries = entries::all(&cx.client, &cluster).await?;
            let entry = entries.into_iter().find(|entry| entry["spec"]["accessEntryArn"] == text);
            Ok(Tagged { resource: ACCESS_ENTRIES, record: entry.ok_or_else(not_found)? })
        }
        _ => Err(not_found()),
    }
}
