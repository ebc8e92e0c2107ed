//! The record of a new load balancer.

use crate::arns::Place;
use crate::attributes::{LOAD_BALANCER, beginning};
use crate::records::{API_VERSION, LOAD_BALANCER_FINALIZER, STACK_LABEL};
use aws_service::{Random, ids};
use meta::{Doc, Time};
use serde_json::{Map, json};

/// What it is made of; everything has been checked.
pub struct NewLoadBalancer<'a> {
    pub place: Place<'a>,
    pub name: &'a str,
    pub scheme: &'a str,
    /// Specifications of its subnets, one a zone, each with the address that is asked for there.
    pub subnets: Vec<(Doc, Option<String>)>,
    pub security_groups: Doc,
    pub attributes: Map<String, Doc>,
    pub tags: Map<String, Doc>,
    /// The Service that it is made for.
    pub stack: Option<&'a str>,
    pub now: Time,
}

impl NewLoadBalancer<'_> {
    /// Its host and its loopback address follow together, once it has the latter.
    pub fn to_doc(&self, id: &str, random: &dyn Random) -> Doc {
        let subnet_ids: Vec<&Doc> = self.subnets.iter().map(|(subnet, _)| &subnet["subnetId"]).collect();
        let mut record = json!({
            "apiVersion": API_VERSION, "kind": "LoadBalancer",
            "metadata": {"name": id, "finalizers": [LOAD_BALANCER_FINALIZER]},
            "spec": {
                "arn": self.place.load_balancer(self.name, id), "name": self.name, "type": "network", "scheme": self.scheme,
                "dnsName": format!("{}-{id}.elb.{}.amazonaws.com", self.name, self.place.region),
                "vpcId": self.subnets.first().map(|(subnet, _)| &subnet["vpcId"]), "subnets": subnet_ids,
                "availabilityZones": zones(&self.subnets, &[], random), "securityGroups": self.security_groups,
                "ipAddressType": "ipv4", "attributes": beginning(LOAD_BALANCER, self.attributes.clone()), "tags": self.tags,
                "createdTime": self.now.to_string(), "host": "", "loopback": "",
            },
        });
        if let Some(stack) = self.stack {
            record["metadata"]["labels"] = json!({STACK_LABEL: stack});
        }
        record
    }
}

/// Its zones; a subnet that it is in already keeps its interface.
pub fn zones(subnets: &[(Doc, Option<String>)], present: &[Doc], random: &dyn Random) -> Vec<Doc> {
    let zone = |(subnet, address): &(Doc, Option<String>)| {
        if let Some(kept) = present.iter().find(|zone| zone["subnetId"] == subnet["subnetId"]) {
            return kept.clone();
        }
        let mut zone = json!({
            "zoneName": subnet["availabilityZone"], "subnetId": subnet["subnetId"],
            "networkInterfaceId": ids::ec2_id(random, "eni"),
        });
        if let Some(address) = address {
            zone["privateIpAddress"] = json!(address);
        }
        zone
    };
    subnets.iter().map(zone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::SystemRandom;

    #[test]
    fn a_subnet_keeps_its_interface() {
        let subnet = |id: &str| (json!({"subnetId": id, "availabilityZone": "a"}), None);
        let first = zones(&[subnet("s1"), subnet("s2")], &[], &SystemRandom);
        let second = zones(&[subnet("s2"), subnet("s3")], &first, &SystemRandom);
        assert_eq!(second[0], first[1]);
        assert_ne!(second[1]["networkInterfaceId"], first[0]["networkInterfaceId"]);
    }
}
