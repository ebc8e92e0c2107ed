//! RemoveTags: keys that are not there are no error.

use crate::service::Cx;
use crate::tags::tagged;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::{Map, json};
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let removed: Map<String, Doc> = request.texts("TagKeys").into_iter().map(|key| (key.to_owned(), Doc::Null)).collect();
    for (resource, name) in tagged(&cx, &request).await? {
        cx.client.patch(resource, &request.namespace(), &name, "", json!({"spec": {"tags": removed}})).await?;
    }
    Ok(json!({}))
}
