//! Gives every active namespace its ServiceAccount `default`. Promise: it makes what is missing and touches no other.
//! Follows kubernetes `pkg/controller/serviceaccount/serviceaccounts_controller.go`.

use crate::context::{Cx, NAMESPACES, SERVICE_ACCOUNTS};
use client::Client;
use meta::{Doc, Object, Reason, Status};
use reconcile::{Controller, Error, Informer, Next};
use serde_json::json;
use std::sync::Arc;

pub(crate) const NAME: &str = "service-account-controller";
const DEFAULT: &str = "default";

/// Woken by namespaces, and by the deletion of an account that must be there.
pub(crate) fn start(cx: &Cx) {
    let namespaces = cx.informers.get(NAMESPACES);
    let accounts = cx.informers.select(SERVICE_ACCOUNTS, "metadata.name=default");
    let (seen, made) = (namespaces.clone(), accounts.clone());
    let pass = Arc::new(Pass { client: cx.client(NAME), namespaces, accounts });
    Controller::new(NAME, &cx.context.runtime)
        .watches(&seen, |change| change.new.as_ref().map(|namespace| namespace.meta.name.clone()))
        .watches(&made, |change| change.new.is_none().then(|| change.object().meta.namespace.clone()))
        .run(1, move |namespace: String| {
            let pass = pass.clone();
            async move { pass.reconcile(&namespace).await }
        });
}

struct Pass {
    client: Client,
    namespaces: Arc<Informer>,
    accounts: Arc<Informer>,
}

impl Pass {
    async fn reconcile(&self, namespace: &str) -> Result<Next, Error> {
        let seen = Seen { namespace: self.namespaces.get("", namespace), account: self.accounts.get(namespace, DEFAULT) };
        if let Some(account) = plan(&seen) {
            match self.client.create(SERVICE_ACCOUNTS, namespace, account).await {
                Err(status) if !is_settled(&status) => return Err(status.into()),
                _ => {}
            }
        }
        Ok(Next::OnChange)
    }
}

struct Seen {
    namespace: Option<Arc<Object>>,
    account: Option<Arc<Object>>,
}

/// The account to create.
fn plan(seen: &Seen) -> Option<Doc> {
    let namespace = seen.namespace.as_ref().filter(|n| !n.meta.is_deleting())?;
    seen.account.is_none().then(|| json!({ "metadata": { "name": DEFAULT, "namespace": namespace.meta.name } }))
}

/// Somebody else made it, or the namespace is on its way out or gone: nothing is left to do.
pub(crate) fn is_settled(refusal: &Status) -> bool {
    matches!(refusal.reason, Reason::AlreadyExists | Reason::NotFound) || refusal.is_namespace_terminating()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(doc: Doc) -> Option<Arc<Object>> {
        (!doc.is_null()).then(|| Object::from_doc(&doc, 1).expect("a valid object").shared())
    }

    #[test]
    fn accounts_are_made_where_they_are_missing() {
        let active = json!({"metadata": {"name": "a"}});
        let leaving = json!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        let account = json!({"metadata": {"name": "default", "namespace": "a"}});
        for (namespace, present, makes) in [
            (Doc::Null, Doc::Null, None),
            (active.clone(), Doc::Null, Some(account.clone())),
            (active, account.clone(), None),
            (leaving, Doc::Null, None),
        ] {
            let seen = Seen { namespace: object(namespace.clone()), account: object(present) };
            assert_eq!(plan(&seen), makes, "{namespace}");
        }
    }

    #[test]
    fn refusals_that_settle_the_matter() {
        let terminating = Status::new(Reason::Forbidden, "no").with_causes(json!([{"reason": "NamespaceTerminating"}]));
        for (refusal, settled) in [
            (terminating, true),
            (Status::new(Reason::Forbidden, "no"), false),
            (Status::new(Reason::AlreadyExists, "there"), true),
            (Status::new(Reason::InternalError, "down"), false),
        ] {
            assert_eq!(is_settled(&refusal), settled, "{refusal:?}");
        }
    }
}
