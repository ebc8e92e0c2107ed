//! DescribeTags.

use crate::describe::refuse_dry_run;
use crate::filter::{self, FilterRow};
use crate::lookup::{TAGGED, all};
use crate::service::Cx;
use aws_service::paging::{PageRequest, page};
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const MAX_RESULTS: u64 = 1000;
const FILTERS: &[FilterRow] =
    &[("key", "Key"), ("resource-id", "ResourceId"), ("resource-type", "ResourceType"), ("value", "Value")];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let mut rows = Vec::new();
    for (_, kind, resource) in TAGGED {
        for record in all(&cx, &request, resource).await? {
            let tags = record["spec"]["tags"].as_object().into_iter().flatten();
            let name = &record["metadata"]["name"];
            rows.extend(tags.map(|(key, value)| json!({"Key": key, "Value": value, "ResourceId": name, "ResourceType": kind})));
        }
    }
    let rows = filter::apply(rows, &request.input["Filters"], FILTERS)?;
    let limit = request.input["MaxResults"].as_u64().unwrap_or(MAX_RESULTS).min(MAX_RESULTS) as usize;
    let asked = PageRequest { listing: request.operation, token: request.text("NextToken"), limit };
    let text = |row: &Doc, member: &str| row[member].as_str().unwrap_or_default().to_owned();
    let page = page(rows, &asked, |row| format!("{} {}", text(row, "ResourceId"), text(row, "Key")))
        .map_err(|_| AwsError::new("InvalidParameterValue", "Invalid value for parameter NextToken"))?;
    let mut output = json!({"Tags": page.items});
    if let Some(token) = page.next_token {
        output["NextToken"] = token.into();
    }
    Ok(output)
}
