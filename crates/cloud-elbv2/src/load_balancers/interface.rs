//! The network interface by which a load balancer is in a zone.

use crate::records::LOAD_BALANCER_LABEL;
use aws_service::{Arn, Random, ids};
use meta::{Doc, Time};
use serde_json::json;

/// Keeps an interface until its addresses are given back.
const ADDRESSES_FINALIZER: &str = "ec2.pilothouse.dev/addresses";

/// The record for one of the load balancer's zones.
pub fn interface(balancer: &Doc, zone: &Doc, host: &str, random: &dyn Random, now: Time) -> Doc {
    let (name, spec) = (&balancer["metadata"]["name"], &balancer["spec"]);
    let text = |value: &Doc| value.as_str().unwrap_or_default().to_owned();
    let account = Arn::parse(&text(&spec["arn"])).map(|arn| arn.account).unwrap_or_default();
    let mut mac = [0; 5];
    random.fill(&mut mac);
    let requested: Vec<&Doc> = [&zone["privateIpAddress"]].into_iter().filter(|address| address.is_string()).collect();
    json!({
        "apiVersion": "ec2.pilothouse.dev/v1", "kind": "NetworkInterface",
        "metadata": {
            "name": zone["networkInterfaceId"], "labels": {LOAD_BALANCER_LABEL: name}, "finalizers": [ADDRESSES_FINALIZER],
        },
        "spec": {
            "networkInterfaceId": zone["networkInterfaceId"], "subnetId": zone["subnetId"], "vpcId": spec["vpcId"],
            "availabilityZone": zone["zoneName"], "description": format!("ELB net/{}/{}", text(&spec["name"]), text(name)),
            "interfaceType": "network_load_balancer", "ownerId": account, "requesterId": "amazon-elb", "requesterManaged": true,
            "groups": spec["securityGroups"], "sourceDestCheck": false, "tags": {}, "addressCount": 1,
            "macAddress": mac.iter().fold("02".to_owned(), |text, byte| format!("{text}:{byte:02x}")),
            "requestedAddresses": requested, "host": host,
            "attachment": {
                "attachmentId": ids::ec2_id(random, "ela-attach"), "loadBalancer": name, "deviceIndex": 1,
                "networkCardIndex": 0, "deleteOnTermination": false, "attachTime": now.to_string(),
                "instanceOwnerId": "amazon-aws",
            },
        },
    })
}
