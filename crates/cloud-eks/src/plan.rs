//! What to do about a cluster, decided purely from what is there.

use crate::states::{ClusterStatus, ControlPlanePhase};
use meta::Doc;
use serde_json::json;

/// All that a decision may look at.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The Cluster record.
    pub cluster: Doc,
    pub control_plane: Option<Doc>,
    pub security_group: bool,
    /// Record names of the cluster's access entries.
    pub entries: Vec<String>,
    /// Record name of the creator's access entry; `None` where none is wanted.
    pub creator_entry: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    CreateControlPlane,
    CreateSecurityGroup,
    CreateCreatorEntry,
    /// ACTIVE, if the endpoint answers under this certificate.
    Activate {
        endpoint: String,
        certificate_authority: String,
    },
    /// A merge patch of the status.
    Status(Doc),
    DeleteEntry(String),
    DeleteControlPlane,
    DeleteSecurityGroup,
    /// Lets the record go.
    Release,
}

pub fn plan(seen: &Seen) -> Vec<Step> {
    match ClusterStatus::of(&seen.cluster) {
        ClusterStatus::Creating => creating(seen),
        ClusterStatus::Active => active(seen),
        ClusterStatus::Failed => Vec::new(),
        ClusterStatus::Deleting => deleting(seen),
    }
}

/// The control plane first: it takes longest to start.
fn creating(seen: &Seen) -> Vec<Step> {
    let mut steps = missing(seen);
    if !seen.security_group {
        steps.push(Step::CreateSecurityGroup);
    }
    if seen.creator_entry.as_ref().is_some_and(|name| !seen.entries.contains(name)) {
        steps.push(Step::CreateCreatorEntry);
    }
    let Some(control_plane) = &seen.control_plane else { return steps };
    match ControlPlanePhase::of(control_plane) {
        ControlPlanePhase::Starting => {}
        ControlPlanePhase::Ready => steps.extend(activate(control_plane)),
        ControlPlanePhase::Failed => {
            steps.push(Step::Status(json!({"phase": "FAILED", "issues": issues(seen, control_plane)})));
        }
    }
    steps
}

/// Follows the control plane: where it serves, and whether it can.
fn active(seen: &Seen) -> Vec<Step> {
    let mut steps = missing(seen);
    let Some(control_plane) = &seen.control_plane else { return steps };
    let status = &seen.cluster["status"];
    match ControlPlanePhase::of(control_plane) {
        ControlPlanePhase::Starting => {}
        ControlPlanePhase::Failed => {
            let issues = issues(seen, control_plane);
            if status["issues"] != issues {
                steps.push(Step::Status(json!({"issues": issues})));
            }
        }
        ControlPlanePhase::Ready => {
            let same = |member: &str| status[member] == control_plane["status"][member];
            let healthy = status["issues"].as_array().is_none_or(Vec::is_empty);
            if !(same("endpoint") && same("certificateAuthority") && healthy) {
                steps.extend(activate(control_plane));
            }
        }
    }
    steps
}

fn missing(seen: &Seen) -> Vec<Step> {
    if seen.control_plane.is_none() { vec![Step::CreateControlPlane] } else { Vec::new() }
}

fn activate(control_plane: &Doc) -> Option<Step> {
    let text = |member: &str| control_plane["status"][member].as_str().map(str::to_owned);
    Some(Step::Activate { endpoint: text("endpoint")?, certificate_authority: text("certificateAuthority")? })
}

fn issues(seen: &Seen, control_plane: &Doc) -> Doc {
    let why = control_plane["status"]["message"].as_str().unwrap_or("The control plane could not be started.");
    json!([{"code": "InternalFailure", "message": why, "resourceIds": [seen.cluster["spec"]["name"]]}])
}

/// Nothing is let go before what depends on it: users first, then the control plane, then its network, then the record.
fn deleting(seen: &Seen) -> Vec<Step> {
    let mut steps: Vec<Step> = seen.entries.iter().cloned().map(Step::DeleteEntry).collect();
    match &seen.control_plane {
        Some(control_plane) => {
            if control_plane["metadata"]["deletionTimestamp"].is_null() {
                steps.push(Step::DeleteControlPlane);
            }
        }
        None => {
            if seen.security_group {
                steps.push(Step::DeleteSecurityGroup);
            }
            steps.push(Step::Release);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(phase: &str) -> Doc {
        json!({"metadata": {}, "spec": {"name": "demo"}, "status": {"phase": phase}})
    }

    fn control_plane(phase: &str) -> Option<Doc> {
        Some(json!({
            "metadata": {},
            "status": {"phase": phase, "endpoint": "https://127.0.0.2:443", "certificateAuthority": "PEM", "message": "no port"},
        }))
    }

    fn whole(cluster: Doc, control_plane: Option<Doc>) -> Seen {
        Seen { cluster, control_plane, security_group: true, entries: vec!["e".into()], creator_entry: Some("e".into()) }
    }

    fn activation() -> Step {
        Step::Activate { endpoint: "https://127.0.0.2:443".into(), certificate_authority: "PEM".into() }
    }

    #[test]
    fn a_new_cluster_gets_everything_it_needs() {
        let seen = Seen { cluster: cluster(""), creator_entry: Some("e".into()), ..Seen::default() };
        assert_eq!(plan(&seen), [Step::CreateControlPlane, Step::CreateSecurityGroup, Step::CreateCreatorEntry]);
        let without_admin = Seen { creator_entry: None, ..seen };
        assert_eq!(plan(&without_admin), [Step::CreateControlPlane, Step::CreateSecurityGroup]);
    }

    #[test]
    fn status_follows_the_control_plane() {
        assert_eq!(plan(&whole(cluster(""), control_plane("Starting"))), []);
        assert_eq!(plan(&whole(cluster(""), control_plane("Ready"))), [activation()]);
        let issue = json!([{"code": "InternalFailure", "message": "no port", "resourceIds": ["demo"]}]);
        let failed = Step::Status(json!({"phase": "FAILED", "issues": issue}));
        assert_eq!(plan(&whole(cluster(""), control_plane("Failed"))), [failed]);
        let mut active = cluster("ACTIVE");
        assert_eq!(plan(&whole(active.clone(), control_plane("Ready"))), [activation()]);
        active["status"]["endpoint"] = json!("https://127.0.0.2:443");
        active["status"]["certificateAuthority"] = json!("PEM");
        assert_eq!(plan(&whole(active.clone(), control_plane("Ready"))), []);
        assert_eq!(plan(&whole(active.clone(), control_plane("Failed"))), [Step::Status(json!({"issues": issue}))]);
        active["status"]["issues"] = issue;
        assert_eq!(plan(&whole(active.clone(), control_plane("Failed"))), []);
        assert_eq!(plan(&whole(active, control_plane("Ready"))), [activation()]);
        assert_eq!(plan(&whole(cluster("FAILED"), control_plane("Ready"))), []);
    }

    #[test]
    fn a_removed_creator_entry_stays_removed() {
        let seen = Seen { entries: vec![], ..whole(cluster("ACTIVE"), control_plane("Starting")) };
        assert_eq!(plan(&seen), []);
    }

    #[test]
    fn deletion_goes_from_the_outside_in() {
        let mut deleting = cluster("ACTIVE");
        deleting["metadata"]["deletionTimestamp"] = json!("2026-11-20T10:00:00Z");
        let mut seen = whole(deleting, control_plane("Ready"));
        assert_eq!(plan(&seen), [Step::DeleteEntry("e".into()), Step::DeleteControlPlane]);
        seen.entries.clear();
        seen.control_plane = Some(json!({"metadata": {"deletionTimestamp": "x"}}));
        assert_eq!(plan(&seen), []);
        seen.control_plane = None;
        assert_eq!(plan(&seen), [Step::DeleteSecurityGroup, Step::Release]);
        seen.security_group = false;
        assert_eq!(plan(&seen), [Step::Release]);
    }
}
