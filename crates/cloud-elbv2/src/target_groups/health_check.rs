//! Health checks of targets: as records hold them, and what they may be.

use crate::failures::{configuration, invalid};
use crate::lookup::text;
use aws_wire::AwsError;
use meta::Doc;
use serde_json::{Map, json};

/// The port that a target gets its traffic on.
pub const TRAFFIC_PORT: &str = "traffic-port";

/// The request's member and the record's.
const MEMBERS: [(&str, &str); 8] = [
    ("HealthCheckEnabled", "enabled"),
    ("HealthCheckProtocol", "protocol"),
    ("HealthCheckPort", "port"),
    ("HealthCheckPath", "path"),
    ("HealthCheckIntervalSeconds", "intervalSeconds"),
    ("HealthCheckTimeoutSeconds", "timeoutSeconds"),
    ("HealthyThresholdCount", "healthyThresholdCount"),
    ("UnhealthyThresholdCount", "unhealthyThresholdCount"),
];

/// A record's health check with what a request says over it; over ELB's defaults for a new one.
pub fn with_request(present: Option<&Doc>, input: &Doc) -> Result<Doc, AwsError> {
    let given = |member: &str| (!input[member].is_null()).then(|| input[member].clone());
    let mut check = present.cloned().unwrap_or_else(|| json!({}));
    for (member, own) in MEMBERS {
        if let Some(value) = given(member) {
            check[own] = value;
        }
    }
    if let Some(matcher) = given("Matcher") {
        check["matcher"] = matcher["HttpCode"].clone();
    }
    let whole = completed(check);
    self::check(&whole)?;
    Ok(whole)
}

/// Fills in what is not said. TCP has no path and no codes.
pub fn completed(mut check: Doc) -> Doc {
    let tcp = !matches!(check["protocol"].as_str(), Some("HTTP" | "HTTPS"));
    let timeout = if check["protocol"] == "HTTP" { 6 } else { 10 };
    let defaults = json!({
        "enabled": true, "protocol": "TCP", "port": TRAFFIC_PORT, "intervalSeconds": 30, "timeoutSeconds": timeout,
        "healthyThresholdCount": 5, "unhealthyThresholdCount": 2, "path": "/", "matcher": "200-399",
    });
    for (key, value) in defaults.as_object().into_iter().flatten() {
        let web_only = matches!(key.as_str(), "path" | "matcher");
        if web_only && tcp {
            if let Some(members) = check.as_object_mut() {
                members.remove(key);
            }
        } else if check[key].is_null() {
            check[key] = value.clone();
        }
    }
    check
}

pub fn check(check: &Doc) -> Result<(), AwsError> {
    let protocol = text(&check["protocol"]);
    if !matches!(protocol, "TCP" | "HTTP" | "HTTPS") {
        return Err(configuration(format!("Health check protocol '{protocol}' is not supported")));
    }
    let port = text(&check["port"]);
    if port != TRAFFIC_PORT && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(invalid(format!("Health check port '{port}' must be in between '1' and '65535', or '{TRAFFIC_PORT}'")));
    }
    if check["enabled"] == false {
        return Err(configuration("Health checks must be enabled for target groups with target type 'instance' or 'ip'"));
    }
    if check["path"].as_str().is_some_and(|path| !path.starts_with('/')) {
        return Err(invalid(format!("Health check path '{}' must begin with '/'", text(&check["path"]))));
    }
    if check["timeoutSeconds"].as_u64() > check["intervalSeconds"].as_u64() {
        return Err(invalid("Health check interval must be greater than the timeout"));
    }
    match check["matcher"].as_str().is_none_or(is_matcher) {
        true => Ok(()),
        false => {
            Err(invalid(format!("HTTP code '{}' must be a list or a range of codes from 200 to 599", text(&check["matcher"]))))
        }
    }
}

/// `200`, `200,202` or `200-399`.
fn is_matcher(text: &str) -> bool {
    let code = |text: &str| text.parse::<u16>().is_ok_and(|code| (200..=599).contains(&code));
    text.split(',').all(|part| part.split_once('-').map_or_else(|| code(part), |(low, high)| code(low) && code(high)))
}

/// As ELB describes a group's.
pub fn described(check: &Doc) -> Map<String, Doc> {
    let present = MEMBERS.iter().filter(|(_, own)| !check[*own].is_null());
    let mut shown: Map<String, Doc> = present.map(|(member, own)| ((*member).to_owned(), check[*own].clone())).collect();
    if let Some(codes) = check["matcher"].as_str() {
        shown.insert("Matcher".into(), json!({"HttpCode": codes}));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_elbs() {
        let tcp = with_request(None, &json!({})).expect("valid");
        assert_eq!(
            tcp,
            json!({"enabled": true, "protocol": "TCP", "port": "traffic-port", "intervalSeconds": 30, "timeoutSeconds": 10, "healthyThresholdCount": 5, "unhealthyThresholdCount": 2})
        );
        let http = with_request(Some(&tcp), &json!({"HealthCheckProtocol": "HTTP", "HealthCheckPath": "/x"})).expect("valid");
        assert_eq!((&http["path"], &http["matcher"], &http["timeoutSeconds"]), (&json!("/x"), &json!("200-399"), &json!(10)));
        let back = with_request(Some(&http), &json!({"HealthCheckProtocol": "TCP"})).expect("valid");
        assert_eq!(back, tcp);
        assert_eq!(described(&http)["Matcher"]["HttpCode"], "200-399");
        assert!(!described(&tcp).contains_key("HealthCheckPath"));
    }

    #[test]
    fn what_is_refused() {
        for (input, ok) in [
            (json!({"HealthCheckPort": "80"}), true),
            (json!({"HealthCheckPort": "0"}), false),
            (json!({"HealthCheckPort": "http"}), false),
            (json!({"HealthCheckProtocol": "UDP"}), false),
            (json!({"HealthCheckEnabled": false}), false),
            (json!({"HealthCheckProtocol": "HTTP", "HealthCheckPath": "x"}), false),
            (json!({"HealthCheckProtocol": "HTTP", "Matcher": {"HttpCode": "200,301-302"}}), true),
            (json!({"HealthCheckProtocol": "HTTP", "Matcher": {"HttpCode": "ok"}}), false),
            (json!({"HealthCheckIntervalSeconds": 5}), false),
            (json!({"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5}), true),
        ] {
            assert_eq!(with_request(None, &input).is_ok(), ok, "{input}");
        }
    }
}
