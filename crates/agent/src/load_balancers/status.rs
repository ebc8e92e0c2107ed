//! What a target group's record says of its targets, made purely.

use super::choice::Backend;
use super::health::State;
use super::records::{Target, TargetGroup};
use crate::vpc::text;
use meta::{Doc, Time};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The targets' status, and when it changes by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub targets: Vec<Doc>,
    pub next: Option<Duration>,
}

/// `before` is what the record says now: a target that was taken out stays there until its connections had time to end.
pub fn report(name: &str, group: &TargetGroup, used: bool, health: &BTreeMap<Backend, State>, before: &Doc, now: Time) -> Report {
    let mut targets: Vec<Doc> = group.targets.iter().map(|target| entry(name, target, used, health)).collect();
    let mut next = None;
    for old in before.as_array().into_iter().flatten().filter(|old| !is_registered(group, old)) {
        let Some(until) = drained_at(old, used, group, now) else { continue };
        let left = until.seconds_since(now);
        if left <= 0 {
            continue;
        }
        let left = Duration::from_secs(left.unsigned_abs());
        next = Some(next.map_or(left, |next: Duration| next.min(left)));
        targets.push(draining(old, until));
    }
    Report { targets, next }
}

fn is_registered(group: &TargetGroup, old: &Doc) -> bool {
    group.targets.iter().any(|target| text(old, "/id") == target.id && old["port"] == target.port)
}

/// None for targets that have nothing to drain.
fn drained_at(old: &Doc, used: bool, group: &TargetGroup, now: Time) -> Option<Time> {
    match text(old, "/state") {
        "draining" => Time::parse(text(old, "/until")),
        "healthy" | "unhealthy" if used => {
            let delay = i64::try_from(group.deregistration_delay.as_secs()).unwrap_or(i64::MAX);
            Some(Time::from_unix(now.unix().saturating_add(delay)))
        }
        _ => None,
    }
}

fn draining(old: &Doc, until: Time) -> Doc {
    json!({
        "id": old["id"], "port": old["port"], "address": old["address"], "state": "draining",
        "reason": "Target.DeregistrationInProgress", "description": "Target deregistration is in progress",
        "until": until.to_string(),
    })
}

/// Reasons and descriptions as DescribeTargetHealth gives them.
fn entry(name: &str, target: &Target, used: bool, health: &BTreeMap<Backend, State>) -> Doc {
    let backend = target.backend(name);
    let state = backend.as_ref().and_then(|backend| health.get(backend)).unwrap_or(&State::Initial);
    let (state, reason, description) = match (&backend, state) {
        (None, _) => ("unused", "Target.InvalidState", "Target is in the terminated state".to_owned()),
        _ if !used => {
            ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer".to_owned())
        }
        (_, State::Initial) => ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress".to_owned()),
        (_, State::Healthy) => ("healthy", "", String::new()),
        (_, State::Unhealthy(failure)) => ("unhealthy", failure.reason(), failure.to_string()),
    };
    let address = target.address.map(|address| address.to_string()).unwrap_or_default();
    let mut entry = json!({"id": target.id, "port": target.port, "address": address, "state": state});
    if !reason.is_empty() {
        entry["reason"] = json!(reason);
        entry["description"] = json!(description);
    }
    entry
}

/// What a record says of a target from before: a service that starts again goes on from there.
pub fn remembered(before: &Doc, target: &Target) -> State {
    let same = |old: &&Doc| {
        let address = target.address.map(|address| address.to_string());
        text(old, "/id") == target.id && old["port"] == target.port && Some(text(old, "/address")) == address.as_deref()
    };
    let known = before.as_array().into_iter().flatten().find(same);
    match known.map(|known| text(known, "/state")) {
        Some("healthy") => State::Healthy,
        _ => State::Initial,
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::Failure;
    use super::*;
    use std::net::Ipv4Addr;

    fn target(number: u8, address: bool) -> Target {
        let address = address.then_some(Ipv4Addr::new(10, 0, 0, number));
        Target { id: format!("i-{number}"), port: 80, address, zone: None }
    }

    fn group(targets: &[Target]) -> TargetGroup {
        TargetGroup { targets: targets.to_vec(), deregistration_delay: Duration::from_secs(300), ..TargetGroup::default() }
    }

    fn brief(report: &Report) -> Vec<String> {
        let word = |entry: &Doc| format!("{} {} {}", text(entry, "/id"), text(entry, "/state"), text(entry, "/reason"));
        report.targets.iter().map(|entry| word(entry).trim_end().to_owned()).collect()
    }

    #[test]
    fn states_and_reasons() {
        let health = |state: State| BTreeMap::from([(target(1, true).backend("g").expect("an address"), state)]);
        for (has_address, used, known, expected) in [
            (true, true, BTreeMap::new(), "i-1 initial Elb.InitialHealthChecking"),
            (true, true, health(State::Healthy), "i-1 healthy"),
            (true, true, health(State::Unhealthy(Failure::Timeout)), "i-1 unhealthy Target.Timeout"),
            (true, false, health(State::Healthy), "i-1 unused Target.NotInUse"),
            (false, true, BTreeMap::new(), "i-1 unused Target.InvalidState"),
        ] {
            let group = group(&[target(1, has_address)]);
            let report = report("g", &group, used, &known, &Doc::Null, Time::from_unix(0));
            assert_eq!((brief(&report), report.next), (vec![expected.to_owned()], None));
        }
    }

    #[test]
    fn who_is_taken_out_drains() {
        let start = Time::from_unix(1000);
        let before = json!([
            {"id": "i-1", "port": 80, "address": "10.0.0.1", "state": "healthy"},
            {"id": "i-2", "port": 80, "address": "10.0.0.2", "state": "initial"},
            {"id": "i-3", "port": 81, "address": "10.0.0.3", "state": "unhealthy"},
        ]);
        let empty = group(&[]);
        let first = report("g", &empty, true, &BTreeMap::new(), &before, start);
        let draining = ["i-1 draining Target.DeregistrationInProgress", "i-3 draining Target.DeregistrationInProgress"];
        assert_eq!((brief(&first), first.next), (draining.map(str::to_owned).to_vec(), Some(Duration::from_secs(300))));
        let said = json!(first.targets);
        let later = report("g", &empty, true, &BTreeMap::new(), &said, start.plus_seconds(200));
        assert_eq!((&later.targets, later.next), (&first.targets, Some(Duration::from_secs(100))));
        assert_eq!(report("g", &empty, true, &BTreeMap::new(), &said, start.plus_seconds(300)).targets, Vec::<Doc>::new());
        let back = report("g", &group(&[target(1, true)]), true, &BTreeMap::new(), &said, start);
        assert_eq!(brief(&back), ["i-1 initial Elb.InitialHealthChecking", draining[1]]);
        assert_eq!(report("g", &empty, false, &BTreeMap::new(), &before, start).targets, Vec::<Doc>::new(), "nobody used it");
    }

    #[test]
    fn a_restart_remembers_who_was_well() {
        let before = json!([
            {"id": "i-1", "port": 80, "address": "10.0.0.1", "state": "healthy"},
            {"id": "i-2", "port": 80, "address": "10.0.0.2", "state": "unhealthy"},
            {"id": "i-3", "port": 80, "address": "10.0.0.99", "state": "healthy"},
        ]);
        let states: Vec<State> = (1..=4).map(|number| remembered(&before, &target(number, true))).collect();
        assert_eq!(states, [State::Healthy, State::Initial, State::Initial, State::Initial]);
    }
}
