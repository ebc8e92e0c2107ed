//! DescribeTags.

use crate::lookup::text;
use crate::service::Cx;
use crate::tags::tagged;
use aws_service::records::tag_list;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let mut described = Vec::new();
    for (resource, name) in tagged(&cx, &request).await? {
        let spec = cx.client.get(resource, &request.namespace(), &name).await?.get("/spec");
        described.push(json!({"ResourceArn": text(&spec["arn"]), "Tags": tag_list(&spec["tags"])}));
    }
    Ok(json!({"TagDescriptions": described}))
}
