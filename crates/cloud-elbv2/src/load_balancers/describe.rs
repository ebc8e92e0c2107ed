//! Load balancers as ELB describes them.

use super::State;
use aws_service::records::{region_of, seconds};
use meta::Doc;
use serde_json::json;

/// Route 53's zones of network load balancers, by region.
const HOSTED_ZONES: &[(&str, &str)] = &[
    ("ap-northeast-1", "Z31USIVHYNEOWT"),
    ("ap-south-1", "ZVDDRBQ08TROA"),
    ("ap-southeast-1", "ZKVM4W9LS7TM"),
    ("ap-southeast-2", "ZCT6FZBF4DROD"),
    ("ca-central-1", "Z2EPGBW3API2WT"),
    ("eu-central-1", "Z3F0SRJ5LGBH90"),
    ("eu-north-1", "Z1UDT6IFJ4EJM"),
    ("eu-west-1", "Z2IFOLAFXWLO4F"),
    ("eu-west-2", "ZD4D7Y8KGAS4G"),
    ("eu-west-3", "Z1CMS0P5QUZ6D5"),
    ("sa-east-1", "ZTK26PT1VY4CU"),
    ("us-east-1", "Z26RNL4JYFTOTI"),
    ("us-east-2", "ZLMOA37VPKANP"),
    ("us-west-1", "Z24FKFUX50B4VW"),
    ("us-west-2", "Z18D5FSROUN65G"),
];

pub fn load_balancer(record: &Doc) -> Doc {
    let spec = &record["spec"];
    let state = State::of(record);
    let mut shown = json!({
        "LoadBalancerArn": spec["arn"], "DNSName": spec["dnsName"], "LoadBalancerName": spec["name"],
        "Scheme": spec["scheme"], "VpcId": spec["vpcId"], "Type": spec["type"], "IpAddressType": spec["ipAddressType"],
        "CreatedTime": seconds(&spec["createdTime"]), "State": {"Code": state.as_str()}, "AvailabilityZones": zones(record),
        "SecurityGroups": spec["securityGroups"].as_array().cloned().unwrap_or_default(),
    });
    if state == State::Failed {
        shown["State"]["Reason"] = record["status"]["message"].clone();
    }
    let region = region_of(record["metadata"]["namespace"].as_str().unwrap_or_default());
    if let Some((_, zone)) = HOSTED_ZONES.iter().find(|(known, _)| *known == region) {
        shown["CanonicalHostedZoneId"] = json!(zone);
    }
    shown
}

/// Addresses are shown where they were asked for, as on ELB.
pub fn zones(record: &Doc) -> Vec<Doc> {
    let zones = record["spec"]["availabilityZones"].as_array().into_iter().flatten();
    let shown = zones.map(|zone| {
        let asked = [&zone["privateIpAddress"]].into_iter().filter(|address| address.is_string());
        let addresses: Vec<Doc> = asked.map(|address| json!({"PrivateIPv4Address": address})).collect();
        json!({"ZoneName": zone["zoneName"], "SubnetId": zone["subnetId"], "LoadBalancerAddresses": addresses})
    });
    shown.collect()
}
