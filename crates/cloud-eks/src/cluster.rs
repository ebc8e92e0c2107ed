//! Finding clusters.

use crate::failures;
use crate::records::CLUSTERS;
use crate::service::Cx;
use crate::states::ClusterStatus;
use aws_service::{Arn, Failure, Request, names};
use meta::Doc;

pub fn arn(request: &Request, name: &str) -> String {
    Arn::regional("eks", &request.region, request.account(), format!("cluster/{name}")).to_string()
}

/// The record of a cluster, or EKS's error for one that does not exist.
pub async fn find(cx: &Cx, request: &Request, name: &str) -> Result<Doc, Failure> {
    let found = cx.client.find(CLUSTERS, &request.namespace(), &names::escape(name)).await?;
    found.map(|record| record.to_doc()).ok_or_else(|| failures::no_cluster(cx.model, name).into())
}

/// A cluster whose access entries the API may show and change.
pub async fn with_access_entries(cx: &Cx, request: &Request) -> Result<Doc, Failure> {
    let name = request.required("clusterName");
    let cluster = find(cx, request, name).await?;
    if cluster["spec"]["accessConfig"]["authenticationMode"] == "CONFIG_MAP" {
        let message =
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.";
        return Err(failures::invalid_request(cx.model, name, message).into());
    }
    Ok(cluster)
}

/// As [`with_access_entries`], for operations that add to a cluster.
pub async fn not_deleting(cx: &Cx, request: &Request) -> Result<Doc, Failure> {
    let cluster = with_access_entries(cx, request).await?;
    match ClusterStatus::of(&cluster) {
        ClusterStatus::Creating | ClusterStatus::Active | ClusterStatus::Failed => Ok(cluster),
        ClusterStatus::Deleting => {
            let name = request.required("clusterName");
            Err(failures::invalid_request(cx.model, name, format!("Cluster {name} is being deleted.")).into())
        }
    }
}
