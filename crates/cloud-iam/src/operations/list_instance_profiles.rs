//! ListInstanceProfiles, by path prefix and in pages.

use crate::profiles;
use crate::service::Cx;
use aws_service::{Arn, Outcome, Request};
use std::sync::Arc;

fn prefix(request: &Request) -> &str {
    request.text("PathPrefix").unwrap_or("/")
}

pub fn resources(request: &Request) -> Vec<String> {
    vec![Arn::iam(request.account(), format!("instance-profile{}", prefix(request))).to_string()]
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let wanted = |spec: &meta::Doc| spec["path"].as_str().unwrap_or("/").starts_with(prefix(&request));
    profiles::page_of(&cx, &request, "ListInstanceProfiles", wanted).await
}
