//! UpdateNodegroupConfig: sizes, labels, taints and how updates go; an Update tells when the nodes are as wanted.

use crate::failures;
use crate::nodegroups::{NODEGROUP_ANNOTATION, NodegroupStatus, describe, find};
use crate::records::{API_VERSION, CLUSTER_LABEL, NODEGROUP_LABEL, NODEGROUPS, UPDATES};
use crate::service::Cx;
use crate::validate::nodegroup::{check_labels, check_scaling, check_taints, check_update_config, scaling};
use aws_service::idempotency::Token;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request, ids};
use client::DeleteOptions;
use meta::Doc;
use reconcile::gone_is_done;
use serde_json::{Value, json};
use std::sync::Arc;

const UNSUPPORTED: [&str; 2] = ["nodeRepairConfig", "warmPoolConfig"];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let group = find::find(&cx, &request).await?;
    let token = Token::of(&request.input, "clientRequestToken");
    let updates = find::updates(&cx.client, &group).await?;
    let same = |update: &&Doc| token.as_ref().is_some_and(|token| token.repeats(&update["spec"]["clientRequest"]));
    if let Some(update) = updates.iter().find(same) {
        return Ok(json!({"update": describe::update(update)}));
    }
    let status = NodegroupStatus::of(&group);
    let ready = matches!(status, NodegroupStatus::Active | NodegroupStatus::Degraded);
    if !ready || updates.iter().any(find::in_progress) {
        let message = "Nodegroup cannot be updated as it is currently not in Active State";
        return Err(failures::in_use(cx.model, request.required("clusterName"), message).into());
    }
    let patch = change(&group, &request).map_err(|why| refuse(&cx, &request, why))?;
    let update = update(&cx, &request, &group, &patch, token.as_ref());
    let made = cx.client.create(UPDATES, &request.namespace(), update).await?.to_doc();
    let name = group["metadata"]["name"].as_str().unwrap_or_default();
    let changed = amend(&cx.client, NODEGROUPS, &request.namespace(), name, |group| {
        change(group, &request).map(Some).map_err(|why| refuse(&cx, &request, why))
    })
    .await;
    match changed {
        Ok(_) => Ok(json!({"update": describe::update(&made)})),
        Err(failure) => {
            undo(&cx, &request, &made).await?;
            Err(failure)
        }
    }
}

fn refuse(cx: &Cx, request: &Request, why: String) -> Failure {
    failures::invalid_parameter(cx.model, request.required("clusterName"), why).into()
}

/// An update of nothing would count as done.
async fn undo(cx: &Cx, request: &Request, update: &Doc) -> Result<(), Failure> {
    let name = update["metadata"]["name"].as_str().unwrap_or_default();
    gone_is_done(cx.client.delete(UPDATES, &request.namespace(), name, DeleteOptions::default()).await)
}

/// The merge patch of the record.
fn change(group: &Doc, request: &Request) -> Result<Doc, String> {
    let (spec, input) = (&group["spec"], &request.input);
    if let Some(member) = UNSUPPORTED.iter().find(|member| input[**member].is_object()) {
        return Err(format!("The requested value of {member} is not supported by this installation of EKS."));
    }
    let mut patch = json!({"modifiedAt": request.now.micro()});
    if input["scalingConfig"].is_object() {
        let sizes = scaling(&spec["scalingConfig"], &input["scalingConfig"]);
        check_scaling(&sizes)?;
        patch["scalingConfig"] = sizes;
    }
    if input["updateConfig"].is_object() {
        check_update_config(&input["updateConfig"])?;
        patch["updateConfig"] = input["updateConfig"].clone();
    }
    if input["labels"].is_object() {
        change_labels(spec, &input["labels"], &mut patch)?;
    }
    if input["taints"].is_object() {
        change_taints(spec, &input["taints"], &mut patch)?;
    }
    Ok(json!({"spec": patch}))
}

fn change_labels(spec: &Doc, asked: &Doc, patch: &mut Doc) -> Result<(), String> {
    check_labels(&asked["addOrUpdateLabels"])?;
    let mut labels = asked["addOrUpdateLabels"].as_object().cloned().unwrap_or_default();
    let removed: Vec<&Value> = asked["removeLabels"].as_array().into_iter().flatten().collect();
    for key in removed.iter().filter_map(|key| key.as_str()) {
        labels.insert(key.to_owned(), Value::Null);
    }
    patch["labels"] = Value::Object(labels);
    patch["removed"]["labels"] = merged(&spec["removed"]["labels"], removed);
    Ok(())
}

fn change_taints(spec: &Doc, asked: &Doc, patch: &mut Doc) -> Result<(), String> {
    check_taints(&asked["addOrUpdateTaints"])?;
    let listed = |member: &str| asked[member].as_array().cloned().unwrap_or_default();
    let (added, removed) = (listed("addOrUpdateTaints"), listed("removeTaints"));
    let same = |one: &Doc, other: &Doc| one["key"] == other["key"] && one["effect"] == other["effect"];
    let mut taints: Vec<Doc> = spec["taints"].as_array().cloned().unwrap_or_default();
    taints.retain(|taint| !added.iter().chain(&removed).any(|other| same(taint, other)));
    taints.extend(added);
    patch["taints"] = json!(taints);
    patch["removed"]["taints"] = merged(&spec["removed"]["taints"], removed.iter().collect());
    Ok(())
}

/// What was ever removed, so that nodes lose it whenever they are next looked at.
fn merged(before: &Doc, more: Vec<&Doc>) -> Doc {
    let mut all: Vec<Doc> = before.as_array().cloned().unwrap_or_default();
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    Doc::Array(all)
}

/// The record of the update, which shows what was asked for by EKS's names.
fn update(cx: &Cx, request: &Request, group: &Doc, patch: &Doc, token: Option<&Token>) -> Doc {
    let (id, input) = (ids::uuid(&*cx.random), &request.input);
    let shown = |value: &Doc| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut params = Vec::new();
    for (member, name) in [("minSize", "MinSize"), ("maxSize", "MaxSize"), ("desiredSize", "DesiredSize")] {
        if !input["scalingConfig"][member].is_null() {
            params.push(json!({"type": name, "value": shown(&patch["spec"]["scalingConfig"][member])}));
        }
    }
    for (pointer, name) in [
        ("/labels/addOrUpdateLabels", "LabelsToAdd"),
        ("/labels/removeLabels", "LabelsToRemove"),
        ("/taints/addOrUpdateTaints", "TaintsToAdd"),
        ("/taints/removeTaints", "TaintsToRemove"),
        ("/updateConfig/maxUnavailable", "MaxUnavailable"),
        ("/updateConfig/maxUnavailablePercentage", "MaxUnavailablePercentage"),
    ] {
        if let Some(value) = input.pointer(pointer).filter(|value| !value.is_null()) {
            params.push(json!({"type": name, "value": shown(value)}));
        }
    }
    let mut spec = json!({
        "id": id, "clusterName": request.required("clusterName"), "nodegroupName": request.required("nodegroupName"),
        "type": "ConfigUpdate", "params": params, "createdAt": request.now.micro(),
    });
    if let Some(token) = token {
        spec["clientRequest"] = token.to_doc();
    }
    let metadata = &group["metadata"];
    json!({
        "apiVersion": API_VERSION, "kind": "Update",
        "metadata": {
            "name": id,
            "labels": {NODEGROUP_LABEL: metadata["uid"], CLUSTER_LABEL: metadata["labels"][CLUSTER_LABEL]},
            "annotations": {NODEGROUP_ANNOTATION: metadata["name"]},
        },
        "spec": spec,
    })
}
