//! The last step of every write: one transaction, then the object as it was stored.

use crate::keys;
use crate::server::{ApiServer, Cx};
use bytes::Bytes;
use meta::status::Result;
use meta::{Doc, Object, Reason, Status};
use std::sync::Arc;
use storage::{Compare, Txn, TxnOutcome, Write};

const NAMESPACES: &str = "/namespaces/";

/// Why a transaction did not commit.
pub(crate) enum Lost {
    /// The object itself changed, appeared or vanished.
    Object,
    /// The namespace it was to live in is gone or another than it was.
    Namespace,
    /// A scarce thing under this key is taken.
    Claim(String),
}

enum Act {
    Put,
    Delete,
}

/// What a write will do once the document is ready: the object's own change and the claims that go with it.
pub(crate) struct Plan {
    key: String,
    act: Act,
    compares: Vec<Compare>,
    claims: Vec<Write>,
}

impl Plan {
    /// `home` is the namespace it is to live in: any change to that loses the transaction.
    pub fn create(cx: &Cx<'_>, name: &str, home: Option<&Object>) -> Self {
        let namespace = &cx.call.target.namespace;
        let key = keys::full(&cx.def, namespace, name);
        let mut compares = vec![Compare::Absent(key.clone())];
        if let Some(home) = home {
            compares.push(Compare::ModRevision(format!("{NAMESPACES}{namespace}"), home.revision));
        }
        Self { key, act: Act::Put, compares, claims: Vec::new() }
    }

    pub fn update(cx: &Cx<'_>, current: &Object) -> Self {
        Self::against(cx, current, Act::Put)
    }

    pub fn delete(cx: &Cx<'_>, current: &Object) -> Self {
        Self::against(cx, current, Act::Delete)
    }

    fn against(cx: &Cx<'_>, current: &Object, act: Act) -> Self {
        let key = keys::full(&cx.def, &current.meta.namespace, &current.meta.name);
        let compares = vec![Compare::ModRevision(key.clone(), current.revision)];
        Self { key, act, compares, claims: Vec::new() }
    }

    pub fn is_delete(&self) -> bool {
        matches!(self.act, Act::Delete)
    }

    /// Takes a scarce thing for this object, or loses the transaction.
    pub fn claim(&mut self, key: String, value: Bytes) {
        self.compares.push(Compare::Absent(key.clone()));
        self.claims.push(Write::Put { key, value, sensitive: false });
    }

    pub fn release(&mut self, key: String) {
        self.claims.push(Write::Delete { key });
    }
}

impl ApiServer {
    /// Stores `doc` as planned. A dry run checks what it can and stores nothing.
    pub(crate) async fn commit(&self, cx: &Cx<'_>, plan: Plan, doc: &Doc) -> Result<Result<Arc<Object>, Lost>> {
        let draft = self.cache_of(&cx.def)?.draft(&self.stored_form(cx, doc)).map_err(Status::internal)?;
        if draft.stored().len() > self.config.max_object_bytes {
            return Err(Status::too_large(self.config.max_object_bytes));
        }
        if cx.call.options.dry_run {
            return match self.rehearse(&plan).await? {
                Some(lost) => Ok(Err(lost)),
                None => shown(&cx.def, draft.with_revision(current_version(doc)).shared()).map(Ok),
            };
        }
        match plan.act {
            Act::Delete => {
                let outcome =
                    self.write(cx, &plan.key, plan.compares, plan.claims, Write::Delete { key: plan.key.clone() }).await?;
                Ok(match outcome {
                    Ok(revision) => Ok(shown(&cx.def, draft.with_revision(revision).shared())?),
                    Err(lost) => Err(lost),
                })
            }
            Act::Put => {
                let value = draft.stored().clone();
                let prepared = self.caches.handoff.offer(draft);
                let put = Write::Put { key: plan.key.clone(), value: value.clone(), sensitive: cx.def.sensitive };
                let outcome = self.write(cx, &plan.key, plan.compares, plan.claims, put).await;
                if !matches!(outcome, Ok(Ok(_))) {
                    self.caches.handoff.take(&value);
                }
                Ok(match outcome? {
                    Ok(revision) => Ok(shown(&cx.def, prepared.at(revision))?),
                    Err(lost) => Err(lost),
                })
            }
        }
    }

    /// One transaction: the object's own write and the claims that go with it.
    async fn write(
        &self,
        cx: &Cx<'_>,
        key: &str,
        compares: Vec<Compare>,
        mut writes: Vec<Write>,
        own: Write,
    ) -> Result<Result<u64, Lost>> {
        writes.push(own);
        match self.caches.store().txn(Txn { compares, writes }).await.map_err(store_error)? {
            TxnOutcome::Committed { revision } => {
                self.wrote(&cx.def.kind);
                Ok(Ok(revision))
            }
            TxnOutcome::Failed { key: failed, .. } => Ok(Err(lost(key, failed))),
        }
    }

    /// Checks a plan's conditions without writing.
    async fn rehearse(&self, plan: &Plan) -> Result<Option<Lost>> {
        for compare in &plan.compares {
            let found = self.caches.store().get(compare.key(), None).await.map_err(store_error)?;
            if !compare.holds(found.map(|entry| entry.mod_revision)) {
                return Ok(Some(lost(&plan.key, compare.key().to_owned())));
            }
        }
        Ok(None)
    }

    /// The document in the version it is stored as.
    fn stored_form<'a>(&self, cx: &Cx<'_>, doc: &'a Doc) -> std::borrow::Cow<'a, Doc> {
        match cx.def.convert {
            Some(convert) => std::borrow::Cow::Owned((convert.to_storage)(doc.clone())),
            None => std::borrow::Cow::Borrowed(doc),
        }
    }
}

/// Converts a stored object to the served version, when the two differ.
pub(crate) fn shown(def: &api::ResourceDef, object: Arc<Object>) -> Result<Arc<Object>> {
    match def.convert {
        None => Ok(object),
        Some(convert) => {
            let doc = (convert.from_storage)(object.to_doc());
            let fields = object.fields.clone();
            Object::from_doc(&doc, object.revision).map(|o| Arc::new(o.with_fields(fields))).map_err(Status::internal)
        }
    }
}

fn lost(object_key: &str, key: String) -> Lost {
    if key == object_key {
        Lost::Object
    } else if key.starts_with(NAMESPACES) {
        Lost::Namespace
    } else {
        Lost::Claim(key)
    }
}

/// What a dry run answers with: the version the object has, none for one that was never stored.
fn current_version(doc: &Doc) -> u64 {
    doc["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse().ok()).unwrap_or(0)
}

pub(crate) fn store_error(error: storage::Error) -> Status {
    match error {
        storage::Error::TooLarge { size, limit } => Status::new(
            Reason::RequestEntityTooLarge,
            format!("etcdserver: request is too large ({size} bytes, the limit is {limit})"),
        ),
        storage::Error::QuotaExceeded { .. } => Status::internal("etcdserver: mvcc: database space exceeded"),
        storage::Error::Broken { .. } | storage::Error::Closed => Status::new(Reason::ServiceUnavailable, error.to_string()),
        other => Status::internal(other),
    }
}
