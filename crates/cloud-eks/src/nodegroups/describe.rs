//! Node groups and updates in EKS's own shape.

use super::NodegroupStatus;
use aws_service::records::{created_at, seconds};
use meta::Doc;
use serde_json::json;

/// Members of a Nodegroup's specification that DescribeNodegroup shows as they are.
const SHOWN: [&str; 16] = [
    "nodegroupName",
    "nodegroupArn",
    "clusterName",
    "version",
    "releaseVersion",
    "capacityType",
    "scalingConfig",
    "instanceTypes",
    "subnets",
    "amiType",
    "nodeRole",
    "labels",
    "taints",
    "diskSize",
    "updateConfig",
    "tags",
];

pub fn nodegroup(record: &Doc) -> Doc {
    let (spec, status) = (&record["spec"], &record["status"]);
    let mut out = json!({
        "createdAt": created_at(record), "modifiedAt": seconds(&spec["modifiedAt"]),
        "status": NodegroupStatus::of(record).as_str(),
        "resources": {"autoScalingGroups": [{"name": spec["autoScalingGroupName"]}]},
        "health": {"issues": status["issues"].as_array().cloned().unwrap_or_default()},
    });
    for member in SHOWN.iter().filter(|member| !spec[**member].is_null()) {
        out[*member] = spec[*member].clone();
    }
    // A group without taints has none to show.
    if out["taints"].as_array().is_some_and(Vec::is_empty) {
        out["taints"] = Doc::Null;
    }
    out
}

pub fn update(record: &Doc) -> Doc {
    let (spec, status) = (&record["spec"], &record["status"]);
    json!({
        "id": spec["id"], "status": status["phase"].as_str().unwrap_or("InProgress"), "type": spec["type"],
        "params": spec["params"], "createdAt": seconds(&spec["createdAt"]),
        "errors": status["errors"].as_array().cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_wire::{Model, check_output};

    #[test]
    fn shapes_are_ones_the_model_knows() {
        let model = Model::load("eks").expect("a built-in model");
        let record = json!({
            "metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"},
            "spec": {
                "nodegroupName": "web", "nodegroupArn": "a", "clusterName": "demo", "version": "1.36", "releaseVersion": "r",
                "capacityType": "ON_DEMAND", "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 2},
                "instanceTypes": ["t3.medium"], "subnets": ["s"], "amiType": "AL2023_x86_64_STANDARD", "nodeRole": "n",
                "labels": {"a": "b"}, "taints": [{"key": "k", "effect": "NO_SCHEDULE"}], "diskSize": 20,
                "updateConfig": {"maxUnavailable": 1}, "tags": {}, "autoScalingGroupName": "eks-web-u",
                "modifiedAt": "2026-11-20T10:00:00Z",
            },
            "status": {"phase": "DEGRADED", "issues": [{"code": "InsufficientFreeAddresses", "message": "m", "resourceIds": ["s"]}]},
        });
        let shown = json!({"nodegroup": nodegroup(&record)});
        let operation = model.operation("DescribeNodegroup").expect("modelled");
        assert_eq!(check_output(model, operation, &shown), Ok(()), "{shown}");
        let record = json!({"spec": {
            "id": "u", "type": "ConfigUpdate", "params": [{"type": "MinSize", "value": "1"}], "createdAt": "2026-11-20T10:00:00Z",
        }});
        let operation = model.operation("DescribeUpdate").expect("modelled");
        assert_eq!(check_output(model, operation, &json!({"update": update(&record)})), Ok(()));
    }
}
