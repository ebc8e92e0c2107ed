//! ListTagsForResource.

use crate::service::Cx;
use crate::tags;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let tagged = tags::find(&cx, &request).await?;
    Ok(json!({"tags": tagged.record["spec"]["tags"]}))
}
