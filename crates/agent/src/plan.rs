//! What to do about a ControlPlane record, decided purely from the record.

use crate::control_plane::Endpoint;
use meta::Doc;
use serde_json::json;
use std::net::Ipv4Addr;

/// Keeps a record until nothing of its control plane is left; whoever creates the record sets it.
pub const FINALIZER: &str = "agent.pilothouse.dev/control-plane";

/// After as many failures in a row a control plane counts as Failed; it is still tried again.
const FAILURES_UNTIL_FAILED: u64 = 3;

/// What a control plane is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPlaneSpec {
    pub namespace: String,
    pub name: String,
    /// Of the record: a control plane made anew under the same name is another one.
    pub uid: String,
    pub cluster_name: String,
    pub cluster_arn: String,
    pub cluster_uid: String,
    /// `1.36`
    pub version: String,
    pub service_ipv4_cidr: String,
    pub oidc_issuer: String,
    /// `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`
    pub authentication_mode: String,
    /// Where it served before, to be kept over restarts.
    pub previous_endpoint: Option<String>,
    /// Its network interfaces in the cluster's subnets.
    pub network_interface_ids: Vec<String>,
}

impl ControlPlaneSpec {
    pub fn of(record: &Doc) -> Self {
        let text = |pointer: &str| record.pointer(pointer).and_then(Doc::as_str).unwrap_or_default().to_owned();
        Self {
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
            cluster_name: text("/spec/clusterName"),
            cluster_arn: text("/spec/clusterArn"),
            cluster_uid: text("/spec/clusterUid"),
            version: text("/spec/version"),
            service_ipv4_cidr: text("/spec/serviceIpv4Cidr"),
            oidc_issuer: text("/spec/oidcIssuer"),
            authentication_mode: text("/spec/authenticationMode"),
            network_interface_ids: texts(&record["spec"]["networkInterfaceIds"]),
            previous_endpoint: Some(text("/status/endpoint")).filter(|endpoint| !endpoint.is_empty()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another host's, or already let go.
    Leave,
    Ensure,
    /// Then let go.
    Destroy,
}

pub fn plan(record: &Doc, host: &str) -> Step {
    if record["spec"]["host"] != host {
        return Step::Leave;
    }
    let held = record["metadata"]["finalizers"].as_array().into_iter().flatten().any(|finalizer| finalizer == FINALIZER);
    match (record["metadata"]["deletionTimestamp"].is_null(), held) {
        (true, _) => Step::Ensure,
        (false, true) => Step::Destroy,
        (false, false) => Step::Leave,
    }
}

fn texts(list: &Doc) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Doc::as_str).map(str::to_owned).collect()
}

/// The status of a control plane that serves, unless the record already says so. Without a network, what the record says of
/// addresses stays: after a restart they come back in a moment.
pub fn ready(record: &Doc, endpoint: &Endpoint, addresses: Option<&[Ipv4Addr]>) -> Option<Doc> {
    let mut status = json!({
        "phase": "Ready", "endpoint": endpoint.url, "certificateAuthority": endpoint.certificate_authority_pem, "message": "",
        "failures": 0,
    });
    if let Some(addresses) = addresses {
        status["addresses"] = json!(addresses);
    }
    let said = |field: &String, value: &Doc| record["status"][field] == *value;
    let known = status.as_object().is_some_and(|fields| fields.iter().all(|(field, value)| said(field, value)));
    (!known).then_some(status)
}

/// The status after one more failure.
pub fn failed(record: &Doc, why: &str) -> Doc {
    let failures = record["status"]["failures"].as_u64().unwrap_or(0).saturating_add(1);
    let phase = if failures >= FAILURES_UNTIL_FAILED { "Failed" } else { "Starting" };
    json!({"phase": phase, "message": why, "failures": failures})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hosts_own_records_are_touched() {
        let record = |host: &str, deleting: bool, held: bool| {
            json!({
                "metadata": {
                    "deletionTimestamp": deleting.then_some("x"), "finalizers": if held { json!([FINALIZER]) } else { json!(["x"]) },
                },
                "spec": {"host": host},
            })
        };
        for (host, deleting, held, step) in [
            ("here", false, true, Step::Ensure),
            ("here", false, false, Step::Ensure),
            ("here", true, true, Step::Destroy),
            ("here", true, false, Step::Leave),
            ("there", false, true, Step::Leave),
            ("there", true, true, Step::Leave),
        ] {
            assert_eq!(plan(&record(host, deleting, held), "here"), step, "{host} {deleting} {held}");
        }
    }

    #[test]
    fn a_status_is_written_once() {
        let endpoint = |url: &str| Endpoint { url: url.into(), certificate_authority_pem: "PEM".into() };
        let (here, there) = (endpoint("https://127.0.0.2"), endpoint("https://127.0.0.3"));
        let address = [Ipv4Addr::new(172, 31, 0, 9)];
        let mut record = json!({"status": ready(&json!({}), &here, None).expect("a change")});
        assert_eq!(ready(&record, &here, None), None);
        assert!(ready(&record, &there, None).is_some());
        let status = ready(&record, &here, Some(&address)).expect("a change");
        assert_eq!(status["addresses"], json!(["172.31.0.9"]));
        record["status"] = status;
        assert_eq!((ready(&record, &here, Some(&address)), ready(&record, &here, None)), (None, None));
    }

    #[test]
    fn failed_means_several_times_in_a_row() {
        let mut record = json!({});
        for (failures, phase) in [(1, "Starting"), (2, "Starting"), (3, "Failed"), (4, "Failed")] {
            record["status"] = failed(&record, "no port");
            assert_eq!((&record["status"]["failures"], &record["status"]["phase"]), (&json!(failures), &json!(phase)));
        }
    }

    #[test]
    fn specifications_name_what_a_control_plane_needs() {
        let record = json!({
            "metadata": {"namespace": "1-us-east-1", "name": "demo", "uid": "u"},
            "spec": {"clusterName": "demo", "version": "1.36", "serviceIpv4Cidr": "10.100.0.0/16", "networkInterfaceIds": ["eni-1"]},
            "status": {"endpoint": "https://127.0.0.2"},
        });
        let spec = ControlPlaneSpec::of(&record);
        assert_eq!((spec.version.as_str(), spec.uid.as_str()), ("1.36", "u"));
        assert_eq!(spec.network_interface_ids, ["eni-1"]);
        assert_eq!(spec.previous_endpoint.as_deref(), Some("https://127.0.0.2"));
    }
}
