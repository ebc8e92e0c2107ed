//! GET of one object, or of a subresource that reads as one.

use crate::server::{ApiServer, Cx};
use client::{Reply, ReplyBody};
use meta::status::Result;
use meta::{Object, Status};
use std::sync::Arc;

impl ApiServer {
    pub(crate) async fn get(&self, cx: &Cx<'_>) -> Result<Reply> {
        let options = &cx.call.options;
        let reached = match options.resource_version.as_str() {
            "" => self.caches.fresh().await?,
            "0" => self.caches.applied(),
            version => self.caches.reached(self.known_version(version)?).await?,
        };
        tracing::trace!(reached, "serving a read");
        let object = self.cached(cx)?.ok_or_else(|| cx.not_found())?;
        Ok(Reply::new(ReplyBody::Object(object)))
    }

    /// What the cache holds for the call's target, in the version that was asked for.
    pub(crate) fn cached(&self, cx: &Cx<'_>) -> Result<Option<Arc<Object>>> {
        let target = &cx.call.target;
        let stored = self.cache_of(&cx.def)?.get(&crate::keys::local(&target.namespace, &target.name));
        stored.map(|object| crate::commit::shown(&cx.def, object)).transpose()
    }

    /// The newest version of the call's target.
    pub(crate) async fn current(&self, cx: &Cx<'_>) -> Result<Option<Arc<Object>>> {
        self.caches.fresh().await?;
        self.cached(cx)
    }

    /// Parses a resourceVersion and refuses one from the future.
    pub(crate) fn known_version(&self, text: &str) -> Result<u64> {
        let version: u64 = text.parse().map_err(|_| {
            Status::bad_request(format!(
                "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        })?;
        let current = self.caches.store().revision();
        if version <= current {
            return Ok(version);
        }
        let message = format!("Too large resource version: {version}, current: {current}");
        let causes = serde_json::json!([{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }]);
        let mut status = Status::new(meta::Reason::Timeout, format!("Timeout: {message}")).with_causes(causes);
        status.details["retryAfterSeconds"] = 1.into();
        Err(status)
    }
}
