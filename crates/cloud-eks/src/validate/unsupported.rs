//! Options of CreateCluster that are not built: refused with their name, never accepted and ignored.

use meta::Doc;

type Asked = fn(&Doc) -> bool;

/// The member's path, and whether its value asks for something that is not built.
const UNSUPPORTED: &[(&str, Asked)] = &[
    ("/outpostConfig", given),
    ("/remoteNetworkConfig", given),
    ("/encryptionConfig", given),
    ("/computeConfig/enabled", is_true),
    ("/storageConfig/blockStorage/enabled", is_true),
    ("/kubernetesNetworkConfig/elasticLoadBalancing/enabled", is_true),
    ("/kubernetesNetworkConfig/elasticLoadBalancing/gatewayApi", given),
    ("/kubernetesNetworkConfig/ipFamily", |family| family == "ipv6"),
    ("/zonalShiftConfig/enabled", is_true),
    ("/controlPlaneScalingConfig/tier", |tier| given(tier) && tier != "standard"),
    ("/resourcesVpcConfig/endpointPublicAccess", |access| access == false),
    ("/resourcesVpcConfig/publicAccessCidrs", restricts),
    ("/resourcesVpcConfig/controlPlaneEgressMode", given),
    ("/logging/clusterLogging", enables_logs),
    ("/kubeApiServerConfig", given),
    ("/kubeSchedulerConfig", given),
    ("/kubeControllerManagerConfig", given),
];

/// The refusal's text for the first such option.
pub fn check(input: &Doc) -> Result<(), String> {
    let asked = UNSUPPORTED.iter().find(|(path, asked)| input.pointer(path).is_some_and(asked));
    match asked {
        Some((path, _)) => {
            let member = path.trim_start_matches('/').replace('/', ".");
            Err(format!("The requested value of {member} is not supported by this installation of EKS."))
        }
        None => Ok(()),
    }
}

fn given(value: &Doc) -> bool {
    match value {
        Doc::Null => false,
        Doc::Array(items) => !items.is_empty(),
        Doc::Object(members) => members.values().any(|member| !member.is_null()),
        _ => true,
    }
}

fn is_true(value: &Doc) -> bool {
    *value == true
}

/// Everyone who reaches the endpoint is on the loopback interface, so only an open list is the truth.
fn restricts(cidrs: &Doc) -> bool {
    given(cidrs) && !cidrs.as_array().is_some_and(|list| list.iter().any(|cidr| cidr == "0.0.0.0/0"))
}

fn enables_logs(settings: &Doc) -> bool {
    settings.as_array().into_iter().flatten().any(|setting| setting["enabled"] == true && given(&setting["types"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for (input, member) in [
            (json!({}), ""),
            (json!({"computeConfig": {"enabled": false}}), ""),
            (json!({"computeConfig": {"enabled": true}}), "computeConfig.enabled"),
            (json!({"encryptionConfig": []}), ""),
            (json!({"encryptionConfig": [{"resources": ["secrets"]}]}), "encryptionConfig"),
            (json!({"kubernetesNetworkConfig": {"ipFamily": "ipv4"}}), ""),
            (json!({"kubernetesNetworkConfig": {"ipFamily": "ipv6"}}), "kubernetesNetworkConfig.ipFamily"),
            (json!({"resourcesVpcConfig": {"publicAccessCidrs": ["0.0.0.0/0"]}}), ""),
            (json!({"resourcesVpcConfig": {"publicAccessCidrs": ["1.2.3.4/32"]}}), "resourcesVpcConfig.publicAccessCidrs"),
            (json!({"resourcesVpcConfig": {"endpointPublicAccess": false}}), "resourcesVpcConfig.endpointPublicAccess"),
            (json!({"logging": {"clusterLogging": [{"types": ["api"], "enabled": false}]}}), ""),
            (json!({"logging": {"clusterLogging": [{"types": ["api"], "enabled": true}]}}), "logging.clusterLogging"),
            (json!({"controlPlaneScalingConfig": {"tier": "standard"}}), ""),
            (json!({"controlPlaneScalingConfig": {"tier": "tier-xl"}}), "controlPlaneScalingConfig.tier"),
        ] {
            let expected = if member.is_empty() {
                Ok(())
            } else {
                Err(format!("The requested value of {member} is not supported by this installation of EKS."))
            };
            assert_eq!(check(&input), expected, "{input}");
        }
    }
}
