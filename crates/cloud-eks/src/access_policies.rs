//! The access policies that the authorizer of every cluster enforces. A policy that is not enforced cannot be associated.

pub const ACCESS_POLICIES: [&str; 7] = [
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
];

const PREFIX: &str = "arn:aws:eks::aws:cluster-access-policy/";

/// What a cluster's creator gets.
pub const CLUSTER_ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

pub fn arn(name: &str) -> String {
    format!("{PREFIX}{name}")
}

pub fn exists(arn: &str) -> bool {
    arn.strip_prefix(PREFIX).is_some_and(|name| ACCESS_POLICIES.contains(&name))
}
