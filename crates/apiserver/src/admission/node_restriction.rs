//! NodeRestriction: a kubelet touches its own node and its own pods (kubernetes `plugin/pkg/admission/noderestriction`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use meta::status::Result;
use meta::{Doc, Status};

pub(super) struct NodeRestriction;

#[async_trait::async_trait]
impl Plugin for NodeRestriction {
    async fn check(&self, server: &ApiServer, admission: &Admission<'_>, doc: Option<&Doc>) -> Result<()> {
        let Some(node) = admission.cx.user.node_name() else { return Ok(()) };
        let target = &admission.cx.call.target;
        let operation = match admission.operation {
            Operation::Create => auth::node::Operation::Create,
            Operation::Update => auth::node::Operation::Update,
            Operation::Delete => auth::node::Operation::Delete,
        };
        let request = auth::node::Request {
            node,
            user: admission.cx.user,
            operation,
            group: &target.resource.group,
            resource: &target.resource.resource,
            subresource: &target.subresource,
            namespace: &target.namespace,
            name: &target.name,
            new: doc,
            old: admission.old,
        };
        let pod = |namespace: &str, name: &str| server.lookup("", "v1", "pods", namespace, name).map(|o| o.to_doc());
        auth::node::restrict(&request, &pod)
            .map_err(|why| Status::forbidden(&admission.cx.def.group_resource(), &target.name, why))
    }
}
