//! Tags: what they may be, the map that records hold, and the records that have them.

use crate::arns::{self, Named};
use crate::failures::invalid;
use crate::lookup::{listener, load_balancer, name_of, target_group};
use crate::records::{LISTENERS, LOAD_BALANCERS, TARGET_GROUPS};
use crate::service::Cx;
use aws_service::{Failure, Request};
use aws_wire::AwsError;
use client::Resource;
use meta::Doc;
use serde_json::Map;

const MAX_TAGS: usize = 50;

/// The list at `Tags` as a map.
pub fn given(request: &Request) -> Result<Map<String, Doc>, AwsError> {
    let listed = request.input["Tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |tag: &Doc, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let mut tags = Map::new();
    for tag in listed {
        let key = text(tag, "Key");
        if key.to_ascii_lowercase().starts_with("aws:") {
            let message = format!("Tag keys that begin with aws: are reserved for system use: {key}");
            return Err(AwsError::new("ValidationError", message));
        }
        if tags.insert(key.clone(), text(tag, "Value").into()).is_some() {
            return Err(AwsError::new("DuplicateTagKeys", format!("Tag key '{key}' was specified more than once")));
        }
    }
    few(&tags)?;
    Ok(tags)
}

pub fn few(tags: &Map<String, Doc>) -> Result<(), AwsError> {
    match tags.len() <= MAX_TAGS {
        true => Ok(()),
        false => Err(AwsError::new("TooManyTags", format!("You can specify up to {MAX_TAGS} tags per resource"))),
    }
}

/// The records of `ResourceArns`, all of which must be there.
pub async fn tagged(cx: &Cx, request: &Request) -> Result<Vec<(Resource, String)>, Failure> {
    let mut found = Vec::new();
    for arn in request.texts("ResourceArns") {
        let (resource, record) = match arns::parse(arn) {
            Some(Named::LoadBalancer(_)) => (LOAD_BALANCERS, load_balancer(cx, request, arn).await?),
            Some(Named::Listener(_)) => (LISTENERS, listener(cx, request, arn).await?),
            Some(Named::TargetGroup(_)) => (TARGET_GROUPS, target_group(cx, request, arn).await?),
            None => return Err(invalid(format!("'{arn}' is not a valid resource ARN")).into()),
        };
        found.push((resource, name_of(&record).to_owned()));
    }
    Ok(found)
}
