//! DescribeCluster.

use crate::cluster;
use crate::describe;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = cluster::find(&cx, &request, request.required("name")).await?;
    Ok(json!({"cluster": describe::cluster(&record)}))
}
