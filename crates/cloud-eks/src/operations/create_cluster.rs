//! CreateCluster: checks everything that can be checked, then writes the one record that the reconciler makes true.

use crate::describe;
use crate::failures;
use crate::network;
use crate::records::{API_VERSION, CLUSTER_FINALIZER, CLUSTERS, ROLES, SECURITY_GROUPS, SUBNETS, VPCS};
use crate::service::Cx;
use crate::validate::cluster::{Facts, Fresh, Owner, check, specification};
use aws_service::idempotency::Token;
use aws_service::policy::Decision;
use aws_service::{Arn, Failure, Outcome, Request, ids, names};
use aws_wire::{AwsError, Protocol};
use client::Resource;
use meta::{Doc, Reason};
use serde_json::json;
use std::sync::Arc;

const PASS_ROLE: &str = "iam:PassRole";

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let token = Token::of(&request.input, "clientRequestToken");
    if let Some(existing) = existing(&cx, &request).await? {
        return repeated(&cx, &request, token.as_ref(), &existing);
    }
    may_pass_role_to(&request, "roleArn", "eks.amazonaws.com")?;
    let facts = facts(&cx, &request).await?;
    check(cx.model, &request.input, &facts)?;
    match cx.client.create(CLUSTERS, &request.namespace(), record(&cx, &request, &facts, token.as_ref())).await {
        Ok(created) => Ok(json!({"cluster": describe::cluster(&created.to_doc())})),
        // Another request for the same name was faster.
        Err(status) if status.reason == Reason::AlreadyExists => match existing(&cx, &request).await? {
            Some(existing) => repeated(&cx, &request, token.as_ref(), &existing),
            None => Err(taken(&cx, &request).into()),
        },
        Err(status) => Err(status.into()),
    }
}

async fn existing(cx: &Cx, request: &Request) -> Result<Option<Doc>, Failure> {
    let found = cx.client.find(CLUSTERS, &request.namespace(), &names::escape(request.required("name"))).await?;
    Ok(found.map(|record| record.to_doc()))
}

/// The name is taken: by this very request, sent again, or by another.
fn repeated(cx: &Cx, request: &Request, token: Option<&Token>, existing: &Doc) -> Outcome {
    match token.is_some_and(|token| token.repeats(&existing["spec"]["clientRequest"])) {
        true => Ok(json!({"cluster": describe::cluster(existing)})),
        false => Err(taken(cx, request).into()),
    }
}

fn taken(cx: &Cx, request: &Request) -> AwsError {
    let name = request.required("name");
    failures::in_use(cx.model, name, format!("Cluster already exists with name: {name}"))
}

/// Handing a role to a service takes a permission of its own.
pub fn may_pass_role_to(request: &Request, member: &str, service: &str) -> Result<(), AwsError> {
    let role = request.required(member);
    let mut asked = request.clone();
    asked.context.add("iam:PassedToService", service);
    match asked.allowed(PASS_ROLE, role) {
        Decision::Allow => Ok(()),
        Decision::ExplicitDeny | Decision::ImplicitDeny => Err(asked.denied(Protocol::RestJson, PASS_ROLE, role)),
    }
}

async fn facts(cx: &Cx, request: &Request) -> Result<Facts, Failure> {
    let role = Arn::parse(request.required("roleArn")).filter(|arn| arn.service == "iam" && arn.account == request.account());
    let role = match role {
        Some(arn) => spec(cx, ROLES, request.account(), &names::escape(arn.name())).await?,
        None => None,
    };
    let subnets = specs(cx, request, SUBNETS, "subnetIds").await?;
    let vpc = match subnets.first().and_then(|subnet| subnet["vpcId"].as_str()) {
        Some(id) => spec(cx, VPCS, &request.namespace(), &names::escape(id)).await?,
        None => None,
    };
    let security_groups = specs(cx, request, SECURITY_GROUPS, "securityGroupIds").await?;
    Ok(Facts { role, subnets, security_groups, vpc })
}

/// Those of the asked records that exist.
async fn specs(cx: &Cx, request: &Request, resource: Resource, member: &str) -> Result<Vec<Doc>, Failure> {
    let mut found = Vec::new();
    for id in request.input["resourcesVpcConfig"][member].as_array().into_iter().flatten().filter_map(Doc::as_str) {
        found.extend(spec(cx, resource, &request.namespace(), &names::escape(id)).await?);
    }
    Ok(found)
}

async fn spec(cx: &Cx, resource: Resource, namespace: &str, name: &str) -> Result<Option<Doc>, Failure> {
    if name.is_empty() {
        return Ok(None);
    }
    Ok(cx.client.find(resource, namespace, name).await?.map(|record| record.to_doc()["spec"].take()))
}

fn record(cx: &Cx, request: &Request, facts: &Facts, token: Option<&Token>) -> Doc {
    let random = &*cx.random;
    let fresh = Fresh {
        security_group: ids::ec2_id(random, "sg"),
        security_group_digits: ids::digits(random, 9),
        oidc_id: ids::hex(random, 32).to_uppercase(),
    };
    let owner = Owner { account: request.account(), region: &request.region, principal_arn: request.caller.principal_arn() };
    let mut spec = specification(&request.input, facts, &fresh, &owner);
    spec["networkInterfaces"] = network::choose(&facts.subnets, random);
    if let Some(token) = token {
        spec["clientRequest"] = token.to_doc();
    }
    json!({
        "apiVersion": API_VERSION, "kind": "Cluster",
        "metadata": {"name": names::escape(request.required("name")), "finalizers": [CLUSTER_FINALIZER]},
        "spec": spec,
    })
}
