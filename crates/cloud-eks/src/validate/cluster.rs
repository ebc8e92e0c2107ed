//! CreateCluster: the rules, and the specification that a good request becomes.

use super::{network, tags, unsupported};
use crate::failures::invalid_parameter;
use crate::versions::{DEFAULT_VERSION, Version};
use aws_service::policy::PolicyDocument;
use aws_wire::{AwsError, Model};
use ipnet::Ipv4Net;
use meta::Doc;
use serde_json::json;
use std::collections::BTreeSet;

/// What the input refers to, as specifications of other services' records.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub role: Option<Doc>,
    /// Found among the asked ones, in the order asked.
    pub subnets: Vec<Doc>,
    pub security_groups: Vec<Doc>,
    /// The VPC of the first subnet.
    pub vpc: Option<Doc>,
}

/// Identifiers made for a new cluster.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// `sg-0...`
    pub security_group: String,
    /// The digits at the end of its name.
    pub security_group_digits: String,
    /// Thirty-two upper-case hex digits.
    pub oidc_id: String,
}

pub struct Owner<'a> {
    pub account: &'a str,
    pub region: &'a str,
    /// The IAM user or role that asks.
    pub principal_arn: &'a str,
}

const LOG_TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];
const MAX_SECURITY_GROUPS: usize = 5;
const MIN_ZONES: usize = 2;

/// Whatever is wrong with the request, in the order in which EKS would find it.
pub fn check(model: &Model, input: &Doc, facts: &Facts) -> Result<(), AwsError> {
    let name = text(input, "name");
    let refuse = |why: String| invalid_parameter(model, name, why);
    unsupported::check(input).map_err(refuse)?;
    tags::check(&input["tags"]).map_err(refuse)?;
    check_version(input).map_err(refuse)?;
    check_role(text(input, "roleArn"), facts.role.as_ref()).map_err(refuse)?;
    check_subnets(input, facts).map_err(refuse)?;
    check_security_groups(input, facts).map_err(refuse)?;
    match input["kubernetesNetworkConfig"]["serviceIpv4Cidr"].as_str() {
        Some(cidr) => network::check_service_cidr(cidr, &vpc_cidrs(facts)).map_err(refuse),
        None => Ok(()),
    }
}

fn check_version(input: &Doc) -> Result<(), String> {
    match input["version"].as_str() {
        Some(version) if Version::find(version).is_none() => Err("unsupported Kubernetes version".into()),
        _ => Ok(()),
    }
}

fn check_role(arn: &str, role: Option<&Doc>) -> Result<(), String> {
    let trust = role.filter(|role| text(role, "arn") == arn).and_then(|role| role["assumeRolePolicyDocument"].as_str());
    let trusted =
        trust.and_then(|text| PolicyDocument::parse_trust(text).ok()).is_some_and(|p| p.trusts_service("eks.amazonaws.com"));
    if trusted {
        return Ok(());
    }
    Err(format!("Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"))
}

fn check_subnets(input: &Doc, facts: &Facts) -> Result<(), String> {
    let asked = texts(&input["resourcesVpcConfig"]["subnetIds"]);
    if asked.is_empty() {
        return Err("The subnetIds of resourcesVpcConfig must name at least two subnets.".into());
    }
    if let Some(missing) = asked.iter().find(|id| !facts.subnets.iter().any(|subnet| text(subnet, "subnetId") == **id)) {
        return Err(format!("The subnet ID '{missing}' does not exist"));
    }
    let distinct = |member: &str| facts.subnets.iter().map(|subnet| text(subnet, member)).collect::<BTreeSet<_>>();
    if distinct("vpcId").len() > 1 {
        return Err("Subnets specified must belong to the same VPC".into());
    }
    if distinct("availabilityZone").len() < MIN_ZONES {
        return Err("Subnets specified must be in at least two different AZs".into());
    }
    Ok(())
}

fn check_security_groups(input: &Doc, facts: &Facts) -> Result<(), String> {
    let asked = texts(&input["resourcesVpcConfig"]["securityGroupIds"]);
    if asked.len() > MAX_SECURITY_GROUPS {
        return Err(format!("At most {MAX_SECURITY_GROUPS} security groups may be specified"));
    }
    let vpc = facts.subnets.first().map_or("", |subnet| text(subnet, "vpcId"));
    for id in asked {
        match facts.security_groups.iter().find(|group| text(group, "groupId") == id) {
            None => return Err(format!("The security group '{id}' does not exist")),
            Some(group) if text(group, "vpcId") != vpc => {
                return Err("Security group(s) specified must belong to the same VPC as the subnets".into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The record's specification: EKS's own description, with every default written out.
pub fn specification(input: &Doc, facts: &Facts, fresh: &Fresh, owner: &Owner<'_>) -> Doc {
    let name = text(input, "name");
    let version = text_or(input, "version", DEFAULT_VERSION);
    let network = &input["kubernetesNetworkConfig"];
    let access = &input["accessConfig"];
    let default_cidr = network::default_service_cidr(&vpc_cidrs(facts));
    json!({
        "name": name,
        "arn": format!("arn:aws:eks:{}:{}:cluster/{name}", owner.region, owner.account),
        "version": version,
        "platformVersion": Version::find(version).map(|version| version.platform),
        "roleArn": input["roleArn"],
        "resourcesVpcConfig": vpc_config(&input["resourcesVpcConfig"], facts, fresh),
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": text_or(network, "serviceIpv4Cidr", default_cidr), "ipFamily": "ipv4",
            "elasticLoadBalancing": {"enabled": false},
        },
        "logging": {"clusterLogging": [{"types": LOG_TYPES, "enabled": false}]},
        "identity": {"oidc": {"issuer": format!("https://oidc.eks.{}.amazonaws.com/id/{}", owner.region, fresh.oidc_id)}},
        "accessConfig": {
            "authenticationMode": text_or(access, "authenticationMode", "CONFIG_MAP"),
            "bootstrapClusterCreatorAdminPermissions": flag_or(access, "bootstrapClusterCreatorAdminPermissions", true),
        },
        "upgradePolicy": {"supportType": text_or(&input["upgradePolicy"], "supportType", "EXTENDED")},
        "deletionProtection": flag_or(input, "deletionProtection", false),
        "bootstrapSelfManagedAddons": flag_or(input, "bootstrapSelfManagedAddons", true),
        "tags": if input["tags"].is_object() { input["tags"].clone() } else { json!({}) },
        "creatorArn": owner.principal_arn,
        "clusterSecurityGroupName": format!("eks-cluster-sg-{name}-{}", fresh.security_group_digits),
    })
}

fn vpc_config(asked: &Doc, facts: &Facts, fresh: &Fresh) -> Doc {
    json!({
        "subnetIds": asked["subnetIds"],
        "securityGroupIds": if asked["securityGroupIds"].is_array() { asked["securityGroupIds"].clone() } else { json!([]) },
        "clusterSecurityGroupId": fresh.security_group,
        "vpcId": facts.subnets.first().map(|subnet| subnet["vpcId"].clone()),
        "endpointPublicAccess": true,
        "endpointPrivateAccess": flag_or(asked, "endpointPrivateAccess", false),
        "publicAccessCidrs": ["0.0.0.0/0"],
    })
}

fn vpc_cidrs(facts: &Facts) -> Vec<Ipv4Net> {
    let associations = facts.vpc.iter().flat_map(|vpc| vpc["cidrBlockAssociationSet"].as_array().into_iter().flatten());
    let own = facts.vpc.iter().map(|vpc| &vpc["cidrBlock"]);
    let blocks = own.chain(associations.map(|association| &association["cidrBlock"]));
    blocks.filter_map(|block| block.as_str()?.parse().ok()).collect()
}

fn text<'a>(doc: &'a Doc, member: &str) -> &'a str {
    text_or(doc, member, "")
}

fn text_or<'a>(doc: &'a Doc, member: &str, default: &'a str) -> &'a str {
    doc[member].as_str().unwrap_or(default)
}

fn flag_or(doc: &Doc, member: &str, default: bool) -> bool {
    doc[member].as_bool().unwrap_or(default)
}

fn texts(list: &Doc) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Doc::as_str).collect()
}

#[cfg(test)]
mod tests;
