//! CreateNodegroup and UpdateNodegroupConfig: the rules, and the specification that a good request becomes.

use super::tags;
use crate::versions::Version;
use aws_service::ids;
use aws_service::policy::PolicyDocument;
use aws_wire::InstanceType;
use meta::{Doc, Time};
use serde_json::{Value, json};

const AMI_TYPE: &str = "AL2023_x86_64_STANDARD";
const ARCHITECTURE: &str = "x86_64";
const INSTANCE_TYPE: &str = "t3.medium";
const CAPACITY_TYPE: &str = "ON_DEMAND";
const DISK_SIZE_GIB: u64 = 20;
/// The day in the name of the release that nodes of this software are.
const RELEASE_DAY: &str = "20261110";
const RESERVED_PREFIXES: [&str; 3] = ["kubernetes.io/", "k8s.io/", "eks.amazonaws.com/"];
const MAX_TAINTS: usize = 50;

/// Options that are not built: refused with their name, never accepted and ignored.
const UNSUPPORTED: [&str; 5] =
    ["launchTemplate", "remoteAccess", "warmPoolConfig", "nodeRepairConfig", "/updateConfig/updateStrategy"];

/// What the input refers to.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Specification of the node role.
    pub role: Option<Doc>,
    /// Specifications of the subnets that exist.
    pub subnets: Vec<Doc>,
    /// The Cluster record's specification.
    pub cluster: Doc,
}

pub fn check(input: &Doc, facts: &Facts) -> Result<(), String> {
    check_supported(input)?;
    tags::check(&input["tags"])?;
    check_role(text(input, "nodeRole"), facts.role.as_ref())?;
    check_version(input, &facts.cluster)?;
    check_types(&texts(&input["instanceTypes"]))?;
    check_scaling(&scaling(&Doc::Null, &input["scalingConfig"]))?;
    check_labels(&input["labels"])?;
    check_taints(&input["taints"])?;
    check_update_config(&input["updateConfig"])?;
    check_subnets(&texts(&input["subnets"]), facts)
}

fn unsupported(member: &str) -> String {
    format!("The requested value of {member} is not supported by this installation of EKS.")
}

fn check_supported(input: &Doc) -> Result<(), String> {
    for member in UNSUPPORTED {
        let path = if member.starts_with('/') { member.to_owned() } else { format!("/{member}") };
        let asked = match input.pointer(&path) {
            None | Some(Value::Null) => false,
            Some(Value::Object(members)) => {
                members.iter().any(|(key, value)| !(value.is_null() || key == "enabled" && value == false))
            }
            Some(Value::String(strategy)) => strategy != "DEFAULT",
            Some(_) => true,
        };
        if asked {
            return Err(unsupported(member.trim_start_matches('/').replace('/', ".").as_str()));
        }
    }
    if input["amiType"].as_str().is_some_and(|ami| ami != AMI_TYPE) {
        return Err(unsupported("amiType"));
    }
    if input["capacityType"].as_str().is_some_and(|capacity| capacity != CAPACITY_TYPE) {
        return Err(unsupported("capacityType"));
    }
    Ok(())
}

fn check_role(arn: &str, role: Option<&Doc>) -> Result<(), String> {
    let Some(role) = role.filter(|role| text(role, "arn") == arn) else {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        return Err(format!("The role with name {name} cannot be found."));
    };
    let trust = PolicyDocument::parse_trust(text(role, "assumeRolePolicyDocument"));
    if trust.is_ok_and(|policy| policy.trusts_service("ec2.amazonaws.com")) {
        return Ok(());
    }
    let service = "ec2.amazonaws.com";
    Err(format!("Following required service principals [{service}] were not found in the trust relationships of nodeRole {arn}"))
}

fn check_version(input: &Doc, cluster: &Doc) -> Result<(), String> {
    let version = text(cluster, "version");
    match input["version"].as_str() {
        Some(asked) if asked != version => {
            return Err(format!("Requested Nodegroup version {asked} is not supported by a cluster of version {version}"));
        }
        _ => {}
    }
    match input["releaseVersion"].as_str() {
        Some(asked) if asked != release_version(version) => {
            Err(format!("Requested release version {asked} is not valid for kubernetes version {version}."))
        }
        _ => Ok(()),
    }
}

fn check_types(names: &[&str]) -> Result<(), String> {
    if names.len() > 1 {
        // Which of several is launched is decided by prices and capacity, of which there are none here.
        return Err(unsupported("instanceTypes with more than one type"));
    }
    for name in names {
        let Some(known) = InstanceType::find(name) else {
            return Err(format!("The following supplied instance types do not exist: [{name}]"));
        };
        if known.architecture() != ARCHITECTURE {
            return Err(format!("[{name}] is not a valid instance type for requested amiType {AMI_TYPE}"));
        }
        if known.has_accelerator() {
            return Err(unsupported(&format!("instanceTypes with accelerators ({name})")));
        }
    }
    Ok(())
}

/// The asked sizes over those of before; a group that asks for none has EKS's.
pub fn scaling(before: &Doc, asked: &Doc) -> Doc {
    let size = |member: &str, default: u64| asked[member].as_u64().or(before[member].as_u64()).unwrap_or(default);
    json!({"minSize": size("minSize", 1), "maxSize": size("maxSize", 2), "desiredSize": size("desiredSize", 2)})
}

pub fn check_scaling(sizes: &Doc) -> Result<(), String> {
    let size = |member: &str| sizes[member].as_u64().unwrap_or(0);
    let (min, max, desired) = (size("minSize"), size("maxSize"), size("desiredSize"));
    if max < min {
        return Err(format!("Minimum capacity {min} can't be greater than max size {max}"));
    }
    if desired < min {
        return Err(format!("Minimum capacity {min} can't be greater than desired size {desired}"));
    }
    if desired > max {
        return Err(format!("desired capacity {desired} can't be greater than max size {max}"));
    }
    Ok(())
}

pub fn check_labels(labels: &Doc) -> Result<(), String> {
    for (key, value) in labels.as_object().into_iter().flatten() {
        let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
        if RESERVED_PREFIXES.iter().any(|reserved| format!("{prefix}/").ends_with(reserved)) {
            return Err(format!("Label cannot contain reserved prefixes [{}]", RESERVED_PREFIXES.join(", ")));
        }
        let wrong = meta::names::qualified_name(key).into_iter().next();
        let wrong = wrong.or_else(|| meta::names::label_value(value.as_str().unwrap_or_default()).into_iter().next());
        if let Some(why) = wrong {
            return Err(format!("Invalid label {key}: {why}"));
        }
    }
    Ok(())
}

pub fn check_taints(taints: &Doc) -> Result<(), String> {
    let taints = taints.as_array().map(Vec::as_slice).unwrap_or_default();
    if taints.len() > MAX_TAINTS {
        return Err(format!("Too many taints: {}. The maximum is {MAX_TAINTS}.", taints.len()));
    }
    for taint in taints {
        let (key, value) = (text(taint, "key"), text(taint, "value"));
        let wrong = meta::names::qualified_name(key).into_iter().next();
        if let Some(why) = wrong.or_else(|| meta::names::label_value(value).into_iter().next()) {
            return Err(format!("Invalid taint {key}: {why}"));
        }
        if taint["effect"].is_null() {
            return Err(format!("Taint {key} has no effect"));
        }
    }
    Ok(())
}

pub fn check_update_config(config: &Doc) -> Result<(), String> {
    match config["maxUnavailable"].is_u64() && config["maxUnavailablePercentage"].is_u64() {
        true => Err("You can specify either maxUnavailable or maxUnavailablePercentage, but not both".into()),
        false => Ok(()),
    }
}

fn check_subnets(asked: &[&str], facts: &Facts) -> Result<(), String> {
    if asked.is_empty() {
        return Err("Subnets can't be empty".into());
    }
    if let Some(missing) = asked.iter().find(|id| !facts.subnets.iter().any(|subnet| text(subnet, "subnetId") == **id)) {
        return Err(format!("The subnet ID '{missing}' does not exist"));
    }
    let vpc = &facts.cluster["resourcesVpcConfig"]["vpcId"];
    let foreign: Vec<&str> =
        facts.subnets.iter().filter(|subnet| subnet["vpcId"] != *vpc).map(|subnet| text(subnet, "subnetId")).collect();
    match foreign.is_empty() {
        true => Ok(()),
        false => Err(format!("Subnets [{}] are not in the VPC of the cluster", foreign.join(", "))),
    }
}

/// `1.36.2-20261110`
pub fn release_version(minor: &str) -> String {
    let patch = Version::find(minor).map_or(minor, |version| version.patch);
    format!("{patch}-{RELEASE_DAY}")
}

pub struct Owner<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub uuid: &'a str,
    /// `AIPA...`
    pub profile_id: String,
    pub now: Time,
}

/// The record's specification: EKS's own description, with every default written out.
pub fn specification(input: &Doc, facts: &Facts, owner: &Owner<'_>) -> Doc {
    let (cluster, name) = (text(input, "clusterName"), text(input, "nodegroupName"));
    let version = text(&facts.cluster, "version");
    let release = release_version(version);
    let types = texts(&input["instanceTypes"]);
    let Owner { account, region, uuid, .. } = owner;
    let profile = format!("eks-{uuid}");
    json!({
        "clusterName": cluster, "nodegroupName": name,
        "nodegroupArn": format!("arn:aws:eks:{region}:{account}:nodegroup/{cluster}/{name}/{uuid}"),
        "version": version, "releaseVersion": release, "capacityType": CAPACITY_TYPE,
        "scalingConfig": scaling(&Doc::Null, &input["scalingConfig"]),
        "instanceTypes": if types.is_empty() { vec![INSTANCE_TYPE] } else { types }, "subnets": input["subnets"],
        "amiType": AMI_TYPE, "nodeRole": input["nodeRole"], "labels": or(&input["labels"], json!({})),
        "taints": or(&input["taints"], json!([])), "diskSize": input["diskSize"].as_u64().unwrap_or(DISK_SIZE_GIB),
        "updateConfig": or(&input["updateConfig"], json!({"maxUnavailable": 1})), "tags": or(&input["tags"], json!({})),
        "autoScalingGroupName": format!("eks-{name}-{uuid}"),
        "imageId": format!("ami-0{}", &ids::digest(&[region, &release])[..16]),
        "instanceProfile": {
            "name": profile, "id": owner.profile_id, "arn": format!("arn:aws:iam::{account}:instance-profile/{profile}"),
        },
        "modifiedAt": owner.now.micro(),
    })
}

fn or(value: &Doc, default: Doc) -> Doc {
    if value.is_null() { default } else { value.clone() }
}

fn text<'a>(doc: &'a Doc, member: &str) -> &'a str {
    doc[member].as_str().unwrap_or_default()
}

fn texts(list: &Doc) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Doc::as_str).collect()
}

#[cfg(test)]
mod tests;
