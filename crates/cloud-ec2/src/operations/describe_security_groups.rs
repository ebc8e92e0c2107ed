//! DescribeSecurityGroups, by ids or by names in the default VPC.

use crate::describe::{Kind, all, answer, describe, refuse_dry_run};
use crate::records::SECURITY_GROUPS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use std::sync::Arc;

const KIND: Kind = Kind {
    resource: SECURITY_GROUPS,
    id: "groupId",
    prefix: "sg",
    ids: "GroupIds",
    output: "SecurityGroups",
    error: "InvalidGroup",
    malformed: "InvalidGroupId",
    called: "security group",
    filters: &[
        ("description", "description"),
        ("egress.ip-permission.cidr", "ipPermissionsEgress.*.ipRanges.*.cidrIp"),
        ("egress.ip-permission.from-port", "ipPermissionsEgress.*.fromPort"),
        ("egress.ip-permission.group-id", "ipPermissionsEgress.*.userIdGroupPairs.*.groupId"),
        ("egress.ip-permission.group-name", "ipPermissionsEgress.*.userIdGroupPairs.*.groupName"),
        ("egress.ip-permission.ipv6-cidr", "ipPermissionsEgress.*.ipv6Ranges.*.cidrIpv6"),
        ("egress.ip-permission.prefix-list-id", "ipPermissionsEgress.*.prefixListIds.*.prefixListId"),
        ("egress.ip-permission.protocol", "ipPermissionsEgress.*.ipProtocol"),
        ("egress.ip-permission.to-port", "ipPermissionsEgress.*.toPort"),
        ("egress.ip-permission.user-id", "ipPermissionsEgress.*.userIdGroupPairs.*.userId"),
        ("group-id", "groupId"),
        ("group-name", "groupName"),
        ("ip-permission.cidr", "ipPermissions.*.ipRanges.*.cidrIp"),
        ("ip-permission.from-port", "ipPermissions.*.fromPort"),
        ("ip-permission.group-id", "ipPermissions.*.userIdGroupPairs.*.groupId"),
        ("ip-permission.group-name", "ipPermissions.*.userIdGroupPairs.*.groupName"),
        ("ip-permission.ipv6-cidr", "ipPermissions.*.ipv6Ranges.*.cidrIpv6"),
        ("ip-permission.prefix-list-id", "ipPermissions.*.prefixListIds.*.prefixListId"),
        ("ip-permission.protocol", "ipPermissions.*.ipProtocol"),
        ("ip-permission.to-port", "ipPermissions.*.toPort"),
        ("ip-permission.user-id", "ipPermissions.*.userIdGroupPairs.*.userId"),
        ("owner-id", "ownerId"),
        ("vpc-id", "vpcId"),
    ],
};

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let names = request.texts("GroupNames");
    if names.is_empty() {
        return describe(&cx, &request, &KIND).await;
    }
    refuse_dry_run(&request)?;
    Ok(answer(&request, &KIND, named(all(&cx, &request, &KIND).await?, &names)?)?)
}

fn named(groups: Vec<Doc>, names: &[&str]) -> Result<Vec<Doc>, AwsError> {
    let name = |group: &Doc| group["groupName"].as_str().unwrap_or_default().to_owned();
    if let Some(missing) = names.iter().find(|wanted| !groups.iter().any(|group| name(group) == **wanted)) {
        return Err(AwsError::new("InvalidGroup.NotFound", format!("The security group '{missing}' does not exist")));
    }
    Ok(groups.into_iter().filter(|group| names.contains(&name(group).as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_must_exist() {
        let groups = vec![json!({"groupName": "default"}), json!({"groupName": "web"})];
        assert_eq!(named(groups.clone(), &["web"]).map(|found| found.len()), Ok(1));
        assert_eq!(named(groups, &["db"]).map_err(|error| error.code), Err("InvalidGroup.NotFound".to_owned()));
    }
}
