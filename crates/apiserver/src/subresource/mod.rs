//! What is special about subresources and about kinds that are asked rather than stored.

mod binding;
mod budget;
mod eviction;
mod pods;
mod reviews;
mod scale;
mod token;

use crate::admission::{Admission, Operation};
use crate::server::{ApiServer, Cx};
use client::{Reply, Verb};
use meta::status::Result;
use meta::{Doc, Reason, Status};

impl ApiServer {
    /// Answers a request that does not read or write its target as a whole. None: the ordinary path serves it.
    pub(crate) async fn special(&self, cx: &Cx<'_>) -> Result<Option<Reply>> {
        let target = &cx.call.target;
        let resource = target.resource.resource.as_str();
        match (target.resource.group.as_str(), resource, target.subresource.as_str()) {
            ("authorization.k8s.io" | "authentication.k8s.io", _, "") => self.review(cx).await.map(Some),
            ("", "bindings", "") | ("", "pods", "binding") => self.bind(cx).await.map(Some),
            ("", "pods", "eviction") => self.evict(cx).await.map(Some),
            ("", "serviceaccounts", "token") => self.request_token(cx).await.map(Some),
            ("", "componentstatuses", "") => Ok(Some(component_statuses(cx)?)),
            (_, _, "scale") => self.scale(cx).await.map(Some),
            ("", "pods", "log" | "exec" | "attach" | "portforward" | "proxy") => Err(self.unreachable_pod(cx).await),
            ("", "services" | "nodes", "proxy") => Err(self.unreachable(cx).await),
            ("apiextensions.k8s.io", "customresourcedefinitions", "") if cx.call.verb == Verb::Create => Err(not_built(cx)),
            ("admissionregistration.k8s.io", "mutatingwebhookconfigurations" | "validatingwebhookconfigurations", "")
            | ("admissionregistration.k8s.io", "validatingadmissionpolicies" | "mutatingadmissionpolicies", "")
            | ("apiregistration.k8s.io", "apiservices", "")
                if cx.call.verb == Verb::Create =>
            {
                Err(not_built(cx))
            }
            _ => Ok(None),
        }
    }

    /// Admission of what is created on a subresource and stored nowhere.
    pub(crate) async fn admit_special(&self, cx: &Cx<'_>, doc: &mut Doc) -> Result<()> {
        let admission = Admission { cx, operation: Operation::Create, old: None };
        self.admit(&admission, doc).await?;
        self.check_admitted(&admission, Some(doc)).await
    }

    /// Streams go to a kubelet; a pod without a node has none.
    async fn unreachable_pod(&self, cx: &Cx<'_>) -> Status {
        let name = &cx.call.target.name;
        match self.current(cx).await {
            Ok(None) => cx.not_found(),
            Err(status) => status,
            Ok(Some(pod)) => match pod.get("/spec/nodeName").as_str() {
                None | Some("") => Status::bad_request(format!("pod {name} does not have a host assigned")),
                Some(node) => no_address(node),
            },
        }
    }

    async fn unreachable(&self, cx: &Cx<'_>) -> Status {
        match self.current(cx).await {
            Ok(None) => cx.not_found(),
            Err(status) => status,
            Ok(Some(object)) if cx.def.kind == "Node" => no_address(&object.meta.name),
            Ok(Some(object)) => {
                Status::new(Reason::ServiceUnavailable, format!("no endpoints available for service {:?}", object.meta.name))
            }
        }
    }
}

fn no_address(node: &str) -> Status {
    Status::internal(format!("no preferred addresses found for node {node:?}; known addresses: []"))
}

/// A kind whose machinery does not exist yet must not be accepted and then ignored.
fn not_built(cx: &Cx<'_>) -> Status {
    let why =
        format!("{} are not served yet by this version of Pilothouse; creating one would have no effect", cx.def.gvr.resource);
    Status::forbidden(&cx.def.group_resource(), "", why)
}

/// Deprecated upstream since 1.19; what it would probe is one process here.
fn component_statuses(cx: &Cx<'_>) -> Result<Reply> {
    match cx.call.verb {
        Verb::List => Ok(Reply::new(client::ReplyBody::List(client::List::default()))),
        _ => Err(cx.not_found()),
    }
}

pub(crate) use pods::validate_ephemeral;

/// Lets an update of a subresource touch only what is its own.
pub(crate) fn confine(cx: &Cx<'_>, new: &mut Doc, old: &Doc) {
    let keep_all_but = |new: &mut Doc, own: &[&str]| {
        let mut kept = old.clone();
        for pointer in own {
            let value = new.pointer(&format!("/{}", pointer.replace('.', "/"))).cloned();
            set_at(&mut kept, pointer, value);
        }
        *new = kept;
    };
    match (cx.def.kind.as_str(), cx.call.target.subresource.as_str()) {
        (_, "") => cx.def.prepare_for_update(new, old),
        (kind, "status") => {
            cx.def.prepare_for_status_update(new, old);
            if kind == "Pod" {
                pods::keep_class(new, old);
            }
        }
        (_, "finalize") => keep_all_but(new, &["spec.finalizers"]),
        (_, "approval") => keep_all_but(new, &["status.conditions"]),
        (_, "ephemeralcontainers") => {
            keep_all_but(new, &["spec.ephemeralContainers"]);
            pods::raise_generation(new, old);
        }
        (_, "resize") => {
            *new = pods::resized(new, old);
            pods::raise_generation(new, old);
        }
        _ => {}
    }
}

fn set_at(doc: &mut Doc, path: &str, value: Option<Doc>) {
    let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = doc;
    for step in parent.split('.').filter(|s| !s.is_empty()) {
        if !at[step].is_object() {
            at[step] = serde_json::json!({});
        }
        at = &mut at[step];
    }
    match value {
        Some(value) => at[field] = value,
        None => crate::verbs::prepare::remove(at, field),
    }
}
