//! UntagResource: keys that are not there are no error.

use crate::service::Cx;
use crate::tags;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let tagged = tags::find(&cx, &request).await?;
    let removed: serde_json::Map<String, Doc> =
        request.texts("tagKeys").into_iter().map(|key| (key.to_owned(), Doc::Null)).collect();
    let patch = json!({"spec": {"tags": removed}});
    cx.client.patch(tagged.resource, &request.namespace(), tagged.name(), "", patch).await?;
    Ok(json!({}))
}
