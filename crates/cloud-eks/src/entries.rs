//! Access entries as records.

use crate::access_policies::CLUSTER_ADMIN;
use crate::failures;
use crate::records::{ACCESS_ENTRIES, API_VERSION, CLUSTER_LABEL};
use crate::service::Cx;
use crate::validate::access::{EntryType, PrincipalArn, identity};
use aws_service::{Arn, Failure, Random, Request, ids};
use client::Options;
use meta::{Doc, Status, Time};
use serde_json::json;

/// One entry per cluster and principal. A cluster made anew under the same name is another one, so the uid counts.
pub fn record_name(cluster: &Doc, principal_arn: &str) -> String {
    ids::digest(&[cluster["metadata"]["uid"].as_str().unwrap_or_default(), principal_arn])
}

/// What a policy is asked about: the entry's ARN, whose last part is only known to the record.
pub fn arn_pattern(request: &Request) -> String {
    let cluster = request.required("clusterName");
    match PrincipalArn::parse(request.required("principalArn")) {
        Ok(principal) => principal.entry_arn(request.account(), &request.region, cluster, "*"),
        Err(_) => Arn::regional("eks", &request.region, request.account(), format!("access-entry/{cluster}/*")).to_string(),
    }
}

/// The entry of `cluster` that a request names, or EKS's error for one that does not exist.
pub async fn find(cx: &Cx, request: &Request, cluster: &Doc) -> Result<Doc, Failure> {
    let name = record_name(cluster, request.required("principalArn"));
    let found = cx.client.find(ACCESS_ENTRIES, &request.namespace(), &name).await?;
    found.map(|record| record.to_doc()).ok_or_else(|| failures::no_entry(cx.model, request.required("clusterName")).into())
}

/// Every entry of a cluster, given its record.
pub async fn all(client: &client::Client, cluster: &Doc) -> Result<Vec<Doc>, Status> {
    let uid = cluster["metadata"]["uid"].as_str().unwrap_or_default();
    let namespace = cluster["metadata"]["namespace"].as_str().unwrap_or_default();
    let options = Options { label_selector: format!("{CLUSTER_LABEL}={uid}"), ..Options::default() };
    let listed = client.list(ACCESS_ENTRIES, namespace, options).await?;
    Ok(listed.items.iter().map(|record| record.to_doc()).collect())
}

/// A new entry's record. `identity` is what [`identity`] made.
pub fn record(cluster: &Doc, principal: &PrincipalArn, entry_type: EntryType, identity: Doc, uuid: &str, now: Time) -> Doc {
    let spec = &cluster["spec"];
    let name = spec["name"].as_str().unwrap_or_default();
    let arn = spec["arn"].as_str().and_then(Arn::parse);
    let (account, region) = arn.map(|arn| (arn.account, arn.region)).unwrap_or_default();
    let principal_arn = principal.arn.to_string();
    json!({
        "apiVersion": API_VERSION, "kind": "AccessEntry",
        "metadata": {
            "name": record_name(cluster, &principal_arn),
            "labels": {CLUSTER_LABEL: cluster["metadata"]["uid"]},
            "ownerReferences": [crate::records::owner(cluster)],
        },
        "spec": {
            "clusterName": name, "principalArn": principal_arn,
            "accessEntryArn": principal.entry_arn(&account, &region, name, uuid), "type": entry_type.as_str(),
            "username": identity["username"], "kubernetesGroups": identity["kubernetesGroups"], "tags": {},
            "modifiedAt": now.micro(), "associatedPolicies": [],
        },
    })
}

/// The entry of a cluster's creator; `None` for a principal that no entry can be about.
pub fn creator(cluster: &Doc, random: &dyn Random, now: Time) -> Option<Doc> {
    let principal = PrincipalArn::parse(cluster["spec"]["creatorArn"].as_str()?).ok()?;
    let identity = identity(&principal, EntryType::Standard, &Doc::Null).ok()?;
    let mut entry = record(cluster, &principal, EntryType::Standard, identity, &ids::uuid(random), now);
    entry["spec"]["associatedPolicies"] = json!([association(CLUSTER_ADMIN, json!({"type": "cluster", "namespaces": []}), now)]);
    Some(entry)
}

pub fn association(policy_arn: &str, scope: Doc, now: Time) -> Doc {
    json!({"policyArn": policy_arn, "accessScope": scope, "associatedAt": now.micro(), "modifiedAt": now.micro()})
}

/// The associations after one was made or, with the same policy, changed.
pub fn associate(existing: &Doc, policy_arn: &str, scope: Doc, now: Time) -> Vec<Doc> {
    let mut policies: Vec<Doc> = existing.as_array().cloned().unwrap_or_default();
    match policies.iter_mut().find(|policy| policy["policyArn"] == policy_arn) {
        Some(policy) => {
            policy["accessScope"] = scope;
            policy["modifiedAt"] = json!(now.micro());
        }
        None => policies.push(association(policy_arn, scope, now)),
    }
    policies
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::SystemRandom;

    fn cluster() -> Doc {
        json!({
            "metadata": {"name": "demo", "namespace": "1-us-east-1", "uid": "u-1"},
            "spec": {
                "name": "demo", "arn": "arn:aws:eks:us-east-1:1:cluster/demo", "creatorArn": "arn:aws:iam::1:role/team/ops",
            },
        })
    }

    #[test]
    fn the_creator_is_a_cluster_admin_by_policy() {
        let entry = creator(&cluster(), &SystemRandom, Time::from_unix(1)).expect("a role can be a principal");
        let spec = &entry["spec"];
        assert_eq!(spec["username"], "arn:aws:sts::1:assumed-role/ops/{{SessionName}}");
        assert_eq!(spec["kubernetesGroups"], json!([]));
        assert_eq!(spec["associatedPolicies"][0]["policyArn"], CLUSTER_ADMIN);
        assert_eq!(entry["metadata"]["labels"][CLUSTER_LABEL], "u-1");
        assert_eq!(entry["metadata"]["name"], record_name(&cluster(), "arn:aws:iam::1:role/team/ops"));
    }

    #[test]
    fn a_policy_is_associated_once() {
        let first = associate(&Doc::Null, "p", json!({"type": "cluster"}), Time::from_unix(1));
        let second = associate(&json!(first), "p", json!({"type": "namespace"}), Time::from_unix(2));
        assert_eq!(second.len(), 1);
        assert_eq!(second[0]["accessScope"]["type"], "namespace");
        assert_eq!(second[0]["associatedAt"], first[0]["associatedAt"]);
        assert_ne!(second[0]["modifiedAt"], first[0]["modifiedAt"]);
        assert_eq!(associate(&json!(second), "q", json!({}), Time::from_unix(3)).len(), 2);
    }
}
