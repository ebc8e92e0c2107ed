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
    /// The records of the control plane's network interfaces that are there.
    pub interfaces: Vec<Doc>,
    /// Record names of the cluster's node groups, and of what is left of their instances.
    pub nodegroups: Vec<String>,
    pub instances: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    CreateControlPlane,
    CreateSecurityGroup,
    CreateCreatorEntry,
    /// By its place in `spec.networkInterfaces`.
    CreateInterface(usize),
    /// ACTIVE, if the endpoint answers under this certificate.
    Activate {
        endpoint: String,
        certificate_authority: String,
    },
    /// A merge patch of the status.
    Status(Doc),
    DeleteEntry(String),
    DeleteControlPlane,
    DeleteInterface(String),
    DeleteNodegroup(String),
    DeleteInstance(String),
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
    steps.extend(missing_interfaces(seen));
    if !seen.security_group {
        steps.push(Step::CreateSecurityGroup);
    }
    if seen.creator_entry.as_ref().is_some_and(|name| !seen.entries.contains(name)) {
        steps.push(Step::CreateCreatorEntry);
    }
    let stuck = network_issues(seen);
    if !stuck.is_empty() {
        steps.push(Step::Status(json!({"phase": "FAILED", "issues": stuck})));
        return steps;
    }
    let Some(control_plane) = &seen.control_plane else { return steps };
    match ControlPlanePhase::of(control_plane) {
        ControlPlanePhase::Starting => {}
        ControlPlanePhase::Ready if !has_network(seen) => {}
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
    steps.extend(missing_interfaces(seen));
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

fn wanted_interfaces(seen: &Seen) -> impl Iterator<Item = &Doc> {
    seen.cluster["spec"]["networkInterfaces"].as_array().into_iter().flatten()
}

fn interface<'a>(seen: &'a Seen, wanted: &Doc) -> Option<&'a Doc> {
    seen.interfaces.iter().find(|interface| interface["metadata"]["name"] == wanted["networkInterfaceId"])
}

fn missing_interfaces(seen: &Seen) -> Vec<Step> {
    let wanted = wanted_interfaces(seen).enumerate();
    wanted.filter(|(_, wanted)| interface(seen, wanted).is_none()).map(|(at, _)| Step::CreateInterface(at)).collect()
}

/// Whether every interface has its address.
fn has_network(seen: &Seen) -> bool {
    let addressed = |interface: &Doc| interface["status"]["privateIpAddresses"][0].is_object();
    wanted_interfaces(seen).all(|wanted| interface(seen, wanted).is_some_and(addressed))
}

const NO_ADDRESSES: &str = "One or more of the subnets associated with your cluster does not have enough available IP addresses for Amazon EKS to perform cluster management operations. Free up addresses in the subnet(s), or associate different subnets to your cluster using the Amazon EKS update-cluster-config API.";

/// Why interfaces get no address, in EKS's words.
fn network_issues(seen: &Seen) -> Vec<Doc> {
    let stuck = seen.interfaces.iter().filter(|interface| interface["status"]["issue"].is_object());
    let issue = |interface: &Doc| {
        let issue = &interface["status"]["issue"];
        let resources = json!([interface["spec"]["subnetId"]]);
        match issue["code"].as_str() {
            Some("InsufficientFreeAddressesInSubnet") => {
                json!({"code": "InsufficientFreeAddresses", "message": NO_ADDRESSES, "resourceIds": resources})
            }
            _ => json!({"code": "Ec2SubnetNotFound", "message": issue["message"], "resourceIds": resources}),
        }
    };
    stuck.map(issue).collect()
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

/// Nothing is let go before what depends on it: nodes and users first, then the control plane, then its network, then the
/// record.
fn deleting(seen: &Seen) -> Vec<Step> {
    if !seen.nodegroups.is_empty() {
        return seen.nodegroups.iter().cloned().map(Step::DeleteNodegroup).collect();
    }
    let mut steps: Vec<Step> = seen.instances.iter().cloned().map(Step::DeleteInstance).collect();
    steps.extend(seen.entries.iter().cloned().map(Step::DeleteEntry));
    if let Some(control_plane) = &seen.control_plane {
        if control_plane["metadata"]["deletionTimestamp"].is_null() {
            steps.push(Step::DeleteControlPlane);
        }
        return steps;
    }
    if !seen.interfaces.is_empty() {
        let present = seen.interfaces.iter().filter(|interface| interface["metadata"]["deletionTimestamp"].is_null());
        let names = present.filter_map(|interface| interface["metadata"]["name"].as_str().map(str::to_owned));
        steps.extend(names.map(Step::DeleteInterface));
        return steps;
    }
    if seen.security_group {
        steps.push(Step::DeleteSecurityGroup);
    }
    steps.push(Step::Release);
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
        Seen {
            cluster,
            control_plane,
            security_group: true,
            entries: vec!["e".into()],
            creator_entry: Some("e".into()),
            ..Seen::default()
        }
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
    fn a_cluster_has_its_network_first() {
        let mut cluster = cluster("");
        cluster["spec"]["networkInterfaces"] = json!([{"networkInterfaceId": "eni-1"}, {"networkInterfaceId": "eni-2"}]);
        let interface =
            |name: &str, status: Doc| json!({"metadata": {"name": name}, "spec": {"subnetId": "s"}, "status": status});
        let addressed = json!({"privateIpAddresses": [{"privateIpAddress": "10.0.0.4"}]});
        let mut seen = whole(cluster, control_plane("Ready"));
        assert_eq!(plan(&seen), [Step::CreateInterface(0), Step::CreateInterface(1)]);
        seen.interfaces = vec![interface("eni-1", addressed.clone()), interface("eni-2", json!({}))];
        assert_eq!(plan(&seen), []);
        seen.interfaces[1]["status"] = addressed;
        assert_eq!(plan(&seen), [activation()]);
        seen.interfaces[1]["status"] = json!({"issue": {"code": "InsufficientFreeAddressesInSubnet"}});
        let issue = json!([{"code": "InsufficientFreeAddresses", "message": NO_ADDRESSES, "resourceIds": ["s"]}]);
        assert_eq!(plan(&seen), [Step::Status(json!({"phase": "FAILED", "issues": issue}))]);
        seen.cluster["metadata"]["deletionTimestamp"] = json!("x");
        seen.control_plane = None;
        let rest = [Step::DeleteEntry("e".into()), Step::DeleteInterface("eni-1".into()), Step::DeleteInterface("eni-2".into())];
        assert_eq!(plan(&seen), rest);
        seen.nodegroups = vec!["web".into()];
        assert_eq!(plan(&seen), [Step::DeleteNodegroup("web".into())]);
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
