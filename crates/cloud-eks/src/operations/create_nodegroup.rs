//! CreateNodegroup: checks everything that can be checked, then writes the one record that the reconciler makes true.

use super::create_cluster::may_pass_role_to;
use crate::cluster;
use crate::failures;
use crate::nodegroups::{NodegroupStatus, describe, find};
use crate::records::{API_VERSION, CLUSTER_LABEL, NODEGROUP_FINALIZER, NODEGROUPS, ROLES, SUBNETS, owner};
use crate::service::Cx;
use crate::states::ClusterStatus;
use crate::validate::nodegroup::{Facts, Owner, check, specification};
use aws_service::idempotency::Token;
use aws_service::{Arn, Failure, Outcome, Request, ids, names};
use client::DeleteOptions;
use meta::{Doc, Reason};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let cluster = cluster::find(&cx, &request, request.required("clusterName")).await?;
    let token = Token::of(&request.input, "clientRequestToken");
    if let Some(existing) = find::existing(&cx, &request).await? {
        return repeated(&cx, &request, token.as_ref(), &existing);
    }
    must_be_active(&cx, &request, &cluster)?;
    may_pass_role_to(&request, "nodeRole", "ec2.amazonaws.com")?;
    let facts = facts(&cx, &request, &cluster).await?;
    check(&request.input, &facts).map_err(|why| failures::invalid_parameter(cx.model, request.required("clusterName"), why))?;
    match cx.client.create(NODEGROUPS, &request.namespace(), record(&cx, &request, &cluster, &facts, token.as_ref())).await {
        Ok(created) => kept(&cx, &request, &cluster, &created.to_doc()).await,
        // Another request for the same name was faster.
        Err(status) if status.reason == Reason::AlreadyExists => match find::existing(&cx, &request).await? {
            Some(existing) => repeated(&cx, &request, token.as_ref(), &existing),
            None => Err(taken(&cx, &request)),
        },
        Err(status) => Err(status.into()),
    }
}

fn must_be_active(cx: &Cx, request: &Request, cluster: &Doc) -> Result<(), Failure> {
    let status = ClusterStatus::of(cluster);
    if status == ClusterStatus::Active {
        return Ok(());
    }
    let name = request.required("clusterName");
    let message = format!("Cluster '{name}' is not in ACTIVE status: it is {}.", status.as_str());
    Err(failures::invalid_request(cx.model, name, message).into())
}

fn repeated(cx: &Cx, request: &Request, token: Option<&Token>, existing: &Doc) -> Outcome {
    let same = token.is_some_and(|token| token.repeats(&existing["spec"]["clientRequest"]));
    match same && NodegroupStatus::of(existing) != NodegroupStatus::Deleting {
        true => Ok(json!({"nodegroup": describe::nodegroup(existing)})),
        false => Err(taken(cx, request)),
    }
}

fn taken(cx: &Cx, request: &Request) -> Failure {
    let (cluster, name) = (request.required("clusterName"), request.required("nodegroupName"));
    let message = format!("NodeGroup already exists with name {name} and cluster name {cluster}");
    failures::in_use(cx.model, cluster, message).with_member("nodegroupName", name).into()
}

/// The cluster may have gone while the group was made; then the group goes as well.
async fn kept(cx: &Cx, request: &Request, cluster: &Doc, created: &Doc) -> Outcome {
    let now = cluster::find(cx, request, request.required("clusterName")).await;
    let same = now.as_ref().is_ok_and(|now| {
        now["metadata"]["uid"] == cluster["metadata"]["uid"] && ClusterStatus::of(now) != ClusterStatus::Deleting
    });
    if same {
        return Ok(json!({"nodegroup": describe::nodegroup(created)}));
    }
    let name = created["metadata"]["name"].as_str().unwrap_or_default();
    match cx.client.delete(NODEGROUPS, &request.namespace(), name, DeleteOptions::default()).await {
        Err(status) if status.reason != Reason::NotFound => Err(status.into()),
        _ => Err(failures::no_cluster(cx.model, request.required("clusterName")).into()),
    }
}

async fn facts(cx: &Cx, request: &Request, cluster: &Doc) -> Result<Facts, Failure> {
    let arn = Arn::parse(request.required("nodeRole")).filter(|arn| arn.service == "iam" && arn.account == request.account());
    let role = match arn.as_ref().map(Arn::name).filter(|name| !name.is_empty()) {
        Some(name) => cx.client.find(ROLES, request.account(), &names::escape(name)).await?,
        None => None,
    };
    let mut subnets = Vec::new();
    for id in request.texts("subnets").into_iter().filter(|id| !id.is_empty()) {
        let found = cx.client.find(SUBNETS, &request.namespace(), &names::escape(id)).await?;
        subnets.extend(found.map(|subnet| subnet.get("/spec")));
    }
    Ok(Facts { role: role.map(|role| role.get("/spec")), subnets, cluster: cluster["spec"].clone() })
}

fn record(cx: &Cx, request: &Request, cluster: &Doc, facts: &Facts, token: Option<&Token>) -> Doc {
    let uuid = ids::uuid(&*cx.random);
    let made = Owner {
        account: request.account(),
        region: &request.region,
        uuid: &uuid,
        profile_id: ids::iam_id(&*cx.random, "AIPA"),
        now: request.now,
    };
    let mut spec = specification(&request.input, facts, &made);
    if let Some(token) = token {
        spec["clientRequest"] = token.to_doc();
    }
    json!({
        "apiVersion": API_VERSION, "kind": "Nodegroup",
        "metadata": {
            "name": find::record_name(request.required("clusterName"), request.required("nodegroupName")),
            "labels": {CLUSTER_LABEL: cluster["metadata"]["uid"]}, "ownerReferences": [owner(cluster)],
            "finalizers": [NODEGROUP_FINALIZER],
        },
        "spec": spec,
    })
}
