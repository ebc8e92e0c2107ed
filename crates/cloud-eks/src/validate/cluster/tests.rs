use super::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/eksClusterRole";

fn role(service: &str) -> Doc {
    let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}});
    json!({"arn": ROLE, "assumeRolePolicyDocument": trust.to_string()})
}

fn subnet(id: &str, zone: &str, vpc: &str) -> Doc {
    json!({"subnetId": id, "availabilityZone": zone, "vpcId": vpc})
}

fn facts() -> Facts {
    Facts {
        role: Some(role("eks.amazonaws.com")),
        subnets: vec![subnet("s-a", "a", "v1"), subnet("s-b", "b", "v1")],
        security_groups: vec![json!({"groupId": "sg-1", "vpcId": "v1"}), json!({"groupId": "sg-2", "vpcId": "v2"})],
        vpc: Some(json!({"cidrBlock": "172.31.0.0/16"})),
    }
}

fn input() -> Doc {
    json!({"name": "demo", "roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": ["s-a", "s-b"]}})
}

type Change = fn(&mut Doc, &mut Facts);

#[test]
fn refusals_in_eks_words() {
    let role_text =
        format!("Role with arn: {ROLE}, could not be assumed because it does not exist or the trusted entity is not correct");
    let cases: &[(Change, &str)] = &[
        (|_, _| {}, ""),
        (|input, _| input["version"] = json!("1.34"), ""),
        (|input, _| input["version"] = json!("1.12"), "unsupported Kubernetes version"),
        (|_, facts| facts.role = None, &role_text),
        (|_, facts| facts.role = Some(role("ec2.amazonaws.com")), &role_text),
        (|_, facts| facts.subnets[1] = subnet("s-b", "a", "v1"), "Subnets specified must be in at least two different AZs"),
        (|_, facts| facts.subnets[1] = subnet("s-b", "b", "v2"), "Subnets specified must belong to the same VPC"),
        (|_, facts| facts.subnets.truncate(1), "The subnet ID 's-b' does not exist"),
        (
            |input, _| input["resourcesVpcConfig"] = json!({}),
            "The subnetIds of resourcesVpcConfig must name at least two subnets.",
        ),
        (|input, _| input["resourcesVpcConfig"]["securityGroupIds"] = json!(["sg-1"]), ""),
        (
            |input, _| input["resourcesVpcConfig"]["securityGroupIds"] = json!(["sg-9"]),
            "The security group 'sg-9' does not exist",
        ),
        (
            |input, _| input["resourcesVpcConfig"]["securityGroupIds"] = json!(["sg-2"]),
            "Security group(s) specified must belong to the same VPC as the subnets",
        ),
        (
            |input, _| input["kubernetesNetworkConfig"]["serviceIpv4Cidr"] = json!("172.31.0.0/20"),
            "The serviceIpv4Cidr 172.31.0.0/20 must not overlap with the VPC CIDR block 172.31.0.0/16.",
        ),
        (|input, _| input["tags"] = json!({"aws:x": "y"}), "Tag key aws:x is invalid: keys that begin with aws: are reserved."),
    ];
    let model = Model::load("eks").expect("a built-in model");
    for (index, (change, expected)) in cases.iter().enumerate() {
        let (mut input, mut facts) = (input(), facts());
        change(&mut input, &mut facts);
        match check(model, &input, &facts) {
            Ok(()) => assert_eq!(*expected, "", "case {index}"),
            Err(error) => {
                assert_eq!(error.message, *expected, "case {index}");
                assert_eq!((error.code.as_str(), error.status), ("InvalidParameterException", 400));
                assert_eq!(error.members["clusterName"], "demo");
            }
        }
    }
}

#[test]
fn every_default_is_written_out() {
    let fresh = Fresh { security_group: "sg-9".into(), security_group_digits: "42".into(), oidc_id: "ABC".into() };
    let owner = Owner { account: "123456789012", region: "us-east-1", principal_arn: "arn:aws:iam::123456789012:user/alice" };
    let spec = specification(&input(), &facts(), &fresh, &owner);
    for (pointer, expected) in [
        ("/arn", json!("arn:aws:eks:us-east-1:123456789012:cluster/demo")),
        ("/version", json!("1.36")),
        ("/platformVersion", json!("eks.1")),
        ("/resourcesVpcConfig/vpcId", json!("v1")),
        ("/resourcesVpcConfig/clusterSecurityGroupId", json!("sg-9")),
        ("/resourcesVpcConfig/securityGroupIds", json!([])),
        ("/resourcesVpcConfig/endpointPrivateAccess", json!(false)),
        ("/kubernetesNetworkConfig/serviceIpv4Cidr", json!("10.100.0.0/16")),
        ("/identity/oidc/issuer", json!("https://oidc.eks.us-east-1.amazonaws.com/id/ABC")),
        ("/accessConfig/authenticationMode", json!("CONFIG_MAP")),
        ("/accessConfig/bootstrapClusterCreatorAdminPermissions", json!(true)),
        ("/upgradePolicy/supportType", json!("EXTENDED")),
        ("/deletionProtection", json!(false)),
        ("/clusterSecurityGroupName", json!("eks-cluster-sg-demo-42")),
        ("/tags", json!({})),
    ] {
        assert_eq!(spec.pointer(pointer), Some(&expected), "{pointer}");
    }
}
