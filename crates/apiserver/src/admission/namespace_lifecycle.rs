//! NamespaceLifecycle: nothing is created in a namespace that is missing or going away, and the namespaces that every
//! cluster needs stay (kubernetes `staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use meta::status::Result;
use meta::{Doc, GroupResource, Status};
use serde_json::json;

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub(super) struct NamespaceLifecycle;

#[async_trait::async_trait]
impl Plugin for NamespaceLifecycle {
    /// Before every other plugin and before validation: in a namespace that is not there nothing else matters.
    async fn admit(&self, server: &ApiServer, admission: &Admission<'_>, _: &mut Doc) -> Result<()> {
        takes_new_content(server, admission).await
    }

    async fn check(&self, _: &ApiServer, admission: &Admission<'_>, _: Option<&Doc>) -> Result<()> {
        let target = &admission.cx.call.target;
        if admission.is(Operation::Delete, "", "namespaces") && IMMORTAL.contains(&target.name.as_str()) {
            let resource = GroupResource::new("", "namespaces");
            return Err(Status::forbidden(&resource, &target.name, "this namespace may not be deleted"));
        }
        Ok(())
    }
}

async fn takes_new_content(server: &ApiServer, admission: &Admission<'_>) -> Result<()> {
    if admission.operation != Operation::Create || !admission.cx.def.namespaced {
        return Ok(());
    }
    let target = &admission.cx.call.target;
    let missing = || server.no_namespace(&target.namespace);
    let found = match server.lookup("", "v1", "namespaces", "", &target.namespace) {
        Some(namespace) => namespace,
        // The cache may be a moment behind a namespace made just now.
        None => {
            server.caches.fresh().await?;
            server.lookup("", "v1", "namespaces", "", &target.namespace).ok_or_else(missing)?
        }
    };
    if found.meta.is_deleting() && !is_access_review(admission) {
        return Err(terminating(admission));
    }
    Ok(())
}

fn is_access_review(admission: &Admission<'_>) -> bool {
    admission.cx.def.gvr.group == "authorization.k8s.io"
}

fn terminating(admission: &Admission<'_>) -> Status {
    let namespace = &admission.cx.call.target.namespace;
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let cause = json!([{ "reason": "NamespaceTerminating", "message": format!("namespace {namespace} is being terminated"), "field": "metadata.namespace" }]);
    Status::forbidden(&admission.cx.def.group_resource(), admission.name(), why).with_causes(cause)
}
