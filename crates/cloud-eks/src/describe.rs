//! Records in EKS's own shape.

use crate::states::ClusterStatus;
use crate::versions::{DEFAULT_VERSION, Version};
use aws_service::records::{created_at, seconds};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meta::Doc;
use serde_json::json;

/// Members of a Cluster's specification that DescribeCluster shows as they are.
const SHOWN: [&str; 13] = [
    "name",
    "arn",
    "version",
    "platformVersion",
    "roleArn",
    "resourcesVpcConfig",
    "kubernetesNetworkConfig",
    "logging",
    "identity",
    "accessConfig",
    "upgradePolicy",
    "deletionProtection",
    "tags",
];

pub fn cluster(record: &Doc) -> Doc {
    let (spec, status) = (&record["spec"], &record["status"]);
    let mut out = json!({
        "createdAt": created_at(record), "status": ClusterStatus::of(record).as_str(), "certificateAuthority": {},
        "health": {"issues": status["issues"].as_array().cloned().unwrap_or_default()},
    });
    for member in SHOWN {
        out[member] = spec[member].clone();
    }
    if let (Some(endpoint), Some(pem)) = (status["endpoint"].as_str(), status["certificateAuthority"].as_str()) {
        out["endpoint"] = json!(endpoint);
        out["certificateAuthority"] = json!({"data": STANDARD.encode(pem)});
    }
    if let Some(token) = spec["clientRequest"]["token"].as_str() {
        out["clientRequestToken"] = json!(token);
    }
    out
}

pub fn access_entry(record: &Doc) -> Doc {
    let spec = &record["spec"];
    json!({
        "clusterName": spec["clusterName"], "principalArn": spec["principalArn"], "accessEntryArn": spec["accessEntryArn"],
        "kubernetesGroups": spec["kubernetesGroups"], "username": spec["username"], "type": spec["type"], "tags": spec["tags"],
        "createdAt": created_at(record), "modifiedAt": seconds(&spec["modifiedAt"]),
    })
}

pub fn associated_policy(policy: &Doc) -> Doc {
    json!({
        "policyArn": policy["policyArn"], "accessScope": policy["accessScope"], "associatedAt": seconds(&policy["associatedAt"]),
        "modifiedAt": seconds(&policy["modifiedAt"]),
    })
}

pub fn version(version: &Version) -> Doc {
    let day = |date: Option<&str>| date.map_or(Doc::Null, |date| seconds(&json!(format!("{date}T00:00:00Z"))));
    json!({
        "clusterVersion": version.minor, "clusterType": "eks", "defaultPlatformVersion": version.platform,
        "defaultVersion": version.minor == DEFAULT_VERSION, "releaseDate": day(version.released),
        "endOfStandardSupportDate": day(version.end_of_standard), "endOfExtendedSupportDate": day(version.end_of_extended),
        "status": "standard-support", "versionStatus": "STANDARD_SUPPORT", "kubernetesPatchVersion": version.patch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_wire::{Model, check_output};

    fn known(operation: &str, output: Doc) {
        let model = Model::load("eks").expect("a built-in model");
        let outcome = check_output(model, model.operation(operation).expect("modelled"), &output);
        assert_eq!(outcome, Ok(()), "{output}");
    }

    #[test]
    fn shapes_are_ones_the_model_knows() {
        let mut record = json!({
            "metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"},
            "spec": {
                "name": "demo", "arn": "arn:aws:eks:us-east-1:1:cluster/demo", "version": "1.36", "platformVersion": "eks.1",
                "roleArn": "r", "resourcesVpcConfig": {"subnetIds": []}, "kubernetesNetworkConfig": {}, "logging": {},
                "identity": {"oidc": {"issuer": "i"}}, "accessConfig": {}, "upgradePolicy": {}, "deletionProtection": false,
                "tags": {}, "clientRequest": {"token": "t", "fingerprint": "f"},
            },
        });
        let creating = cluster(&record);
        assert_eq!((&creating["status"], creating.get("endpoint")), (&json!("CREATING"), None));
        assert_eq!(creating["certificateAuthority"], json!({}));
        record["status"] = json!({"phase": "ACTIVE", "endpoint": "https://127.0.0.2", "certificateAuthority": "PEM"});
        let active = cluster(&record);
        assert_eq!(active["certificateAuthority"]["data"], "UEVN");
        known("DescribeCluster", json!({"cluster": creating}));
        known("DescribeCluster", json!({"cluster": active}));
        let versions: Vec<Doc> = crate::VERSIONS.iter().map(version).collect();
        known("DescribeClusterVersions", json!({"clusterVersions": versions}));
    }
}
