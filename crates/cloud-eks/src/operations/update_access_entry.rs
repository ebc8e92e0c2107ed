//! UpdateAccessEntry: replaces the members given, of STANDARD entries only.

use crate::cluster;
use crate::describe;
use crate::entries;
use crate::failures;
use crate::records::ACCESS_ENTRIES;
use crate::service::Cx;
use crate::validate::access::{EntryType, PrincipalArn, identity};
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster = cluster::not_deleting(&cx, &request).await?;
    let entry = entries::find(&cx, &request, &cluster).await?;
    let name = entry["metadata"]["name"].as_str().unwrap_or_default();
    let changed = amend(&cx.client, ACCESS_ENTRIES, &request.namespace(), name, |entry| {
        let refuse = |why: String| Failure::from(failures::invalid_parameter(cx.model, request.required("clusterName"), why));
        change(entry, &request).map(Some).map_err(refuse)
    })
    .await?;
    Ok(json!({"accessEntry": describe::access_entry(&changed)}))
}

fn change(entry: &Doc, request: &Request) -> Result<Doc, String> {
    let principal = PrincipalArn::parse(request.required("principalArn"))?;
    let entry_type = entry["spec"]["type"].as_str().and_then(EntryType::parse).unwrap_or(EntryType::Standard);
    let asked = |member: &str| Some(request.input[member].clone()).filter(|value| !value.is_null());
    let mut patch = json!({"modifiedAt": request.now.micro()});
    let identity = identity(&principal, entry_type, &request.input)?;
    for member in ["username", "kubernetesGroups"] {
        if asked(member).is_some() {
            patch[member] = identity[member].clone();
        }
    }
    Ok(json!({"spec": patch}))
}
