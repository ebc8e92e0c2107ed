//! DisassociateAccessPolicy.

use crate::cluster;
use crate::entries;
use crate::failures;
use crate::records::ACCESS_ENTRIES;
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster_name = request.required("clusterName");
    let policy_arn = request.required("policyArn");
    let cluster = cluster::with_access_entries(&cx, &request).await?;
    let entry = entries::find(&cx, &request, &cluster).await?;
    let name = entry["metadata"]["name"].as_str().unwrap_or_default();
    amend(&cx.client, ACCESS_ENTRIES, &request.namespace(), name, |entry| {
        let policies: Vec<Doc> = entry["spec"]["associatedPolicies"].as_array().cloned().unwrap_or_default();
        let rest: Vec<&Doc> = policies.iter().filter(|policy| policy["policyArn"] != policy_arn).collect();
        if rest.len() == policies.len() {
            let message = "The specified policyArn is not associated with the access entry.";
            return Err(Failure::from(failures::not_found(cx.model, cluster_name, message)));
        }
        Ok(Some(json!({"spec": {"associatedPolicies": rest}})))
    })
    .await?;
    Ok(json!({}))
}
