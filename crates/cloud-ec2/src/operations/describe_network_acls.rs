//! DescribeNetworkAcls.

use crate::describe::{Kind, describe};
use crate::records::NETWORK_ACLS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use std::sync::Arc;

const KIND: Kind = Kind {
    resource: NETWORK_ACLS,
    id: "networkAclId",
    prefix: "acl",
    ids: "NetworkAclIds",
    output: "NetworkAcls",
    error: "InvalidNetworkAclID",
    malformed: "InvalidNetworkAclId",
    called: "networkAcl ID",
    filters: &[
        ("association.association-id", "associations.*.networkAclAssociationId"),
        ("association.network-acl-id", "associations.*.networkAclId"),
        ("association.subnet-id", "associations.*.subnetId"),
        ("default", "isDefault"),
        ("entry.cidr", "entries.*.cidrBlock"),
        ("entry.egress", "entries.*.egress"),
        ("entry.icmp.code", "entries.*.icmpTypeCode.code"),
        ("entry.icmp.type", "entries.*.icmpTypeCode.type"),
        ("entry.ipv6-cidr", "entries.*.ipv6CidrBlock"),
        ("entry.port-range.from", "entries.*.portRange.from"),
        ("entry.port-range.to", "entries.*.portRange.to"),
        ("entry.protocol", "entries.*.protocol"),
        ("entry.rule-action", "entries.*.ruleAction"),
        ("entry.rule-number", "entries.*.ruleNumber"),
        ("network-acl-id", "networkAclId"),
        ("owner-id", "ownerId"),
        ("vpc-id", "vpcId"),
    ],
};

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    describe(&cx, &request, &KIND).await
}
