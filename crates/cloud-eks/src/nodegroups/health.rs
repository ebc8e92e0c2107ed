//! What keeps a node group from what is wanted, in EKS's codes and words.

use super::{name, text};
use meta::Doc;
use serde_json::json;

const NO_ADDRESSES: &str =
    "One or more of the subnets associated with your node group does not have enough available IP addresses for new nodes.";
const NOT_JOINED: &str = "Instances failed to join the kubernetes cluster";

/// Issues of instances that are wanted and not there, each code once with the resources it concerns.
pub fn issues(live: &[&Doc]) -> Vec<Doc> {
    let mut issues: Vec<Doc> = Vec::new();
    for instance in live {
        let Some((code, message, resource)) = issue(instance) else { continue };
        match issues.iter_mut().find(|known| known["code"] == code && known["message"] == message.as_str()) {
            Some(known) => {
                if let Some(resources) = known["resourceIds"].as_array_mut().filter(|all| !all.iter().any(|one| one == resource))
                {
                    resources.push(json!(resource));
                }
            }
            None => issues.push(json!({"code": code, "message": message, "resourceIds": [resource]})),
        }
    }
    issues
}

fn issue(instance: &Doc) -> Option<(&'static str, String, &str)> {
    let status = &instance["status"];
    match status["issue"]["code"].as_str() {
        Some("InsufficientFreeAddressesInSubnet") => {
            return Some(("InsufficientFreeAddresses", NO_ADDRESSES.into(), text(instance, "/spec/subnetId")));
        }
        Some(_) => return Some(("Ec2SubnetNotFound", text(status, "/issue/message").into(), text(instance, "/spec/subnetId"))),
        None => {}
    }
    let code = status["stateReason"]["code"].as_str().filter(|code| !code.is_empty() && status["state"] != "running")?;
    let message = format!(
        "Could not launch On-Demand Instances. {code} - {} Launching EC2 instance failed.",
        text(status, "/stateReason/message")
    );
    Some(("AsgInstanceLaunchFailures", message, name(instance)))
}

/// Whether waiting cannot help.
pub fn is_final(issues: &[Doc]) -> bool {
    issues.iter().any(|issue| matches!(issue["code"].as_str(), Some("InsufficientFreeAddresses" | "Ec2SubnetNotFound")))
}

/// The issue of instances that run and have not become nodes in time.
pub fn not_joined(instances: &[&Doc]) -> Doc {
    let names: Vec<&str> = instances.iter().map(|instance| name(instance)).collect();
    json!({"code": "NodeCreationFailure", "message": NOT_JOINED, "resourceIds": names})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_eks_code() {
        let instance = |id: &str, status: Doc| json!({"metadata": {"name": id}, "spec": {"subnetId": "s1"}, "status": status});
        let full = json!({"issue": {"code": "InsufficientFreeAddressesInSubnet", "message": "m"}});
        let (one, two) = (instance("i1", full.clone()), instance("i2", full));
        let expected = json!([{"code": "InsufficientFreeAddresses", "message": NO_ADDRESSES, "resourceIds": ["s1"]}]);
        assert_eq!(json!(issues(&[&one, &two])), expected);
        assert!(is_final(&issues(&[&one])));
        let broken = instance(
            "i3",
            json!({"state": "pending", "stateReason": {"code": "Server.InternalError", "message": "no cgroups."}}),
        );
        let found = issues(&[&broken]);
        assert_eq!((&found[0]["code"], &found[0]["resourceIds"]), (&json!("AsgInstanceLaunchFailures"), &json!(["i3"])));
        assert!(found[0]["message"].as_str().is_some_and(|text| text.contains("Server.InternalError - no cgroups.")));
        assert!(!is_final(&found));
        assert_eq!(issues(&[&instance("i4", json!({"state": "running"}))]), Vec::<Doc>::new());
    }
}
