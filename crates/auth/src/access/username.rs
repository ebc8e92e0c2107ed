//! Kubernetes usernames of AWS identities.

use super::entry::EntryType;
use super::identity::CallerIdentity;

const RESERVED_PREFIXES: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];
const SESSION_TEMPLATES: [&str; 2] = ["{{SessionName}}", "{{SessionNameRaw}}"];

/// What EKS sets when an access entry is made without a username.
pub fn default_username(principal_arn: &str, kind: EntryType) -> String {
    match kind {
        EntryType::Ec2Linux | EntryType::Ec2Windows | EntryType::Ec2 => "system:node:{{EC2PrivateDNSName}}".into(),
        EntryType::FargateLinux | EntryType::HybridLinux | EntryType::HyperpodLinux => "system:node:{{SessionName}}".into(),
        EntryType::Standard => match principal_arn.split_once(":role/") {
            Some((account, role)) => {
                let account = account.replacen(":iam:", ":sts:", 1);
                let role = role.rsplit('/').next().unwrap_or(role);
                format!("{account}:assumed-role/{role}/{{{{SessionName}}}}")
            }
            None => principal_arn.to_owned(),
        },
    }
}

/// The rules for a username that a customer chooses.
pub fn validate_username(username: &str) -> Result<(), String> {
    if let Some(prefix) = RESERVED_PREFIXES.into_iter().find(|p| username.starts_with(p)) {
        return Err(format!("The username {username} cannot start with {prefix}"));
    }
    let before = SESSION_TEMPLATES.into_iter().filter_map(|t| username.split_once(t)).map(|(before, _)| before).next();
    match before {
        Some(before) if !before.contains(':') => {
            Err(format!("The username {username} must contain a colon before the session name template"))
        }
        _ => Ok(()),
    }
}

/// The rules for groups that a customer chooses.
pub fn validate_groups(groups: &[String]) -> Result<(), String> {
    let reserved = groups.iter().find_map(|g| RESERVED_PREFIXES.into_iter().find(|p| g.starts_with(p)).map(|p| (g, p)));
    match reserved {
        Some((group, prefix)) => Err(format!("The kubernetes group name {group} is invalid, it cannot start with {prefix}")),
        None => Ok(()),
    }
}

/// Fills in a username (aws-iam-authenticator `pkg/mapper`). `private_dns` turns an instance id into the instance's name.
pub(super) fn render(
    template: &str,
    identity: &CallerIdentity,
    private_dns: impl FnOnce(&str) -> Option<String>,
) -> Result<String, String> {
    let mut name = template.to_owned();
    if name.contains("{{EC2PrivateDNSName}}") {
        let instance = &identity.session_name;
        if !is_instance_id(instance) {
            return Err(format!("SessionName did not contain an instance id: {instance:?}"));
        }
        let dns = private_dns(instance).ok_or_else(|| format!("no such instance: {instance}"))?;
        name = name.replace("{{EC2PrivateDNSName}}", &dns);
    }
    // Values come last to first in trust: what a caller chose is put in last, so that it cannot hold a template itself.
    let name = name.replace("{{AccountID}}", &identity.account).replace("{{AccessKeyID}}", &identity.access_key_id);
    let parts =
        name.split("{{SessionNameRaw}}").map(|part| part.replace("{{SessionName}}", &identity.session_name.replace('@', "-")));
    Ok(parts.collect::<Vec<_>>().join(&identity.session_name))
}

fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|id| (id.len() == 8 || id.len() == 17) && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}
