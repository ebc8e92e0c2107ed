//! DescribeNodegroup.

use crate::nodegroups::{describe, find};
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = find::find(&cx, &request).await?;
    Ok(json!({"nodegroup": describe::nodegroup(&record)}))
}
