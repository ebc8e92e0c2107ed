//! DescribeRegions: the one region that is set up here.

use crate::describe::{refuse_dry_run, shape};
use crate::filter::{self, FilterRow};
use crate::service::Cx;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const FILTERS: &[FilterRow] = &[("endpoint", "endpoint"), ("opt-in-status", "optInStatus"), ("region-name", "regionName")];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    Ok(regions(&cx.region.name, &request.input)?)
}

fn regions(region: &str, input: &Doc) -> Result<Doc, AwsError> {
    let wanted: Vec<&str> = input["RegionNames"].as_array().into_iter().flatten().filter_map(Doc::as_str).collect();
    let missing: Vec<&str> = wanted.iter().filter(|name| **name != region).copied().collect();
    if !missing.is_empty() {
        return Err(AwsError::new("InvalidParameterValue", format!("Invalid region provided: [{}]", missing.join(", "))));
    }
    let here = json!({
        "regionName": region, "endpoint": format!("ec2.{region}.amazonaws.com"), "optInStatus": "opt-in-not-required",
    });
    let regions = filter::apply(vec![here], &input["Filters"], FILTERS)?;
    let without_tags = |region: &Doc| {
        let mut shown = shape(region);
        shown.as_object_mut().map(|members| members.remove("Tags"));
        shown
    };
    Ok(json!({"Regions": regions.iter().map(without_tags).collect::<Vec<_>>()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configured_region_exists() {
        let all = regions("us-east-1", &json!({})).expect("an answer");
        assert_eq!(all["Regions"][0]["Endpoint"], "ec2.us-east-1.amazonaws.com");
        let none = regions("us-east-1", &json!({"Filters": [{"Name": "region-name", "Values": ["eu-*"]}]}));
        assert_eq!(none, Ok(json!({"Regions": []})));
        let error = regions("us-east-1", &json!({"RegionNames": ["eu-west-1"]})).expect_err("a refusal");
        assert_eq!(error.to_string(), "InvalidParameterValue: Invalid region provided: [eu-west-1]");
    }
}
