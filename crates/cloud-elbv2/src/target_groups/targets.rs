//! The targets of a group: as records hold them, added and taken away.

use crate::failures::invalid_target;
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::net::Ipv4Addr;

/// ELB's lists are this long at most; a network load balancer takes no more than 3,000 instances or addresses.
const MAX_TARGETS: usize = 3000;

/// A request's targets as a record holds them, each with its port.
pub fn asked(list: &Doc, default_port: &Doc) -> Vec<Doc> {
    let target = |target: &Doc| {
        let port = if target["Port"].is_null() { default_port } else { &target["Port"] };
        let mut out = json!({"id": target["Id"], "port": port});
        if !target["AvailabilityZone"].is_null() {
            out["availabilityZone"] = target["AvailabilityZone"].clone();
        }
        out
    };
    list.as_array().into_iter().flatten().map(target).collect()
}

fn same(one: &Doc, other: &Doc) -> bool {
    one["id"] == other["id"] && one["port"] == other["port"]
}

pub fn with(present: &Doc, more: &[Doc]) -> Result<Doc, AwsError> {
    let mut targets = present.as_array().cloned().unwrap_or_default();
    for target in more {
        if !targets.iter().any(|known| same(known, target)) {
            targets.push(target.clone());
        }
    }
    match targets.len() <= MAX_TARGETS {
        true => Ok(Doc::Array(targets)),
        false => {
            Err(AwsError::new("TooManyTargets", format!("You can register up to {MAX_TARGETS} targets with a target group")))
        }
    }
}

pub fn without(present: &Doc, gone: &[Doc]) -> Doc {
    let kept = present.as_array().into_iter().flatten().filter(|known| !gone.iter().any(|target| same(known, target)));
    Doc::Array(kept.cloned().collect())
}

/// An address that a group of a VPC may have: one of the VPC's own, or a private one of another network behind it.
pub fn check_address(id: &str, vpc: ipnet::Ipv4Net, zone: Option<&str>) -> Result<(), AwsError> {
    let address: Ipv4Addr =
        id.parse().map_err(|_| invalid_target(format!("The provided IP address '{id}' is not a valid IPv4 address")))?;
    match (vpc.contains(&address), zone) {
        (true, Some("all")) => Err(invalid_target(format!(
            "You cannot specify the Availability Zone 'all' for the IP address '{id}', which is in the VPC"
        ))),
        (true, _) => Ok(()),
        (false, Some("all")) if address.is_private() => Ok(()),
        (false, _) => Err(invalid_target(format!(
            "The provided IP address '{id}' is not in the VPC; specify the Availability Zone 'all' for private addresses of other networks"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_and_go_by_id_and_port() {
        let default = json!(80);
        let first = asked(&json!([{"Id": "i-1"}, {"Id": "i-1", "Port": 81}, {"Id": "i-1", "Port": 80}]), &default);
        let all = with(&Doc::Null, &first).expect("few");
        assert_eq!(all, json!([{"id": "i-1", "port": 80}, {"id": "i-1", "port": 81}]));
        assert_eq!(without(&all, &asked(&json!([{"Id": "i-1"}, {"Id": "i-9"}]), &default)), json!([{"id": "i-1", "port": 81}]));
        let many: Vec<Doc> = (0..3001).map(|n| json!({"id": format!("i-{n}"), "port": 1})).collect();
        assert!(with(&Doc::Null, &many).is_err());
    }

    #[test]
    fn addresses_are_of_the_vpc_or_behind_it() {
        let vpc = "172.31.0.0/16".parse().expect("a range");
        for (id, zone, ok) in [
            ("172.31.9.9", None, true),
            ("172.31.9.9", Some("us-east-1a"), true),
            ("172.31.9.9", Some("all"), false),
            ("10.0.0.1", Some("all"), true),
            ("10.0.0.1", None, false),
            ("8.8.8.8", Some("all"), false),
            ("i-1", None, false),
        ] {
            assert_eq!(check_address(id, vpc, zone).is_ok(), ok, "{id} {zone:?}");
        }
    }
}
