//! DescribeAvailabilityZones.

use crate::describe::refuse_dry_run;
use crate::filter::{self, FilterRow};
use crate::service::Cx;
use crate::zones::Region;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const FILTERS: &[FilterRow] = &[
    ("group-long-name", "groupLongName"),
    ("group-name", "groupName"),
    ("message", "message"),
    ("opt-in-status", "optInStatus"),
    ("parent-zone-id", "parentZoneId"),
    ("parent-zone-name", "parentZoneName"),
    ("region-name", "regionName"),
    ("state", "state"),
    ("zone-id", "zoneId"),
    ("zone-name", "zoneName"),
    ("zone-type", "zoneType"),
];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    Ok(zones(&cx.region(&request.region), &request.input)?)
}

fn zones(region: &Region, input: &Doc) -> Result<Doc, AwsError> {
    let zones: Vec<Doc> = region.zones().map(|(name, id)| zone(&region.name, name, &id)).collect();
    let names = named(&zones, input, "ZoneNames", "zoneName", "availability zones")?;
    let ids = named(&names, input, "ZoneIds", "zoneId", "availability zone IDs")?;
    let zones = filter::apply(ids, &input["Filters"], FILTERS)?;
    Ok(json!({"AvailabilityZones": zones.iter().map(shape).collect::<Vec<_>>()}))
}

fn zone(region: &str, name: &str, id: &str) -> Doc {
    json!({
        "zoneName": name, "zoneId": id, "regionName": region, "state": "available", "optInStatus": "opt-in-not-required",
        "groupName": format!("{region}-zg-1"), "networkBorderGroup": region, "zoneType": "availability-zone",
    })
}

/// Only the zones a client names, each of which must exist.
fn named(zones: &[Doc], input: &Doc, member: &str, field: &str, called: &str) -> Result<Vec<Doc>, AwsError> {
    let wanted: Vec<&str> = input[member].as_array().into_iter().flatten().filter_map(Doc::as_str).collect();
    if wanted.is_empty() {
        return Ok(zones.to_vec());
    }
    let missing: Vec<&str> = wanted.iter().filter(|name| !zones.iter().any(|zone| zone[field] == **name)).copied().collect();
    if !missing.is_empty() {
        return Err(AwsError::new("InvalidParameterValue", format!("Invalid {called}: [{}]", missing.join(", "))));
    }
    Ok(zones.iter().filter(|zone| wanted.iter().any(|name| zone[field] == *name)).cloned().collect())
}

fn shape(zone: &Doc) -> Doc {
    let mut shown = crate::describe::shape(zone);
    if let Doc::Object(members) = &mut shown {
        members.remove("Tags");
        members.insert("Messages".into(), json!([]));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_wire::{Model, check_output};

    #[test]
    fn zones_by_name_id_and_filter() {
        let region = Region::unconfigured("us-east-1");
        for (input, expected) in [
            (json!({}), "us-east-1a us-east-1b us-east-1c"),
            (json!({"ZoneNames": ["us-east-1b"]}), "us-east-1b"),
            (json!({"ZoneIds": ["use1-az3"]}), "us-east-1c"),
            (json!({"Filters": [{"Name": "zone-name", "Values": ["*a"]}]}), "us-east-1a"),
            (json!({"ZoneNames": ["us-east-1z"]}), "InvalidParameterValue: Invalid availability zones: [us-east-1z]"),
        ] {
            let shown = match zones(&region, &input) {
                Ok(output) => {
                    let model = Model::load("ec2").expect("a built-in model");
                    let operation = model.operation("DescribeAvailabilityZones").expect("modelled");
                    assert_eq!(check_output(model, operation, &output), Ok(()));
                    let zones = output["AvailabilityZones"].as_array().cloned().unwrap_or_default();
                    zones.iter().filter_map(|zone| zone["ZoneName"].as_str()).collect::<Vec<_>>().join(" ")
                }
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected, "{input}");
        }
    }
}
