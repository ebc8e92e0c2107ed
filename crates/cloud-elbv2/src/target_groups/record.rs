//! The record of a new target group.

use crate::arns::Place;
use crate::attributes::{TARGET_GROUP, beginning};
use crate::records::{API_VERSION, STACK_LABEL, TARGET_GROUP_FINALIZER};
use meta::Doc;
use serde_json::{Map, json};

/// What it is made of; everything has been checked.
pub struct NewTargetGroup<'a> {
    pub place: Place<'a>,
    pub name: &'a str,
    pub protocol: &'a str,
    pub port: u64,
    pub vpc_id: &'a str,
    pub target_type: &'a str,
    pub health_check: Doc,
    pub attributes: Map<String, Doc>,
    pub tags: Map<String, Doc>,
    pub targets: Doc,
    pub host: &'a str,
    /// The Service that it is made for.
    pub stack: Option<&'a str>,
}

impl NewTargetGroup<'_> {
    pub fn to_doc(&self, id: &str) -> Doc {
        let mut record = json!({
            "apiVersion": API_VERSION, "kind": "TargetGroup", "metadata": {"name": id, "finalizers": [TARGET_GROUP_FINALIZER]},
            "spec": {
                "arn": self.place.target_group(self.name, id), "name": self.name, "protocol": self.protocol, "port": self.port,
                "vpcId": self.vpc_id, "targetType": self.target_type, "ipAddressType": "ipv4",
                "healthCheck": self.health_check, "attributes": attributes(self.target_type, self.protocol, &self.attributes), "tags": self.tags, "targets": self.targets,
                "loadBalancerArns": [], "host": self.host,
            },
        });
        if let Some(stack) = self.stack {
            record["metadata"]["labels"] = json!({STACK_LABEL: stack});
        }
        record
    }
}

/// All attributes of a group with those that are given. Clients' addresses reach instances, and whoever speaks UDP; flows of
/// datagrams, which nobody closes, end with the deregistration delay.
pub fn attributes(target_type: &str, protocol: &str, given: &Map<String, Doc>) -> Map<String, Doc> {
    let (by_instance, datagrams) = (target_type == "instance", protocol != "TCP");
    let mut own = Map::from_iter([
        ("preserve_client_ip.enabled".to_owned(), json!((by_instance || datagrams).to_string())),
        ("deregistration_delay.connection_termination.enabled".to_owned(), json!(datagrams.to_string())),
    ]);
    own.extend(given.clone());
    beginning(TARGET_GROUP, own)
}
