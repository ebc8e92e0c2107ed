//! NodeRestriction: a kubelet touches its own node and its own pods (kubernetes `plugin/pkg/admission/noderestriction`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use auth::Authorizer;
use auth::node::{self, Lookup};
use meta::Doc;
use meta::status::Result;

pub(super) struct NodeRestriction;

struct Known<'a>(&'a ApiServer);

impl Lookup for Known<'_> {
    fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Doc> {
        self.0.lookup(group, "v1", resource, namespace, name).map(|object| object.to_doc())
    }
    fn authorizer(&self) -> &dyn Authorizer {
        &*self.0.authorizer
    }
}

#[async_trait::async_trait]
impl Plugin for NodeRestriction {
    async fn check(&self, server: &ApiServer, admission: &Admission<'_>, doc: Option<&Doc>) -> Result<()> {
        let target = &admission.cx.call.target;
        let operation = match admission.operation {
            Operation::Create => node::Operation::Create,
            Operation::Update => node::Operation::Update,
            Operation::Delete => node::Operation::Delete,
        };
        let request = node::Request {
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
        node::check(&request, &Known(server))
    }
}
