//! CreateTags: adds or overwrites.

use crate::describe::refuse_dry_run;
use crate::service::Cx;
use crate::tags;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::{Map, json};
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let listed = request.input["Tags"].as_array().into_iter().flatten();
    let text = |tag: &Doc, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let tags: Map<String, Doc> = listed.map(|tag| (text(tag, "Key"), text(tag, "Value").into())).collect();
    tags::check(tags.keys())?;
    tags::change(&cx, &request, |_| tags.clone()).await?;
    Ok(json!({}))
}
