//! Amazon EKS: rest-json protocol, version 2017-11-01.

use crate::operations::*;
use aws_service::{Access, Arn, OperationEntry, Request, Service, SharedRandom};
use aws_wire::Model;
use client::Client;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Config {
    /// Where control planes run.
    pub host: String,
}

/// What handlers work with.
pub(crate) struct Cx {
    pub client: Client,
    pub random: SharedRandom,
    pub model: &'static Model,
}

/// `client` speaks as `system:cloud:eks`. `None` when the model is not built in.
pub fn service(client: Client, random: SharedRandom) -> Option<Service> {
    let model = Model::load("eks")?;
    Some(Service { operations: operations(&Arc::new(Cx { client, random, model })), model })
}

fn operations(cx: &Arc<Cx>) -> Vec<OperationEntry> {
    use Access::Policy;
    vec![
        OperationEntry::new(cx, "AssociateAccessPolicy", Policy(entry_arn), associate_access_policy::run),
        OperationEntry::new(cx, "CreateAccessEntry", Policy(cluster_arn), create_access_entry::run),
        OperationEntry::new(cx, "CreateCluster", Policy(cluster_arn), create_cluster::run),
        OperationEntry::new(cx, "CreateNodegroup", Policy(cluster_arn), create_nodegroup::run),
        OperationEntry::new(cx, "DeleteAccessEntry", Policy(entry_arn), delete_access_entry::run),
        OperationEntry::new(cx, "DeleteCluster", Policy(cluster_arn), delete_cluster::run),
        OperationEntry::new(cx, "DeleteNodegroup", Policy(nodegroup_arn), delete_nodegroup::run),
        OperationEntry::new(cx, "DescribeAccessEntry", Policy(entry_arn), describe_access_entry::run),
        OperationEntry::new(cx, "DescribeCluster", Policy(cluster_arn), describe_cluster::run),
        OperationEntry::new(cx, "DescribeClusterVersions", Policy(everything), describe_cluster_versions::run),
        OperationEntry::new(cx, "DescribeNodegroup", Policy(nodegroup_arn), describe_nodegroup::run),
        OperationEntry::new(cx, "DescribeUpdate", Policy(updated_arn), describe_update::run),
        OperationEntry::new(cx, "DisassociateAccessPolicy", Policy(entry_arn), disassociate_access_policy::run),
        OperationEntry::new(cx, "ListAccessEntries", Policy(cluster_arn), list_access_entries::run),
        OperationEntry::new(cx, "ListAccessPolicies", Policy(everything), list_access_policies::run),
        OperationEntry::new(cx, "ListAssociatedAccessPolicies", Policy(entry_arn), list_associated_access_policies::run),
        OperationEntry::new(cx, "ListClusters", Policy(every_cluster), list_clusters::run),
        OperationEntry::new(cx, "ListNodegroups", Policy(cluster_arn), list_nodegroups::run),
        OperationEntry::new(cx, "ListTagsForResource", Policy(named_arn), list_tags_for_resource::run),
        OperationEntry::new(cx, "ListUpdates", Policy(updated_arn), list_updates::run),
        OperationEntry::new(cx, "TagResource", Policy(named_arn), tag_resource::run),
        OperationEntry::new(cx, "UntagResource", Policy(named_arn), untag_resource::run),
        OperationEntry::new(cx, "UpdateAccessEntry", Policy(entry_arn), update_access_entry::run),
        OperationEntry::new(cx, "UpdateNodegroupConfig", Policy(nodegroup_arn), update_nodegroup_config::run),
    ]
}

fn everything(_: &Request) -> Vec<String> {
    vec!["*".to_owned()]
}

fn every_cluster(request: &Request) -> Vec<String> {
    vec![crate::cluster::arn(request, "*")]
}

/// The cluster that the path names; CreateCluster and DescribeCluster call the member `name`.
fn cluster_arn(request: &Request) -> Vec<String> {
    let name = request.text("clusterName").or(request.text("name")).unwrap_or("*");
    vec![crate::cluster::arn(request, name)]
}

fn entry_arn(request: &Request) -> Vec<String> {
    vec![crate::entries::arn_pattern(request)]
}

fn nodegroup_arn(request: &Request) -> Vec<String> {
    vec![crate::nodegroups::find::arn_pattern(request)]
}

/// An update is of a node group, if one is named, or of the cluster.
fn updated_arn(request: &Request) -> Vec<String> {
    match request.text("nodegroupName") {
        Some(nodegroup) => {
            vec![
                Arn::regional(
                    "eks",
                    &request.region,
                    request.account(),
                    format!("nodegroup/{}/{nodegroup}/*", request.required("name")),
                )
                .to_string(),
            ]
        }
        None => cluster_arn(request),
    }
}

fn named_arn(request: &Request) -> Vec<String> {
    vec![request.required("resourceArn").to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::{SystemRandom, golden};

    #[test]
    fn what_is_not_built_is_listed() {
        let eks = service(golden::nowhere(), Arc::new(SystemRandom)).expect("a built-in model");
        assert_eq!(golden::check_unbuilt(&eks, env!("CARGO_MANIFEST_DIR")), Ok(()));
    }
}
