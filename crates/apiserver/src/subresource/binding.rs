//! Binding a pod to a node: the scheduler's one write.

use crate::commit::Plan;
use crate::server::{ApiServer, Cx};
use client::{Body, Call, Reply, ReplyBody, Verb};
use meta::status::Result;
use meta::{Doc, FieldErrors, Gvk, Gvr, Path, Status};
use serde_json::json;

impl ApiServer {
    pub(super) async fn bind(&self, cx: &Cx<'_>) -> Result<Reply> {
        let kind = Gvk::new("", "v1", "Binding");
        let Body::Doc(body) = &cx.call.body else { return Err(Status::bad_request("a binding needs a body")) };
        let mut binding = self.decode(cx, body.clone(), &kind)?.doc;
        let pod_name = match cx.call.target.name.as_str() {
            "" => binding["metadata"]["name"].as_str().unwrap_or_default(),
            name => name,
        };
        let pod_name = &*pod_name.to_owned();
        self.admit_special(cx, &mut binding).await?;
        validate(&kind, pod_name, &binding)?;
        let mut call = Call::new(Verb::Update, Gvr::new("", "v1", "pods"), &cx.call.target.namespace, pod_name);
        call.options.dry_run = cx.call.options.dry_run;
        let def = self.published.catalog.by_path("", "v1", "pods").ok_or_else(Status::no_such_path)?;
        let pod_cx = Cx { user: cx.user, call: &call, def };
        loop {
            let pod = self.current(&pod_cx).await?.ok_or_else(|| pod_cx.not_found())?;
            let assigned = assign(&pod_cx, pod.to_doc(), &binding, &self.clock.now().to_string())?;
            if self.commit(&pod_cx, Plan::update(&pod_cx, &pod), &assigned).await?.is_ok() {
                return Ok(Reply::new(ReplyBody::Doc(wire::status::success(201))).with_code(201));
            }
        }
    }
}

fn validate(kind: &Gvk, pod: &str, binding: &Doc) -> Result<()> {
    let target = &binding["target"];
    let mut errors = FieldErrors::default();
    let path = Path::new("target");
    match target["kind"].as_str().unwrap_or_default() {
        "" | "Node" => {}
        other => errors.not_supported(&path.child("kind"), other, &["Node", "<empty>"]),
    }
    if target["name"].as_str().unwrap_or_default().is_empty() {
        errors.required(&path.child("name"), "");
    }
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(&kind.group_kind(), pod, &errors)) }
}

/// `assignPod` of kubernetes `pkg/registry/core/pod/storage/storage.go`.
fn assign(cx: &Cx<'_>, mut pod: Doc, binding: &Doc, now: &str) -> Result<Doc> {
    let name = &cx.call.target.name;
    let refuse = |why: String| Err(Status::conflict(&meta::GroupResource::new("", "pods/binding"), name, why));
    let uid = binding["metadata"]["uid"].as_str().unwrap_or_default();
    if !uid.is_empty() && pod["metadata"]["uid"] != uid {
        return refuse(format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            pod["metadata"]["uid"].as_str().unwrap_or_default()
        ));
    }
    if pod["metadata"].get("deletionTimestamp").is_some() {
        return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let gated = pod["spec"]["schedulingGates"].as_array().is_some_and(|g| !g.is_empty());
    match pod["spec"]["nodeName"].as_str() {
        Some(node) if !node.is_empty() => return refuse(format!("pod {name} is already assigned to node {node:?}")),
        _ if gated => return refuse(format!("pod {name} has non-empty .spec.schedulingGates")),
        _ => {}
    }
    pod["spec"]["nodeName"] = binding["target"]["name"].clone();
    for (key, value) in binding["metadata"]["annotations"].as_object().into_iter().flatten() {
        pod["metadata"]["annotations"][key] = value.clone();
    }
    let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.retain(|c| c["type"] != "PodScheduled");
    conditions.push(json!({ "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now }));
    pod["status"]["conditions"] = conditions.into();
    Ok(pod)
}
