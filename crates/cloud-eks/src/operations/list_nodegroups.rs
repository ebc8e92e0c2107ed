//! ListNodegroups.

use super::{listed, paged};
use crate::cluster;
use crate::nodegroups::find;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let name = request.required("clusterName");
    let cluster = cluster::find(&cx, &request, name).await?;
    let groups = find::of_cluster(&cx.client, &cluster).await?;
    let names = groups.iter().filter_map(|group| group["spec"]["nodegroupName"].as_str().map(str::to_owned)).collect();
    let page = paged(&cx, &request, &format!("ListNodegroups/{name}"), names, Clone::clone)?;
    Ok(listed("nodegroups", page.items, page.next_token))
}
