//! AssociateAccessPolicy: again with the same policy changes its scope.

use crate::cluster;
use crate::describe;
use crate::entries;
use crate::failures;
use crate::records::ACCESS_ENTRIES;
use crate::service::Cx;
use crate::validate::access::scope;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster_name = request.required("clusterName");
    let policy_arn = request.required("policyArn");
    let cluster = cluster::not_deleting(&cx, &request).await?;
    let entry = entries::find(&cx, &request, &cluster).await?;
    let refuse = |why: String| Failure::from(failures::invalid_parameter(cx.model, cluster_name, why));
    let scope = scope(policy_arn, &request.input["accessScope"]).map_err(refuse)?;
    if entry["spec"]["type"] != "STANDARD" {
        let message = "Access policies can only be associated with access entries of type STANDARD.";
        return Err(failures::invalid_request(cx.model, cluster_name, message).into());
    }
    let name = entry["metadata"]["name"].as_str().unwrap_or_default();
    let changed = amend::<Failure>(&cx.client, ACCESS_ENTRIES, &request.namespace(), name, |entry| {
        let policies = entries::associate(&entry["spec"]["associatedPolicies"], policy_arn, scope.clone(), request.now);
        Ok(Some(json!({"spec": {"associatedPolicies": policies}})))
    })
    .await?;
    let policies = changed["spec"]["associatedPolicies"].as_array().into_iter().flatten();
    let policy = policies.clone().find(|policy| policy["policyArn"] == policy_arn).map(describe::associated_policy);
    Ok(answer(&request, policy.unwrap_or(Doc::Null)))
}

fn answer(request: &Request, policy: Doc) -> Doc {
    json!({
        "clusterName": request.required("clusterName"), "principalArn": request.required("principalArn"),
        "associatedAccessPolicy": policy,
    })
}
