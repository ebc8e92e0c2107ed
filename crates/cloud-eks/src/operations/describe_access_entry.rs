//! DescribeAccessEntry.

use crate::cluster;
use crate::describe;
use crate::entries;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster = cluster::with_access_entries(&cx, &request).await?;
    let entry = entries::find(&cx, &request, &cluster).await?;
    Ok(json!({"accessEntry": describe::access_entry(&entry)}))
}
