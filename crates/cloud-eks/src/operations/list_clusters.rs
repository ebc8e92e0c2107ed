//! ListClusters.

use super::{listed, paged};
use crate::records::CLUSTERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use client::Options;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let found = cx.client.list(CLUSTERS, &request.namespace(), Options::default()).await?;
    let names = found.items.iter().filter_map(|record| record.get("/spec/name").as_str().map(str::to_owned)).collect();
    let page = paged(&cx, &request, "ListClusters", names, Clone::clone)?;
    Ok(listed("clusters", page.items, page.next_token))
}
