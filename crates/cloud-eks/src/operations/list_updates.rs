//! ListUpdates: of a node group, or of the cluster itself, which is not updated yet.

use super::{listed, paged};
use crate::cluster;
use crate::nodegroups::find::{find_named, labelled};
use crate::records::{CLUSTER_LABEL, UPDATES};
use crate::service::Cx;
use aws_service::{Outcome, Request};
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let (name, nodegroup) = (request.required("name"), request.text("nodegroupName"));
    let cluster = cluster::find(&cx, &request, name).await?;
    if let Some(nodegroup) = nodegroup {
        find_named(&cx, &request, name, nodegroup).await?;
    }
    let updates = labelled(&cx.client, UPDATES, &cluster, CLUSTER_LABEL).await?;
    let own = updates.iter().filter(|update| update["spec"]["nodegroupName"].as_str() == nodegroup);
    let ids = own.filter_map(|update| update["spec"]["id"].as_str().map(str::to_owned)).collect();
    let page = paged(&cx, &request, &format!("ListUpdates/{name}/{}", nodegroup.unwrap_or_default()), ids, Clone::clone)?;
    Ok(listed("updateIds", page.items, page.next_token))
}
