//! Finding node groups and their updates.

use crate::failures;
use crate::records::{CLUSTER_LABEL, NODEGROUP_LABEL, NODEGROUPS, UPDATES};
use crate::service::Cx;
use aws_service::{Arn, Failure, Request, names};
use client::{Client, Options, Resource};
use meta::{Doc, Status};

/// Neither name can hold a dot, so that no two pairs share one.
pub fn record_name(cluster: &str, nodegroup: &str) -> String {
    names::escape(&format!("{cluster}.{nodegroup}"))
}

/// What policies are asked about; the last part is only known to the record.
pub fn arn_pattern(request: &Request) -> String {
    let (cluster, nodegroup) = (request.required("clusterName"), request.text("nodegroupName").unwrap_or("*"));
    Arn::regional("eks", &request.region, request.account(), format!("nodegroup/{cluster}/{nodegroup}/*")).to_string()
}

/// The record of the node group that a request names, or EKS's error for one that does not exist.
pub async fn find(cx: &Cx, request: &Request) -> Result<Doc, Failure> {
    let (cluster, nodegroup) = (request.required("clusterName"), request.required("nodegroupName"));
    crate::cluster::find(cx, request, cluster).await?;
    find_named(cx, request, cluster, nodegroup).await
}

/// As [`find`], for operations that call the members otherwise.
pub async fn find_named(cx: &Cx, request: &Request, cluster: &str, nodegroup: &str) -> Result<Doc, Failure> {
    let found = cx.client.find(NODEGROUPS, &request.namespace(), &record_name(cluster, nodegroup)).await?;
    found.map(|record| record.to_doc()).ok_or_else(|| none(cx, cluster, nodegroup))
}

pub async fn existing(cx: &Cx, request: &Request) -> Result<Option<Doc>, Failure> {
    let name = record_name(request.required("clusterName"), request.required("nodegroupName"));
    let found = cx.client.find(NODEGROUPS, &request.namespace(), &name).await?;
    Ok(found.map(|record| record.to_doc()))
}

pub fn missing(cx: &Cx, request: &Request) -> Failure {
    none(cx, request.required("clusterName"), request.required("nodegroupName"))
}

fn none(cx: &Cx, cluster: &str, nodegroup: &str) -> Failure {
    let message = format!("No node group found for name: {nodegroup}.");
    failures::not_found(cx.model, cluster, message).with_member("nodegroupName", nodegroup).into()
}

/// Every node group of a cluster, given its record.
pub async fn of_cluster(client: &Client, cluster: &Doc) -> Result<Vec<Doc>, Status> {
    labelled(client, NODEGROUPS, cluster, CLUSTER_LABEL).await
}

/// Updates of a node group or, given a cluster's record, of all of its groups.
pub async fn updates(client: &Client, nodegroup: &Doc) -> Result<Vec<Doc>, Status> {
    labelled(client, UPDATES, nodegroup, NODEGROUP_LABEL).await
}

/// The update that the node group was last asked for, if whoever took the request died before it was made.
pub fn unmade(nodegroup: &Doc, updates: &[Doc]) -> Option<Doc> {
    let asked = &nodegroup["spec"]["update"];
    let made = updates.iter().any(|update| update["metadata"]["name"] == asked["metadata"]["name"]);
    (asked.is_object() && !made).then(|| asked.clone())
}

pub fn in_progress(update: &Doc) -> bool {
    matches!(update["status"]["phase"].as_str(), None | Some("InProgress"))
}

/// Records whose label is the uid of `owner`.
pub async fn labelled(client: &Client, resource: Resource, owner: &Doc, label: &str) -> Result<Vec<Doc>, Status> {
    let label_selector = format!("{label}={}", super::text(owner, "/metadata/uid"));
    let options = Options { label_selector, ..Options::default() };
    let listed = client.list(resource, super::text(owner, "/metadata/namespace"), options).await?;
    Ok(listed.items.iter().map(|record| record.to_doc()).collect())
}
