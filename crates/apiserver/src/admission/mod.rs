//! Admission plugins, in upstream's order (kubernetes `pkg/kubeapiserver/options/plugins.go`).

mod certificates;
mod namespace_lifecycle;
mod node_restriction;
mod priority;
mod rbac_escalation;
mod service_account;
mod taint_nodes;
mod tolerations;

use crate::server::{ApiServer, Cx};
use meta::Doc;
use meta::status::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

/// What a plugin may look at.
pub(crate) struct Admission<'a> {
    pub cx: &'a Cx<'a>,
    pub operation: Operation,
    pub old: Option<&'a Doc>,
}

impl Admission<'_> {
    /// How a refusal names the object: as the caller did, were it only by the base of its name.
    pub fn name(&self) -> &str {
        let body = match &self.cx.call.body {
            client::Body::Doc(doc) => Some(&doc["metadata"]),
            _ => None,
        };
        let given = |field: &str| body.and_then(|metadata| metadata[field].as_str()).unwrap_or_default();
        let candidates = [self.cx.call.target.name.as_str(), given("name"), given("generateName")];
        candidates.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// Whether this is `operation` on the main resource `group/resource`.
    pub fn is(&self, operation: Operation, group: &str, resource: &str) -> bool {
        let target = &self.cx.call.target;
        self.operation == operation
            && target.subresource.is_empty()
            && target.resource.group == group
            && target.resource.resource == resource
    }
}

/// Mutates what is written (`admit`), then judges what came of it (`check`; no document on delete).
#[async_trait::async_trait]
pub(crate) trait Plugin: Send + Sync {
    async fn admit(&self, _server: &ApiServer, _admission: &Admission<'_>, _doc: &mut Doc) -> Result<()> {
        Ok(())
    }
    async fn check(&self, _server: &ApiServer, _admission: &Admission<'_>, _doc: Option<&Doc>) -> Result<()> {
        Ok(())
    }
}

pub(crate) type Plugins = &'static [&'static dyn Plugin];

pub(crate) const PLUGINS: Plugins = &[
    &namespace_lifecycle::NamespaceLifecycle,
    &service_account::ServiceAccount,
    &node_restriction::NodeRestriction,
    &taint_nodes::TaintNodesByCondition,
    &priority::Priority,
    &tolerations::DefaultTolerationSeconds,
    &certificates::Certificates,
    &rbac_escalation::RbacEscalation,
];

impl ApiServer {
    pub(crate) async fn admit(&self, admission: &Admission<'_>, doc: &mut Doc) -> Result<()> {
        for plugin in self.plugins {
            plugin.admit(self, admission, doc).await?;
        }
        Ok(())
    }

    pub(crate) async fn check_admitted(&self, admission: &Admission<'_>, doc: Option<&Doc>) -> Result<()> {
        for plugin in self.plugins {
            plugin.check(self, admission, doc).await?;
        }
        Ok(())
    }

    /// An object of a built-in kind, as the cache has it. None as well when the plane does not serve the kind.
    pub(crate) fn lookup(
        &self,
        group: &str,
        version: &str,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Option<std::sync::Arc<meta::Object>> {
        let cache = self.caches.of(&meta::Gvr::new(group, version, resource))?;
        cache.get(&crate::keys::local(namespace, name))
    }
}
