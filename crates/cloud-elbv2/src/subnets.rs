//! The subnets that a load balancer is to be in: one a zone, all of one VPC.

use crate::failures::{configuration, invalid, unsupported};
use crate::lookup::text;
use crate::records::SUBNETS;
use aws_service::{Failure, Request};
use aws_wire::AwsError;
use client::Client;
use meta::Doc;
use std::net::Ipv4Addr;

/// Subnets by id, each with the address that is asked for there.
pub type Asked<'a> = Vec<(&'a str, Option<String>)>;

/// From `Subnets` or `SubnetMappings`.
pub fn asked(request: &Request) -> Result<Asked<'_>, AwsError> {
    let plain = request.texts("Subnets");
    let mapped: Vec<&Doc> = request.input["SubnetMappings"].as_array().into_iter().flatten().collect();
    match (plain.is_empty(), mapped.is_empty()) {
        (false, true) => Ok(plain.into_iter().map(|id| (id, None)).collect()),
        (true, false) => mapped.into_iter().map(mapping).collect(),
        (true, true) => Err(invalid("At least one subnet must be specified")),
        (false, false) => Err(invalid("You must specify either subnets or subnet mappings, not both")),
    }
}

fn mapping(mapping: &Doc) -> Result<(&str, Option<String>), AwsError> {
    let member = ["AllocationId", "IPv6Address", "SourceNatIpv6Prefix"].into_iter().find(|member| mapping[*member].is_string());
    if let Some(member) = member {
        return Err(unsupported(&format!("{member} in a subnet mapping")));
    }
    let address = mapping["PrivateIPv4Address"].as_str().map(|address| match address.parse::<Ipv4Addr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(invalid(format!("'{address}' is not a valid IPv4 address"))),
    });
    Ok((text(&mapping["SubnetId"]), address.transpose()?))
}

/// Their specifications.
pub async fn find(client: &Client, namespace: &str, asked: Asked<'_>) -> Result<Vec<(Doc, Option<String>)>, Failure> {
    let mut found = Vec::new();
    for (id, address) in asked {
        let missing = || AwsError::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
        if !meta::names::dns_subdomain(id).is_empty() {
            return Err(missing().into());
        }
        let record = client.find(SUBNETS, namespace, id).await?.ok_or_else(missing)?;
        found.push((record.get("/spec"), address));
    }
    check(&found)?;
    Ok(found)
}

fn check(found: &[(Doc, Option<String>)]) -> Result<(), AwsError> {
    for (at, (subnet, _)) in found.iter().enumerate() {
        let before = &found[..at];
        if before.iter().any(|(other, _)| other["vpcId"] != subnet["vpcId"]) {
            return Err(configuration("All subnets must belong to the same VPC"));
        }
        if before.iter().any(|(other, _)| other["availabilityZone"] == subnet["availabilityZone"]) {
            return Err(configuration("A load balancer cannot be attached to multiple subnets in the same Availability Zone"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_subnet_a_zone_and_one_vpc() {
        let subnet = |vpc: &str, zone: &str| (json!({"vpcId": vpc, "availabilityZone": zone}), None);
        for (found, ok) in [
            (vec![subnet("v", "a")], true),
            (vec![subnet("v", "a"), subnet("v", "b")], true),
            (vec![subnet("v", "a"), subnet("v", "a")], false),
            (vec![subnet("v", "a"), subnet("w", "b")], false),
        ] {
            assert_eq!(check(&found).is_ok(), ok, "{found:?}");
        }
    }

    #[test]
    fn mappings() {
        for (doc, expected) in [
            (json!({"SubnetId": "s"}), Ok(("s", None))),
            (json!({"SubnetId": "s", "PrivateIPv4Address": "10.0.0.9"}), Ok(("s", Some("10.0.0.9".to_owned())))),
            (json!({"SubnetId": "s", "PrivateIPv4Address": "x"}), Err("ValidationError")),
            (json!({"SubnetId": "s", "AllocationId": "eipalloc-1"}), Err("OperationNotPermitted")),
        ] {
            let outcome = mapping(&doc).map_err(|error| error.code);
            assert_eq!(outcome, expected.map_err(str::to_owned), "{doc}");
        }
    }
}
