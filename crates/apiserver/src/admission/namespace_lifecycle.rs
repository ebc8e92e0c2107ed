//! NamespaceLifecycle: nothing is created in a namespace that is missing or going away, and the namespaces that every
//! cluster needs stay (kubernetes `staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle`).

use super::{Admission, Operation, Plugin};
use crate::server::{ApiServer, Cx};
use meta::status::Result;
use meta::{Doc, GroupResource, Object, Status};
use serde_json::json;
use std::sync::Arc;

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub(super) struct NamespaceLifecycle;

#[async_trait::async_trait]
impl Plugin for NamespaceLifecycle {
    /// Before every other plugin and before validation: in a namespace that is not there nothing else matters.
    async fn admit(&self, server: &ApiServer, admission: &Admission<'_>, _: &mut Doc) -> Result<()> {
        match admission.operation {
            Operation::Create => server.living_namespace(admission.cx).await.map(drop),
            Operation::Update | Operation::Delete => Ok(()),
        }
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

impl ApiServer {
    /// The namespace that takes what the call creates, as far as the cache knows; None for kinds that live in none.
    /// A create commits only if the namespace is still the one that was seen here.
    pub(crate) async fn living_namespace(&self, cx: &Cx<'_>) -> Result<Option<Arc<Object>>> {
        if !cx.def.namespaced {
            return Ok(None);
        }
        let name = &cx.call.target.namespace;
        let found = match self.lookup("", "v1", "namespaces", "", name) {
            Some(namespace) => namespace,
            // The cache may be a moment behind a namespace made just now.
            None => {
                self.caches.fresh().await?;
                self.lookup("", "v1", "namespaces", "", name).ok_or_else(|| self.no_namespace(name))?
            }
        };
        let admission = Admission { cx, operation: Operation::Create, old: None };
        if found.meta.is_deleting() && !is_access_review(&admission) {
            return Err(terminating(&admission));
        }
        Ok(Some(found))
    }
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
