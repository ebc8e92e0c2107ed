//! The record of a listener.

use crate::arns;
use crate::attributes::{LISTENER, beginning};
use crate::lookup::{name_of, text};
use crate::records::{API_VERSION, LOAD_BALANCER_LABEL};
use meta::Doc;
use serde_json::{Map, json};

/// The record that the listener of this id is, on `balancer`'s record.
pub fn record(balancer: &Doc, id: &str, protocol: &str, port: u64, target_group_arn: &str, tags: Map<String, Doc>) -> Doc {
    let (owner, arn) = (name_of(balancer), &balancer["spec"]["arn"]);
    // UDP has no connections that could idle.
    let attributes = if protocol == "UDP" { Map::new() } else { beginning(LISTENER, Map::new()) };
    json!({
        "apiVersion": API_VERSION, "kind": "Listener",
        "metadata": {"name": format!("{owner}.{id}"), "labels": {LOAD_BALANCER_LABEL: owner}},
        "spec": {
            "arn": arns::listener(text(arn), id), "loadBalancer": owner, "loadBalancerArn": arn, "protocol": protocol,
            "port": port, "defaultActions": actions(target_group_arn), "tags": tags, "attributes": attributes,
        },
    })
}

pub fn actions(target_group_arn: &str) -> Doc {
    json!([{"type": "forward", "targetGroupArn": target_group_arn}])
}
