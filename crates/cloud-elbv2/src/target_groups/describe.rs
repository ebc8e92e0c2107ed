//! Target groups as ELB describes them.

use super::health_check;
use crate::lookup::forwards_to;
use meta::Doc;
use serde_json::json;
use std::collections::BTreeSet;

/// `listeners` are all of the region's.
pub fn target_group(record: &Doc, listeners: &[Doc]) -> Doc {
    let spec = &record["spec"];
    let mut shown = json!({
        "TargetGroupArn": spec["arn"], "TargetGroupName": spec["name"], "Protocol": spec["protocol"], "Port": spec["port"],
        "VpcId": spec["vpcId"], "TargetType": spec["targetType"], "IpAddressType": spec["ipAddressType"],
        "LoadBalancerArns": load_balancer_arns(record, listeners),
    });
    if let Some(members) = shown.as_object_mut() {
        members.extend(health_check::described(&spec["healthCheck"]));
    }
    shown
}

/// The load balancers that forward to a group, in order.
pub fn load_balancer_arns(group: &Doc, listeners: &[Doc]) -> Vec<String> {
    let arn = group["spec"]["arn"].as_str().unwrap_or_default();
    let using = listeners.iter().filter(|listener| forwards_to(listener, arn));
    let arns: BTreeSet<&str> = using.filter_map(|listener| listener["spec"]["loadBalancerArn"].as_str()).collect();
    arns.into_iter().map(str::to_owned).collect()
}
