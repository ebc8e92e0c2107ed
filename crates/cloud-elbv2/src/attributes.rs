//! Attributes of load balancers, listeners and target groups: which there are, what they begin with, what they may be.

use crate::failures::{configuration, unsupported};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::{Map, json};

pub struct Attribute {
    key: &'static str,
    default: &'static str,
    allowed: Allowed,
}

enum Allowed {
    Flag,
    Number(u32, u32),
    OneOf(&'static [&'static str]),
    /// Nothing but its default: what else it could be is not built.
    Default,
}

const fn row(key: &'static str, default: &'static str, allowed: Allowed) -> Attribute {
    Attribute { key, default, allowed }
}

/// Of network load balancers.
pub const LOAD_BALANCER: &[Attribute] = &[
    row("access_logs.s3.bucket", "", Allowed::Default),
    row("access_logs.s3.enabled", "false", Allowed::Default),
    row("access_logs.s3.prefix", "", Allowed::Default),
    row("deletion_protection.enabled", "false", Allowed::Flag),
    row("dns_record.client_routing_policy", "any_availability_zone", Allowed::Default),
    row("ipv6.deny_all_igw_traffic", "false", Allowed::Default),
    row("load_balancing.cross_zone.enabled", "false", Allowed::Flag),
    row("zonal_shift.config.enabled", "false", Allowed::Default),
];

pub const LISTENER: &[Attribute] = &[row("tcp.idle_timeout.seconds", "350", Allowed::Number(60, 6000))];

/// Of target groups of network load balancers. Where clients' addresses are kept, and where connections end with the
/// deregistration delay, begins by target type and protocol.
pub const TARGET_GROUP: &[Attribute] = &[
    row("deregistration_delay.connection_termination.enabled", "false", Allowed::Flag),
    row("deregistration_delay.timeout_seconds", "300", Allowed::Number(0, 3600)),
    row(
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Allowed::OneOf(&["true", "false", "use_load_balancer_configuration"]),
    ),
    row("preserve_client_ip.enabled", "true", Allowed::Flag),
    row("proxy_protocol_v2.enabled", "false", Allowed::Default),
    row("stickiness.enabled", "false", Allowed::Flag),
    row("stickiness.type", "source_ip", Allowed::Default),
    row("target_group_health.dns_failover.minimum_healthy_targets.count", "1", Allowed::Default),
    row("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", Allowed::Default),
    row("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", Allowed::Default),
    row("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", Allowed::Default),
    row("target_health_state.unhealthy.connection_termination.enabled", "true", Allowed::Flag),
    row("target_health_state.unhealthy.draining_interval_seconds", "0", Allowed::Number(0, 360_000)),
];

/// What a new resource begins with, under what it was given.
pub fn beginning(rows: &[Attribute], given: Map<String, Doc>) -> Map<String, Doc> {
    let mut all: Map<String, Doc> = rows.iter().map(|row| (row.key.to_owned(), row.default.into())).collect();
    all.extend(given);
    all
}

/// `{key: value}` as ELB lists it.
pub fn listed(attributes: &Doc) -> Doc {
    aws_service::records::tag_list(attributes)
}

/// ELB's list as a map, when every one may be so.
pub fn checked(rows: &[Attribute], what: &str, list: &Doc) -> Result<Map<String, Doc>, AwsError> {
    let mut out = Map::new();
    for attribute in list.as_array().into_iter().flatten() {
        let (key, value) = (attribute["Key"].as_str().unwrap_or_default(), attribute["Value"].as_str().unwrap_or_default());
        check(rows, what, key, value)?;
        out.insert(key.to_owned(), json!(value));
    }
    Ok(out)
}

/// What a target group's protocol rules out: those who send datagrams are known by their addresses only.
pub fn fits_protocol(protocol: &str, attributes: &Map<String, Doc>) -> Result<(), AwsError> {
    let hides = attributes.get("preserve_client_ip.enabled").is_some_and(|value| value == "false");
    match hides && matches!(protocol, "UDP" | "TCP_UDP") {
        false => Ok(()),
        true => {
            Err(configuration(format!("Client IP preservation cannot be disabled for target groups with protocol '{protocol}'")))
        }
    }
}

pub fn check(rows: &[Attribute], what: &str, key: &str, value: &str) -> Result<(), AwsError> {
    let Some(row) = rows.iter().find(|row| row.key == key) else {
        return Err(configuration(format!("{what} attribute key '{key}' is not recognized")));
    };
    let fits = match row.allowed {
        Allowed::Flag => matches!(value, "true" | "false"),
        Allowed::Number(low, high) => value.parse().is_ok_and(|number: u32| (low..=high).contains(&number)),
        Allowed::OneOf(values) => values.contains(&value),
        Allowed::Default if value == row.default => true,
        Allowed::Default => return Err(unsupported(&format!("{what} attribute '{key}' with the value '{value}'"))),
    };
    match fits {
        true => Ok(()),
        false => Err(configuration(format!("{what} attribute value '{value}' for key '{key}' is not valid"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_checked_by_their_rows() {
        for (rows, key, value, refused) in [
            (LOAD_BALANCER, "deletion_protection.enabled", "true", ""),
            (LOAD_BALANCER, "deletion_protection.enabled", "yes", "InvalidConfigurationRequest"),
            (LOAD_BALANCER, "access_logs.s3.enabled", "false", ""),
            (LOAD_BALANCER, "access_logs.s3.enabled", "true", "OperationNotPermitted"),
            (LOAD_BALANCER, "routing.http2.enabled", "true", "InvalidConfigurationRequest"),
            (LISTENER, "tcp.idle_timeout.seconds", "59", "InvalidConfigurationRequest"),
            (TARGET_GROUP, "deregistration_delay.timeout_seconds", "0", ""),
            (TARGET_GROUP, "deregistration_delay.timeout_seconds", "-1", "InvalidConfigurationRequest"),
            (TARGET_GROUP, "load_balancing.cross_zone.enabled", "use_load_balancer_configuration", ""),
            (TARGET_GROUP, "proxy_protocol_v2.enabled", "true", "OperationNotPermitted"),
        ] {
            let code = check(rows, "Load balancer", key, value).err().map(|error| error.code).unwrap_or_default();
            assert_eq!(code, refused, "{key}={value}");
        }
    }

    #[test]
    fn who_sends_datagrams_is_not_hidden() {
        for (protocol, keeps, ok) in
            [("TCP", "false", true), ("UDP", "true", true), ("UDP", "false", false), ("TCP_UDP", "false", false)]
        {
            let given = Map::from_iter([("preserve_client_ip.enabled".to_owned(), json!(keeps))]);
            assert_eq!(fits_protocol(protocol, &given).is_ok(), ok, "{protocol} {keeps}");
        }
    }

    #[test]
    fn rows_stand_in_order() {
        for rows in [LOAD_BALANCER, LISTENER, TARGET_GROUP] {
            assert!(rows.is_sorted_by_key(|row| row.key));
        }
        assert_eq!(beginning(LISTENER, Map::new())["tcp.idle_timeout.seconds"], "350");
    }
}
