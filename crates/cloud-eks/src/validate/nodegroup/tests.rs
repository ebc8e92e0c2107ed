use super::*;

const ROLE: &str = "arn:aws:iam::1:role/nodes";

fn facts(service: &str) -> Facts {
    let trust = json!({"Statement": {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}});
    Facts {
        role: Some(json!({"arn": ROLE, "assumeRolePolicyDocument": trust.to_string()})),
        subnets: vec![json!({"subnetId": "subnet-1", "vpcId": "vpc-1"}), json!({"subnetId": "subnet-9", "vpcId": "vpc-9"})],
        cluster: json!({"version": "1.36", "resourcesVpcConfig": {"vpcId": "vpc-1"}}),
    }
}

fn input(extra: Doc) -> Doc {
    let mut input = json!({"clusterName": "demo", "nodegroupName": "web", "nodeRole": ROLE, "subnets": ["subnet-1"]});
    let members = extra.as_object().cloned().unwrap_or_default();
    input.as_object_mut().expect("an object").extend(members);
    input
}

#[test]
fn what_is_refused_and_how() {
    let unsupported = |member: &str| format!("The requested value of {member} is not supported by this installation of EKS.");
    let sizes =
        |min: u64, max: u64, desired: u64| json!({"scalingConfig": {"minSize": min, "maxSize": max, "desiredSize": desired}});
    for (extra, expected) in [
        (json!({}), String::new()),
        (json!({"instanceTypes": ["m5.large"], "labels": {"tier": "front"}, "capacityType": "ON_DEMAND"}), String::new()),
        (json!({"nodeRole": "arn:aws:iam::1:role/none"}), "The role with name none cannot be found.".into()),
        (json!({"instanceTypes": ["t9.gigantic"]}), "The following supplied instance types do not exist: [t9.gigantic]".into()),
        (
            json!({"instanceTypes": ["t4g.medium"]}),
            "[t4g.medium] is not a valid instance type for requested amiType AL2023_x86_64_STANDARD".into(),
        ),
        (json!({"instanceTypes": ["g4dn.xlarge"]}), unsupported("instanceTypes with accelerators (g4dn.xlarge)")),
        (json!({"subnets": ["subnet-2"]}), "The subnet ID 'subnet-2' does not exist".into()),
        (json!({"subnets": []}), "Subnets can't be empty".into()),
        (sizes(3, 4, 2), "Minimum capacity 3 can't be greater than desired size 2".into()),
        (sizes(1, 2, 3), "desired capacity 3 can't be greater than max size 2".into()),
        (sizes(3, 2, 3), "Minimum capacity 3 can't be greater than max size 2".into()),
        (sizes(0, 1, 0), String::new()),
        (json!({"launchTemplate": {"name": "x"}}), unsupported("launchTemplate")),
        (json!({"remoteAccess": {"ec2SshKey": "x"}}), unsupported("remoteAccess")),
        (json!({"nodeRepairConfig": {"enabled": false}}), String::new()),
        (json!({"nodeRepairConfig": {"enabled": true}}), unsupported("nodeRepairConfig")),
        (json!({"amiType": "BOTTLEROCKET_x86_64"}), unsupported("amiType")),
        (json!({"capacityType": "SPOT"}), unsupported("capacityType")),
        (json!({"updateConfig": {"updateStrategy": "MINIMAL"}}), unsupported("updateConfig.updateStrategy")),
        (
            json!({"labels": {"node.kubernetes.io/x": "y"}}),
            "Label cannot contain reserved prefixes [kubernetes.io/, k8s.io/, eks.amazonaws.com/]".into(),
        ),
        (
            json!({"updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 10}}),
            "You can specify either maxUnavailable or maxUnavailablePercentage, but not both".into(),
        ),
        (json!({"version": "1.35"}), "Requested Nodegroup version 1.35 is not supported by a cluster of version 1.36".into()),
    ] {
        let mut facts = facts("ec2.amazonaws.com");
        facts.subnets.truncate(1);
        let outcome = check(&input(extra.clone()), &facts).err().unwrap_or_default();
        assert_eq!(outcome, expected, "{extra}");
    }
    let foreign = check(&input(json!({"subnets": ["subnet-1", "subnet-9"]})), &facts("ec2.amazonaws.com"));
    assert_eq!(foreign, Err("Subnets [subnet-9] are not in the VPC of the cluster".into()));
    let untrusting = check(&input(json!({})), &facts("eks.amazonaws.com"));
    assert!(untrusting.is_err_and(|why| why.starts_with("Following required service principals [ec2.amazonaws.com]")));
}

#[test]
fn defaults_are_eks_own() {
    let owner = Owner { account: "1", region: "us-east-1", uuid: "u", profile_id: "AIPA".into(), now: Time::from_unix(0) };
    let spec = specification(&input(json!({})), &facts("ec2.amazonaws.com"), &owner);
    let expected = json!({
        "instanceTypes": ["t3.medium"], "amiType": "AL2023_x86_64_STANDARD", "diskSize": 20, "capacityType": "ON_DEMAND",
        "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 2}, "releaseVersion": "1.36.2-20261110",
        "updateConfig": {"maxUnavailable": 1}, "nodegroupArn": "arn:aws:eks:us-east-1:1:nodegroup/demo/web/u",
    });
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(spec[member], *value, "{member}");
    }
}
