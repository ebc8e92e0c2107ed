//! Finding records by what requests say.

use crate::arns::{self, Named};
use crate::failures::{no_listener, no_load_balancer, no_target_group};
use crate::records::{LISTENERS, LOAD_BALANCER_LABEL, LOAD_BALANCERS, TARGET_GROUPS};
use crate::service::Cx;
use aws_service::paging::{Page, PageRequest, page};
use aws_service::{Failure, Request};
use aws_wire::AwsError;
use client::{Client, Options, Resource};
use meta::{Doc, Status};

const MAX_PAGE: u64 = 400;

/// A load balancer of this region that is not being deleted.
pub async fn load_balancer(cx: &Cx, request: &Request, arn: &str) -> Result<Doc, Failure> {
    arns::check(arn, "load balancer")?;
    let Some(Named::LoadBalancer(name)) = arns::parse(arn) else { return Err(no_load_balancer().into()) };
    find(cx, request, LOAD_BALANCERS, &name, arn, no_load_balancer).await
}

pub async fn listener(cx: &Cx, request: &Request, arn: &str) -> Result<Doc, Failure> {
    arns::check(arn, "listener")?;
    let Some(Named::Listener(name)) = arns::parse(arn) else { return Err(no_listener().into()) };
    find(cx, request, LISTENERS, &name, arn, no_listener).await
}

pub async fn target_group(cx: &Cx, request: &Request, arn: &str) -> Result<Doc, Failure> {
    arns::check(arn, "target group")?;
    let Some(Named::TargetGroup(name)) = arns::parse(arn) else { return Err(no_target_group().into()) };
    find(cx, request, TARGET_GROUPS, &name, arn, no_target_group).await
}

/// The whole ARN must be the record's: an id under another name names nothing.
async fn find(
    cx: &Cx,
    request: &Request,
    resource: Resource,
    name: &str,
    arn: &str,
    missing: fn() -> AwsError,
) -> Result<Doc, Failure> {
    let found = cx.client.find(resource, &request.namespace(), name).await?.map(|record| record.to_doc());
    found.filter(|record| is_live(record) && record["spec"]["arn"] == arn).ok_or_else(|| missing().into())
}

pub fn is_live(record: &Doc) -> bool {
    record["metadata"]["deletionTimestamp"].is_null()
}

/// Every record of a kind that is not being deleted.
pub async fn all(client: &Client, namespace: &str, resource: Resource, label_selector: String) -> Result<Vec<Doc>, Status> {
    let listed = client.list(resource, namespace, Options { label_selector, ..Options::default() }).await?;
    Ok(listed.items.iter().map(|record| record.to_doc()).filter(is_live).collect())
}

/// The listeners of a load balancer's record.
pub async fn listeners_of(client: &Client, namespace: &str, load_balancer: &str) -> Result<Vec<Doc>, Status> {
    all(client, namespace, LISTENERS, format!("{LOAD_BALANCER_LABEL}={load_balancer}")).await
}

/// One page of `items`, as `Marker` and `PageSize` ask.
pub fn paged(request: &Request, items: Vec<Doc>) -> Result<Page<Doc>, AwsError> {
    let asked = PageRequest {
        listing: request.operation,
        token: request.text("Marker"),
        limit: request.input["PageSize"].as_u64().unwrap_or(MAX_PAGE).min(MAX_PAGE) as usize,
    };
    let arn = |record: &Doc| record["spec"]["arn"].as_str().unwrap_or_default().to_owned();
    page(items, &asked, arn).map_err(|_| crate::failures::invalid("The marker is not valid"))
}

pub fn text(value: &Doc) -> &str {
    value.as_str().unwrap_or_default()
}

/// A record's name.
pub fn name_of(record: &Doc) -> &str {
    text(&record["metadata"]["name"])
}

/// Whether a listener's default action forwards to this target group.
pub fn forwards_to(listener: &Doc, target_group_arn: &str) -> bool {
    let actions = listener["spec"]["defaultActions"].as_array().into_iter().flatten();
    { actions }.any(|action| action["targetGroupArn"] == target_group_arn)
}
