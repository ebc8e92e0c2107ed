//! Access entries: principals, types, user names and groups.

use crate::access_policies;
use aws_service::Arn;
use meta::Doc;
use serde_json::{Value, json};

/// The prefixes that names of users and groups may not begin with.
const RESERVED: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];

/// An IAM user or role that an entry can be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalArn {
    pub arn: Arn,
    pub is_role: bool,
}

impl PrincipalArn {
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = || "The specified principalArn is invalid: invalid principal.".to_owned();
        let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.region.is_empty()).ok_or_else(invalid)?;
        let (kind, name) = arn.resource.split_once('/').ok_or_else(invalid)?;
        if name.is_empty() || !matches!(kind, "role" | "user") {
            return Err(invalid());
        }
        if kind == "role" && name.starts_with("aws-service-role/") {
            return Err(
                "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role".into()
            );
        }
        let is_role = kind == "role";
        Ok(Self { arn, is_role })
    }

    /// `arn:aws:eks:<region>:<account>:access-entry/<cluster>/<role|user>/<account>/<name>/<uuid>`
    pub fn entry_arn(&self, owner_account: &str, region: &str, cluster: &str, uuid: &str) -> String {
        let kind = if self.is_role { "role" } else { "user" };
        let (account, name) = (&self.arn.account, self.arn.name());
        Arn::regional("eks", region, owner_account, format!("access-entry/{cluster}/{kind}/{account}/{name}/{uuid}")).to_string()
    }

    /// EKS's user name when the client gives none.
    fn default_username(&self, entry_type: EntryType) -> String {
        let session = |suffix: &str| format!("arn:aws:sts::{}:assumed-role/{}/{suffix}", self.arn.account, self.arn.name());
        match entry_type {
            EntryType::Standard if self.is_role => session("{{SessionName}}"),
            EntryType::Standard => self.arn.to_string(),
            EntryType::Ec2Linux | EntryType::Ec2Windows | EntryType::Ec2 => "system:node:{{EC2PrivateDNSName}}".into(),
            EntryType::FargateLinux | EntryType::HybridLinux | EntryType::HyperpodLinux => "system:node:{{SessionName}}".into(),
        }
    }
}

/// `type` of an access entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    Standard,
    Ec2Linux,
    Ec2Windows,
    Ec2,
    FargateLinux,
    HybridLinux,
    HyperpodLinux,
}

impl EntryType {
    const ALL: [(EntryType, &str); 7] = [
        (Self::Standard, "STANDARD"),
        (Self::Ec2Linux, "EC2_LINUX"),
        (Self::Ec2Windows, "EC2_WINDOWS"),
        (Self::Ec2, "EC2"),
        (Self::FargateLinux, "FARGATE_LINUX"),
        (Self::HybridLinux, "HYBRID_LINUX"),
        (Self::HyperpodLinux, "HYPERPOD_LINUX"),
    ];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(entry_type, _)| *entry_type)
    }

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(entry_type, _)| *entry_type == self).map_or("STANDARD", |(_, name)| name)
    }

    /// The groups that EKS gives nodes of this type.
    fn groups(self) -> Vec<&'static str> {
        match self {
            Self::Standard | Self::Ec2 => vec![],
            Self::Ec2Windows => vec!["system:nodes", "eks:kube-proxy-windows"],
            Self::Ec2Linux | Self::FargateLinux | Self::HybridLinux | Self::HyperpodLinux => vec!["system:nodes"],
        }
    }
}

/// Type, user name and groups of a new or changed entry, from what the client asked for.
pub fn identity(principal: &PrincipalArn, entry_type: EntryType, input: &Doc) -> Result<Doc, String> {
    let asked_name = input["username"].as_str().filter(|name| !name.is_empty());
    let asked_groups: Vec<&str> = input["kubernetesGroups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if entry_type != EntryType::Standard {
        if !principal.is_role {
            return Err(format!("The access entry type {} requires the principalArn of a role", entry_type.as_str()));
        }
        if asked_name.is_some() || !asked_groups.is_empty() {
            return Err(format!("username and kubernetesGroups can't be set for access entries of type {}", entry_type.as_str()));
        }
        return Ok(json!({"username": principal.default_username(entry_type), "kubernetesGroups": entry_type.groups()}));
    }
    let username = match asked_name {
        Some(name) => check_username(name, principal)?.to_owned(),
        None => principal.default_username(entry_type),
    };
    asked_groups.iter().try_for_each(|group| check_group(group))?;
    Ok(json!({"username": username, "kubernetesGroups": asked_groups}))
}

fn reserved(name: &str) -> Option<&'static str> {
    RESERVED.iter().find(|prefix| name.starts_with(**prefix)).copied()
}

fn check_group(group: &str) -> Result<(), String> {
    match reserved(group) {
        Some(prefix) => Err(format!("The kubernetes group name {group} is invalid, it cannot start with {prefix}")),
        None => Ok(()),
    }
}

fn check_username<'a>(name: &'a str, principal: &PrincipalArn) -> Result<&'a str, String> {
    if let Some(prefix) = reserved(name) {
        return Err(format!("The username {name} is invalid, it cannot start with {prefix}"));
    }
    match name.find("{{SessionName}}") {
        Some(_) if !principal.is_role => Err("The username of an IAM user cannot contain {{SessionName}}".into()),
        // Otherwise whoever names sessions could choose to be somebody else.
        Some(at) if !name[..at].contains(':') => Err("The username must have a colon before {{SessionName}}".into()),
        _ => Ok(name),
    }
}

/// An access policy's scope, checked and with its namespaces written out.
pub fn scope(policy_arn: &str, scope: &Doc) -> Result<Doc, String> {
    if !access_policies::exists(policy_arn) {
        return Err(format!(
            "The specified policyArn is invalid: {policy_arn} does not exist. You can view the available policies with 'list-access-policies'."
        ));
    }
    let namespaces: Vec<&str> = scope["namespaces"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match scope["type"].as_str() {
        Some("cluster") if namespaces.is_empty() => Ok(json!({"type": "cluster", "namespaces": []})),
        Some("cluster") => Err("namespaces can't be set for an access scope of type cluster".into()),
        Some("namespace") if namespaces.is_empty() => {
            Err("An access scope of type namespace requires at least one namespace".into())
        }
        Some("namespace") => Ok(json!({"type": "namespace", "namespaces": namespaces})),
        _ => Err("The accessScope requires a type, cluster or namespace".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::1:role/team/ops";
    const USER: &str = "arn:aws:iam::1:user/alice";

    #[test]
    fn principals() {
        for (arn, ok) in [
            (ROLE, true),
            (USER, true),
            ("arn:aws:sts::1:assumed-role/ops/s", false),
            ("arn:aws:iam::1:root", false),
            ("arn:aws:iam::1:group/g", false),
            ("arn:aws:iam::1:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", false),
            ("ops", false),
        ] {
            assert_eq!(PrincipalArn::parse(arn).is_ok(), ok, "{arn}");
        }
        let principal = PrincipalArn::parse(ROLE).expect("a role");
        assert_eq!(principal.entry_arn("1", "us-east-1", "c", "u"), "arn:aws:eks:us-east-1:1:access-entry/c/role/1/ops/u");
    }

    #[test]
    fn identities() {
        let ops = "arn:aws:sts::1:assumed-role/ops/{{SessionName}}";
        for (arn, entry_type, input, expected) in [
            (ROLE, EntryType::Standard, json!({}), Ok((ops, json!([])))),
            (USER, EntryType::Standard, json!({}), Ok((USER, json!([])))),
            (USER, EntryType::Standard, json!({"username": "al", "kubernetesGroups": ["dev"]}), Ok(("al", json!(["dev"])))),
            (ROLE, EntryType::Standard, json!({"username": "ops:{{SessionName}}"}), Ok(("ops:{{SessionName}}", json!([])))),
            (
                ROLE,
                EntryType::Standard,
                json!({"username": "{{SessionName}}"}),
                Err("The username must have a colon before {{SessionName}}"),
            ),
            (
                USER,
                EntryType::Standard,
                json!({"username": "a:{{SessionName}}"}),
                Err("The username of an IAM user cannot contain {{SessionName}}"),
            ),
            (
                USER,
                EntryType::Standard,
                json!({"username": "system:x"}),
                Err("The username system:x is invalid, it cannot start with system:"),
            ),
            (
                USER,
                EntryType::Standard,
                json!({"kubernetesGroups": ["system:masters"]}),
                Err("The kubernetes group name system:masters is invalid, it cannot start with system:"),
            ),
            (ROLE, EntryType::Ec2Linux, json!({}), Ok(("system:node:{{EC2PrivateDNSName}}", json!(["system:nodes"])))),
            (USER, EntryType::Ec2Linux, json!({}), Err("The access entry type EC2_LINUX requires the principalArn of a role")),
            (
                ROLE,
                EntryType::Ec2Linux,
                json!({"username": "x"}),
                Err("username and kubernetesGroups can't be set for access entries of type EC2_LINUX"),
            ),
        ] {
            let principal = PrincipalArn::parse(arn).expect("a principal");
            let outcome = identity(&principal, entry_type, &input);
            let expected = expected.map(|(name, groups)| json!({"username": name, "kubernetesGroups": groups}));
            assert_eq!(outcome, expected.map_err(str::to_owned), "{arn} {input}");
        }
    }

    #[test]
    fn scopes() {
        let view = access_policies::arn("AmazonEKSViewPolicy");
        for (arn, asked, ok) in [
            (view.as_str(), json!({"type": "cluster"}), true),
            (view.as_str(), json!({"type": "cluster", "namespaces": ["a"]}), false),
            (view.as_str(), json!({"type": "namespace", "namespaces": ["a", "b-*"]}), true),
            (view.as_str(), json!({"type": "namespace"}), false),
            (view.as_str(), json!({}), false),
            ("arn:aws:eks::aws:cluster-access-policy/Nope", json!({"type": "cluster"}), false),
        ] {
            assert_eq!(scope(arn, &asked).is_ok(), ok, "{arn} {asked}");
        }
    }
}
