//! The network interfaces by which a control plane is in its cluster's VPC.

use crate::records::CLUSTER_LABEL;
use aws_service::{Arn, Random, ids};
use meta::{Doc, Time};
use serde_json::json;

/// As on EKS: in two zones.
const INTERFACES: usize = 2;
/// Keeps an interface until its addresses are given back.
const ADDRESSES_FINALIZER: &str = "ec2.pilothouse.dev/addresses";

/// The interfaces of a new cluster: an id for each, and a subnet, no two of one zone. `subnets` are specifications.
pub fn choose(subnets: &[Doc], random: &dyn Random) -> Doc {
    let mut zones: Vec<&Doc> = Vec::new();
    let mut chosen = Vec::new();
    for subnet in subnets {
        if chosen.len() < INTERFACES && !zones.contains(&&subnet["availabilityZone"]) {
            zones.push(&subnet["availabilityZone"]);
            chosen.push(json!({"networkInterfaceId": ids::ec2_id(random, "eni"), "subnetId": subnet["subnetId"]}));
        }
    }
    Doc::Array(chosen)
}

/// The ids of a cluster's interfaces, in order.
pub fn interface_ids(cluster: &Doc) -> Vec<&Doc> {
    let wanted = cluster["spec"]["networkInterfaces"].as_array().into_iter().flatten();
    wanted.map(|one| &one["networkInterfaceId"]).collect()
}

/// The record of one of them.
pub fn interface(cluster: &Doc, at: usize, subnet: &Doc, host: &str, random: &dyn Random, now: Time) -> Doc {
    let (metadata, spec) = (&cluster["metadata"], &cluster["spec"]);
    let id = &spec["networkInterfaces"][at]["networkInterfaceId"];
    let account = spec["arn"].as_str().and_then(Arn::parse).map(|arn| arn.account).unwrap_or_default();
    let mut mac = [0; 5];
    random.fill(&mut mac);
    let config = &spec["resourcesVpcConfig"];
    let own = config["securityGroupIds"].as_array().into_iter().flatten();
    let groups: Vec<&Doc> = own.chain([&config["clusterSecurityGroupId"]]).collect();
    json!({
        "apiVersion": "ec2.pilothouse.dev/v1", "kind": "NetworkInterface",
        "metadata": {
            "name": id, "labels": {CLUSTER_LABEL: metadata["uid"]}, "finalizers": [ADDRESSES_FINALIZER],
        },
        "spec": {
            "networkInterfaceId": id, "subnetId": subnet["subnetId"], "vpcId": subnet["vpcId"],
            "availabilityZone": subnet["availabilityZone"],
            "description": format!("Amazon EKS {}", spec["name"].as_str().unwrap_or_default()), "interfaceType": "interface",
            "ownerId": account, "requesterId": "amazon-eks", "requesterManaged": true, "groups": groups,
            "macAddress": mac.iter().fold("02".to_owned(), |text, byte| format!("{text}:{byte:02x}")),
            "sourceDestCheck": true, "tags": {}, "addressCount": 1, "host": host,
            "attachment": {
                "attachmentId": ids::ec2_id(random, "ela-attach"), "controlPlane": metadata["name"], "deviceIndex": at,
                "networkCardIndex": 0, "deleteOnTermination": false, "attachTime": now.to_string(),
                "instanceOwnerId": "amazon-aws",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::SystemRandom;

    #[test]
    fn two_zones_at_most_one_interface_each() {
        let subnet = |id: &str, zone: &str| json!({"subnetId": id, "availabilityZone": zone});
        let subnets = [subnet("s1", "a"), subnet("s2", "a"), subnet("s3", "b"), subnet("s4", "c")];
        let chosen = choose(&subnets, &SystemRandom);
        let shown: Vec<&str> = chosen.as_array().into_iter().flatten().filter_map(|one| one["subnetId"].as_str()).collect();
        assert_eq!(shown, ["s1", "s3"]);
    }
}
