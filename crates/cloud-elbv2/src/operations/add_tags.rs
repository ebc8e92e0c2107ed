//! AddTags: adds or overwrites, on each of the resources.

use crate::service::Cx;
use crate::tags::{few, given, tagged};
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let tags = given(&request)?;
    for (resource, name) in tagged(&cx, &request).await? {
        amend::<Failure>(&cx.client, resource, &request.namespace(), &name, |record| {
            let mut all = record["spec"]["tags"].as_object().cloned().unwrap_or_default();
            all.extend(tags.clone());
            few(&all)?;
            Ok(Some(json!({"spec": {"tags": all}})))
        })
        .await?;
    }
    Ok(json!({}))
}
