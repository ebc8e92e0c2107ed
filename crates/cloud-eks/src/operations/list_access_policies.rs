//! ListAccessPolicies.

use super::{listed, paged};
use crate::access_policies::{ACCESS_POLICIES, arn};
use crate::service::Cx;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let page = paged(&cx, &request, "ListAccessPolicies", ACCESS_POLICIES.to_vec(), ToString::to_string)?;
    let policies: Vec<Doc> = page.items.iter().map(|name| json!({"name": name, "arn": arn(name)})).collect();
    Ok(listed("accessPolicies", policies, page.next_token))
}
