//! ListRoles, by path prefix and in pages.

use crate::describe;
use crate::records::ROLES;
use crate::service::Cx;
use aws_service::paging::{PageRequest, page};
use aws_service::{Arn, Outcome, Request};
use aws_wire::AwsError;
use client::Options;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const DEFAULT_ITEMS: u64 = 100;

pub fn resources(request: &Request) -> Vec<String> {
    vec![Arn::iam(request.account(), format!("role{}", prefix(request))).to_string()]
}

fn prefix(request: &Request) -> &str {
    request.text("PathPrefix").unwrap_or("/")
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let listed = cx.client.list(ROLES, request.account(), Options::default()).await?;
    let roles = listed.items.iter().map(|role| role.to_doc());
    let roles: Vec<Doc> = roles.filter(|role| at(role, "path").starts_with(prefix(&request))).collect();
    let asked = PageRequest {
        listing: "ListRoles",
        token: request.text("Marker"),
        limit: request.input["MaxItems"].as_u64().unwrap_or(DEFAULT_ITEMS) as usize,
    };
    let page = page(roles, &asked, |role| at(role, "roleName").to_owned())
        .map_err(|_| AwsError::new("ValidationError", "Invalid Marker."))?;
    let mut output = json!({
        "Roles": page.items.iter().map(describe::role).collect::<Vec<_>>(),
        "IsTruncated": page.next_token.is_some(),
    });
    if let Some(marker) = page.next_token {
        output["Marker"] = marker.into();
    }
    Ok(output)
}

fn at<'a>(role: &'a Doc, member: &str) -> &'a str {
    role["spec"][member].as_str().unwrap_or_default()
}
