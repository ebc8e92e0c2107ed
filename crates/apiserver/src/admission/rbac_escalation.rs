//! Nobody grants what they do not hold (kubernetes `pkg/registry/rbac/*/policybased`, where it is part of the storage).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use auth::rbac::{Granter, check_binding, check_role};
use meta::Doc;
use meta::status::Result;

pub(super) struct RbacEscalation;

#[async_trait::async_trait]
impl Plugin for RbacEscalation {
    async fn check(&self, server: &ApiServer, admission: &Admission<'_>, doc: Option<&Doc>) -> Result<()> {
        let target = &admission.cx.call.target;
        let (Some(doc), true) = (doc, target.resource.group == auth::rbac::GROUP) else { return Ok(()) };
        if admission.operation == Operation::Delete {
            return Ok(());
        }
        let granter = Granter { user: admission.cx.user, authorizer: &*server.authorizer, rbac: &server.rbac };
        let name = doc["metadata"]["name"].as_str().unwrap_or_default();
        match target.resource.resource.as_str() {
            "roles" | "clusterroles" => check_role(granter, &target.namespace, name, doc, admission.old),
            "rolebindings" | "clusterrolebindings" => check_binding(granter, &target.namespace, name, doc, admission.old),
            _ => Ok(()),
        }
    }
}
