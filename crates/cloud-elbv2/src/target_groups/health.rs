//! How targets are, as their host has seen it, in ELB's words.

use super::health_check::TRAFFIC_PORT;
use meta::Doc;
use serde_json::json;

const REGISTERING: (&str, &str, &str) = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress");
const NOT_IN_USE: (&str, &str, &str) =
    ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer");
const NOT_REGISTERED: (&str, &str, &str) = ("unused", "Target.NotRegistered", "Target is not registered to the target group");

/// Of all targets of a group, those draining among them, or of those asked about. `used`: a listener forwards to the group.
pub fn described(group: &Doc, asked: &[Doc], used: bool) -> Vec<Doc> {
    let registered = group["spec"]["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let seen = group["status"]["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let same = |one: &Doc, other: &Doc| one["id"] == other["id"] && one["port"] == other["port"];
    let is_registered = |target: &Doc| registered.iter().any(|one| same(one, target));
    let leaving = seen.iter().filter(|target| target["state"] == "draining" && !is_registered(target));
    let all: Vec<&Doc> = if asked.is_empty() { registered.iter().chain(leaving).collect() } else { asked.iter().collect() };
    let health = |target: &Doc| {
        let report = seen.iter().find(|report| same(report, target));
        match report {
            Some(report) if is_registered(target) && used => state(report),
            Some(report) if report["state"] == "draining" => state(report),
            _ if !is_registered(target) => said(NOT_REGISTERED),
            _ if !used => said(NOT_IN_USE),
            _ => said(REGISTERING),
        }
    };
    all.into_iter().map(|target| entry(group, target, health(target))).collect()
}

fn said((state, reason, description): (&str, &str, &str)) -> Doc {
    json!({"State": state, "Reason": reason, "Description": description})
}

fn state(report: &Doc) -> Doc {
    let mut health = json!({"State": report["state"]});
    for (member, own) in [("Reason", "reason"), ("Description", "description")] {
        if report[own].as_str().is_some_and(|text| !text.is_empty()) {
            health[member] = report[own].clone();
        }
    }
    health
}

fn entry(group: &Doc, target: &Doc, health: Doc) -> Doc {
    let mut shown = json!({"Id": target["id"], "Port": target["port"]});
    if !target["availabilityZone"].is_null() {
        shown["AvailabilityZone"] = target["availabilityZone"].clone();
    }
    let port = match group["spec"]["healthCheck"]["port"].as_str() {
        None | Some(TRAFFIC_PORT) => target["port"].to_string(),
        Some(port) => port.to_owned(),
    };
    json!({"Target": shown, "HealthCheckPort": port, "TargetHealth": health})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_seen_is_initial_and_what_nobody_uses_is_unused() {
        let group = json!({
            "spec": {
                "targets": [{"id": "i-1", "port": 80}, {"id": "i-2", "port": 80}], "healthCheck": {"port": "traffic-port"},
            },
            "status": {"targets": [
                {"id": "i-1", "port": 80, "state": "healthy", "reason": ""},
                {"id": "i-3", "port": 80, "state": "draining", "reason": "Target.DeregistrationInProgress"},
                {"id": "i-4", "port": 80, "state": "healthy"},
            ]},
        });
        let shown = |asked: &[Doc], used: bool| -> Vec<String> {
            let line = |entry: &Doc| {
                let health = &entry["TargetHealth"];
                format!("{} {} {}", entry["Target"]["Id"], health["State"], health["Reason"]).replace('"', "")
            };
            described(&group, asked, used).iter().map(line).collect()
        };
        let all = ["i-1 healthy null", "i-2 initial Elb.RegistrationInProgress", "i-3 draining Target.DeregistrationInProgress"];
        assert_eq!(shown(&[], true), all);
        let unused = ["i-1 unused Target.NotInUse", "i-2 unused Target.NotInUse", "i-3 draining Target.DeregistrationInProgress"];
        assert_eq!(shown(&[], false), unused);
        assert_eq!(shown(&[json!({"id": "i-4", "port": 80})], true), ["i-4 unused Target.NotRegistered"]);
    }

    #[test]
    fn the_port_that_is_checked() {
        for (port, expected) in [("traffic-port", "80"), ("10254", "10254")] {
            let group = json!({"spec": {"targets": [{"id": "i-1", "port": 80}], "healthCheck": {"port": port}}});
            assert_eq!(described(&group, &[], true)[0]["HealthCheckPort"], expected);
        }
    }
}
