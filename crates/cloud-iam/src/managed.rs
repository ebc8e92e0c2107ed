//! AWS's own policies, reduced to the actions they are documented to grant.

use meta::Doc;
use serde_json::json;

pub struct ManagedPolicy {
    pub path: &'static str,
    pub name: &'static str,
    pub actions: &'static [&'static str],
}

impl ManagedPolicy {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }
    pub fn document(&self) -> String {
        document(self.actions).to_string()
    }
}

/// Allows these actions on everything.
pub fn document(actions: &[&str]) -> Doc {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
}

/// One visible list; roles and users attach these by ARN.
pub const MANAGED_POLICIES: &[ManagedPolicy] = &[
    ManagedPolicy { path: "/", name: "AdministratorAccess", actions: &["*"] },
    ManagedPolicy {
        path: "/",
        name: "AmazonEKSClusterPolicy",
        actions: &[
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:UpdateAutoScalingGroup",
            "ec2:AttachVolume",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateRoute",
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:CreateVolume",
            "ec2:DeleteRoute",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteVolume",
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAddresses",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeInstanceTopology",
            "ec2:DescribeInstances",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVolumes",
            "ec2:DescribeVolumesModifications",
            "ec2:DescribeVpcs",
            "ec2:DetachVolume",
            "ec2:ModifyInstanceAttribute",
            "ec2:ModifyVolume",
            "ec2:RevokeSecurityGroupIngress",
            "elasticloadbalancing:*",
            "kms:DescribeKey",
        ],
    },
    ManagedPolicy {
        path: "/",
        name: "AmazonEKSWorkerNodePolicy",
        actions: &[
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVolumes",
            "ec2:DescribeVolumesModifications",
            "ec2:DescribeVpcs",
            "eks:DescribeCluster",
            "eks-auth:AssumeRoleForPodIdentity",
        ],
    },
    ManagedPolicy {
        path: "/",
        name: "AmazonEKS_CNI_Policy",
        actions: &[
            "ec2:AssignPrivateIpAddresses",
            "ec2:AttachNetworkInterface",
            "ec2:CreateNetworkInterface",
            "ec2:CreateTags",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DescribeTags",
            "ec2:DetachNetworkInterface",
            "ec2:ModifyNetworkInterfaceAttribute",
            "ec2:UnassignPrivateIpAddresses",
        ],
    },
    ManagedPolicy {
        path: "/",
        name: "AmazonEC2ContainerRegistryPullOnly",
        actions: &[
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:BatchImportUpstreamImage",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
        ],
    },
    ManagedPolicy {
        path: "/",
        name: "AmazonEC2ContainerRegistryReadOnly",
        actions: &[
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:DescribeImageScanFindings",
            "ecr:DescribeImages",
            "ecr:DescribeRepositories",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
            "ecr:GetLifecyclePolicy",
            "ecr:GetLifecyclePolicyPreview",
            "ecr:GetRepositoryPolicy",
            "ecr:ListImages",
            "ecr:ListTagsForResource",
        ],
    },
    ManagedPolicy {
        path: "/",
        name: "AmazonEKSFargatePodExecutionRolePolicy",
        actions: &[
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
        ],
    },
    ManagedPolicy {
        path: "/",
        name: "AmazonEKSVPCResourceController",
        actions: &[
            "ec2:AssignPrivateIpAddresses",
            "ec2:AttachNetworkInterface",
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DetachNetworkInterface",
            "ec2:ModifyNetworkInterfaceAttribute",
            "ec2:UnassignPrivateIpAddresses",
        ],
    },
    ManagedPolicy {
        path: "/aws-service-role/",
        name: "AmazonEKSServiceRolePolicy",
        actions: &[
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteSecurityGroup",
            "ec2:Describe*",
            "ec2:DetachNetworkInterface",
            "ec2:RevokeSecurityGroupIngress",
            "iam:ListAttachedRolePolicies",
        ],
    },
    ManagedPolicy {
        path: "/",
        name: "AmazonSSMManagedInstanceCore",
        actions: &[
            "ssm:DescribeAssociation",
            "ssm:GetDocument",
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:ListAssociations",
            "ssm:ListInstanceAssociations",
            "ssm:UpdateInstanceInformation",
        ],
    },
    ManagedPolicy {
        path: "/service-role/",
        name: "AmazonEBSCSIDriverPolicy",
        actions: &[
            "ec2:AttachVolume",
            "ec2:CreateSnapshot",
            "ec2:CreateTags",
            "ec2:CreateVolume",
            "ec2:DeleteSnapshot",
            "ec2:DeleteTags",
            "ec2:DeleteVolume",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInstances",
            "ec2:DescribeSnapshots",
            "ec2:DescribeTags",
            "ec2:DescribeVolumes",
            "ec2:DescribeVolumesModifications",
            "ec2:DetachVolume",
            "ec2:EnableFastSnapshotRestores",
            "ec2:ModifyVolume",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::policy::PolicyDocument;

    #[test]
    fn every_document_is_a_policy() {
        for policy in MANAGED_POLICIES {
            assert!(PolicyDocument::parse_identity(&policy.document()).is_ok(), "{}", policy.name);
        }
    }
}
