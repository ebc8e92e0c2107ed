//! Writes the status of owners, and waits for it.

use crate::context::Cx;
use client::{Client, Resource};
use meta::{Doc, Object, Reason, Status};
use reconcile::Informer;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) struct StatusWriter {
    client: Client,
    resource: Resource,
    cache: Arc<Informer>,
    stop: CancellationToken,
}

impl StatusWriter {
    pub fn new(cx: &Cx, controller: &'static str, resource: Resource) -> Self {
        let (cache, stop) = (cx.informers.get(resource), cx.context.runtime.stop.clone());
        Self { client: cx.client(controller), resource, cache, stop }
    }

    /// Writes this object's status as the document has it, and returns when the cache shows it. The role allows no patch:
    /// the document carries the resourceVersion that it was read at.
    pub async fn write(&self, object: &Object, doc: Doc) -> Result<Arc<Object>, Status> {
        let meta = &object.meta;
        let updated = self.client.update_subresource(self.resource, &meta.namespace, &meta.name, "status", doc).await?;
        self.stop.run_until_cancelled(self.cache.reached(updated.revision)).await;
        Ok(updated)
    }

    /// As [`StatusWriter::write`], with another status. An object that is gone needs none.
    pub async fn replace(&self, object: &Object, doc: &Doc, status: Doc) -> Result<(), Status> {
        let mut doc = doc.clone();
        doc["status"] = status;
        match self.write(object, doc).await {
            Err(status) if status.reason != Reason::NotFound => Err(status),
            _ => Ok(()),
        }
    }

    /// Another template has the same hash: the next name takes the count of such accidents in.
    pub async fn count_collision(&self, object: &Object, doc: &Doc) -> Result<(), Status> {
        let mut status = doc["status"].clone();
        status["collisionCount"] = (status["collisionCount"].as_i64().unwrap_or(0) + 1).into();
        self.replace(object, doc, status).await
    }
}
