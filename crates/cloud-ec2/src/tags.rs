//! Tags of any record that has them.

use crate::lookup::{TAGGED, arn};
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Request};
use aws_wire::AwsError;
use client::Resource;
use meta::Doc;
use serde_json::{Map, json};

const MAX_TAGS: usize = 50;

fn kind_of(id: &str) -> Option<(&'static str, Resource)> {
    TAGGED.iter().find(|(prefix, ..)| id.starts_with(prefix)).map(|(_, kind, resource)| (*kind, *resource))
}

/// For policies.
pub fn resources(request: &Request) -> Vec<String> {
    request.texts("Resources").into_iter().map(|id| arn(request, kind_of(id).map_or("*", |(kind, _)| kind), Some(id))).collect()
}

pub fn check<'a>(keys: impl Iterator<Item = &'a String>) -> Result<(), AwsError> {
    match { keys }.find(|key| key.starts_with("aws:")) {
        Some(key) => {
            let message = format!("Tag keys starting with 'aws:' are reserved for internal use: {key}");
            Err(AwsError::new("InvalidParameterValue", message))
        }
        None => Ok(()),
    }
}

/// Merges what `change` makes of the tags that each named record has.
pub async fn change(cx: &Cx, request: &Request, change: impl Fn(&Map<String, Doc>) -> Map<String, Doc>) -> Result<(), Failure> {
    let missing = |id: &str| AwsError::new("InvalidID", format!("The ID '{id}' is not valid"));
    let mut found = Vec::new();
    // All must exist before one is changed.
    for id in request.texts("Resources") {
        let (_, resource) = kind_of(id).ok_or_else(|| missing(id))?;
        if !meta::names::dns_subdomain(id).is_empty() || cx.client.find(resource, &request.namespace(), id).await?.is_none() {
            return Err(missing(id).into());
        }
        found.push((id, resource));
    }
    for (id, resource) in found {
        amend(&cx.client, resource, &request.namespace(), id, |record| {
            let present = record["spec"]["tags"].as_object().cloned().unwrap_or_default();
            let patch = change(&present);
            let added = patch.iter().filter(|(key, value)| !value.is_null() && !present.contains_key(*key)).count();
            if present.len() + added > MAX_TAGS {
                let message = format!("Resource '{id}' would have more than {MAX_TAGS} tags.");
                return Err(Failure::from(AwsError::new("TagLimitExceeded", message)));
            }
            Ok(Some(json!({"spec": {"tags": patch}})))
        })
        .await?;
    }
    Ok(())
}
