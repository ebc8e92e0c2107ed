//! What a listener may be.

use crate::failures::{configuration, invalid, unsupported};
use crate::lookup::text;
use aws_wire::AwsError;
use meta::Doc;

/// The listener protocols of network load balancers that are built.
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "TCP_UDP"];

pub fn protocol(protocol: &str) -> Result<(), AwsError> {
    match protocol {
        known if PROTOCOLS.contains(&known) => Ok(()),
        "TLS" | "QUIC" | "TCP_QUIC" => Err(unsupported(&format!("Listener protocol '{protocol}'"))),
        other => Err(AwsError::new(
            "UnsupportedProtocol",
            format!("Listener protocol '{other}' is not supported for load balancers of type 'network'"),
        )),
    }
}

/// The target group that the one action forwards to.
pub fn forwards_to(actions: &Doc) -> Result<&str, AwsError> {
    let Some([action]) = actions.as_array().map(Vec::as_slice) else {
        return Err(configuration("A listener of a network load balancer must have exactly one default action"));
    };
    if action["Type"] != "forward" {
        let message = format!("Action type '{}' is not valid for load balancers of type 'network'", text(&action["Type"]));
        return Err(AwsError::new("InvalidLoadBalancerAction", message));
    }
    let weighted = action["ForwardConfig"]["TargetGroups"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (action["TargetGroupArn"].as_str(), weighted) {
        (Some(arn), []) => Ok(arn),
        (Some(arn), [one]) if one["TargetGroupArn"] == arn => Ok(arn),
        (None, [one]) => one["TargetGroupArn"].as_str().ok_or_else(|| invalid("A target group ARN must be specified")),
        (None, []) => Err(invalid("A target group ARN must be specified")),
        _ => Err(unsupported("Forwarding to several target groups")),
    }
}

/// Whether a target group can take this listener's traffic, by the fields of both records.
pub fn fits(balancer: &Doc, protocol: &str, group: &Doc) -> Result<(), AwsError> {
    let arn = text(&group["spec"]["arn"]);
    let compatible = match (protocol, text(&group["spec"]["protocol"])) {
        (listener, group) if listener == group => true,
        ("TCP" | "UDP", "TCP_UDP") => true,
        _ => false,
    };
    if !compatible {
        let message = format!("The protocol of the target group '{arn}' is incompatible with the listener protocol '{protocol}'");
        return Err(AwsError::new("IncompatibleProtocols", message));
    }
    if group["spec"]["vpcId"] != balancer["spec"]["vpcId"] {
        return Err(configuration(format!("The target group '{arn}' is not in the VPC of the load balancer")));
    }
    Ok(())
}

/// A target group serves one network load balancer. `forwarding` are the listeners that forward to it.
pub fn of_one_load_balancer(balancer: &Doc, group: &Doc, forwarding: &[Doc]) -> Result<(), AwsError> {
    let elsewhere = |listener: &&Doc| listener["spec"]["loadBalancer"] != balancer["metadata"]["name"];
    match forwarding.iter().find(elsewhere) {
        None => Ok(()),
        Some(_) => {
            let arn = text(&group["spec"]["arn"]);
            let message = format!("The following target groups cannot be associated with more than one load balancer: {arn}");
            Err(AwsError::new("TargetGroupAssociationLimit", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code<T: std::fmt::Debug>(outcome: Result<T, AwsError>) -> String {
        outcome.map_or_else(|error| error.code, |value| format!("{value:?}"))
    }

    #[test]
    fn one_forward_action_to_one_group() {
        let forward = |config: Doc| json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": config}}]);
        for (actions, outcome) in [
            (json!([{"Type": "forward", "TargetGroupArn": "tg"}]), "\"tg\""),
            (forward(json!([{"TargetGroupArn": "tg", "Weight": 1}])), "\"tg\""),
            (
                json!([{"Type": "forward", "TargetGroupArn": "tg", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "tg"}]}}]),
                "\"tg\"",
            ),
            (forward(json!([{"TargetGroupArn": "a"}, {"TargetGroupArn": "b"}])), "OperationNotPermitted"),
            (json!([{"Type": "forward"}]), "ValidationError"),
            (json!([{"Type": "redirect"}]), "InvalidLoadBalancerAction"),
            (json!([]), "InvalidConfigurationRequest"),
        ] {
            assert_eq!(code(forwards_to(&actions)), outcome, "{actions}");
        }
    }

    #[test]
    fn protocols_must_fit() {
        let balancer = json!({"metadata": {"name": "lb"}, "spec": {"vpcId": "vpc-1"}});
        for (listener, group, vpc, outcome) in [
            ("TCP", "TCP", "vpc-1", "()"),
            ("TCP", "TCP_UDP", "vpc-1", "()"),
            ("UDP", "TCP_UDP", "vpc-1", "()"),
            ("TCP_UDP", "TCP", "vpc-1", "IncompatibleProtocols"),
            ("UDP", "TCP", "vpc-1", "IncompatibleProtocols"),
            ("TCP", "TCP", "vpc-2", "InvalidConfigurationRequest"),
        ] {
            let group = json!({"spec": {"arn": "tg", "protocol": group, "vpcId": vpc}});
            assert_eq!(code(fits(&balancer, listener, &group)), outcome, "{listener} {group}");
        }
        for (name, outcome) in [("TCP", "()"), ("TLS", "OperationNotPermitted"), ("HTTP", "UnsupportedProtocol")] {
            assert_eq!(code(protocol(name)), outcome, "{name}");
        }
    }

    #[test]
    fn a_group_serves_one_load_balancer() {
        let balancer = json!({"metadata": {"name": "lb"}});
        let listener = |of: &str| json!({"spec": {"loadBalancer": of}});
        let group = json!({"spec": {"arn": "tg"}});
        for (forwarding, outcome) in [
            (vec![], "()"),
            (vec![listener("lb")], "()"),
            (vec![listener("lb"), listener("other")], "TargetGroupAssociationLimit"),
        ] {
            assert_eq!(code(of_one_load_balancer(&balancer, &group, &forwarding)), outcome);
        }
    }
}
