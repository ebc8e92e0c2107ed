//! DescribeInstanceTypeOfferings: what can be launched here, which is the same in every zone.

use crate::describe::refuse_dry_run;
use crate::filter::{self, FilterRow};
use crate::service::Cx;
use aws_service::paging::{PageRequest, page};
use aws_service::{Outcome, Request};
use aws_wire::{AwsError, InstanceType};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const MAX_RESULTS: u64 = 1000;
const FILTERS: &[FilterRow] = &[("instance-type", "InstanceType"), ("location", "Location")];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let kind = request.text("LocationType").unwrap_or("region");
    let region = cx.region(&request.region);
    let locations: Vec<String> = match kind {
        "region" => vec![region.name.clone()],
        "availability-zone" => region.zones.clone(),
        "availability-zone-id" => region.zones().map(|(_, id)| id).collect(),
        other => {
            return Err(AwsError::new("InvalidParameterValue", format!("The location type '{other}' is not supported")).into());
        }
    };
    let offered = InstanceType::all().filter(|known| known.architecture() == "x86_64" && !known.has_accelerator());
    let offerings = offered.flat_map(|known| {
        let offer = |location: &String| json!({"InstanceType": known.name(), "LocationType": kind, "Location": location});
        locations.iter().map(offer).collect::<Vec<_>>()
    });
    let offerings = filter::apply(offerings.collect(), &request.input["Filters"], FILTERS)?;
    let limit = request.input["MaxResults"].as_u64().unwrap_or(MAX_RESULTS).min(MAX_RESULTS) as usize;
    let asked = PageRequest { listing: request.operation, token: request.text("NextToken"), limit };
    let text = |offer: &Doc, member: &str| offer[member].as_str().unwrap_or_default().to_owned();
    let page = page(offerings, &asked, |offer| format!("{} {}", text(offer, "InstanceType"), text(offer, "Location")))
        .map_err(|_| AwsError::new("InvalidParameterValue", "Invalid value for parameter NextToken"))?;
    let mut output = json!({"InstanceTypeOfferings": page.items});
    if let Some(token) = page.next_token {
        output["NextToken"] = token.into();
    }
    Ok(output)
}
