//! Clears away requests that nobody needs any more (kubernetes `pkg/controller/certificates/cleaner/cleaner.go`). Each is
//! looked at again when its own time comes, not by polling.

use super::conditions::{APPROVED, DENIED, FAILED, find, is_issued};
use super::{NAME, REQUESTS};
use crate::context::Cx;
use auth::pki::not_after;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::{Client, DeleteOptions, Preconditions};
use meta::time::SharedClock;
use meta::{Doc, Reason, Time};
use reconcile::{Controller, Error, Informer, Next};
use std::sync::Arc;
use std::time::Duration;

/// `approvedExpiration` and `deniedExpiration`.
const DECIDED_SECONDS: i64 = 3600;
/// `pendingExpiration`.
const PENDING_SECONDS: i64 = 24 * 3600;

pub(super) fn start(cx: &Cx) {
    let requests = cx.informers.get(REQUESTS);
    let pass = Arc::new(Pass { client: cx.client(NAME), requests: requests.clone(), clock: cx.context.clock.clone() });
    Controller::new("csrcleaner", &cx.context.runtime).watches_own(&requests).run(1, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key.name).await }
    });
}

struct Pass {
    client: Client,
    requests: Arc<Informer>,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, name: &str) -> Result<Next, Error> {
        let Some(request) = self.requests.get("", name) else { return Ok(Next::OnChange) };
        let uid = Some(request.meta.uid.clone());
        let Some(end) = end(&request.to_doc()) else { return Ok(Next::OnChange) };
        let left = end.seconds_since(self.clock.now());
        if left > 0 {
            return Ok(Next::After(Duration::from_secs(left.unsigned_abs())));
        }
        let options =
            DeleteOptions { preconditions: Preconditions { uid, ..Preconditions::default() }, ..DeleteOptions::default() };
        match self.client.delete(REQUESTS, "", name, options).await {
            Err(status) if status.reason != Reason::NotFound => Err(status.into()),
            _ => Ok(Next::OnChange),
        }
    }
}

/// When a request goes.
fn end(request: &Doc) -> Option<Time> {
    let since = |kind: &str| Time::parse(find(request, kind)?["lastUpdateTime"].as_str()?);
    let created = Time::parse(request["metadata"]["creationTimestamp"].as_str().unwrap_or_default());
    let decided = [DENIED, FAILED].into_iter().chain(is_issued(request).then_some(APPROVED));
    let mut ends: Vec<Time> = decided.filter_map(since).map(|at| at.plus_seconds(DECIDED_SECONDS)).collect();
    ends.extend(certificate_end(request));
    let undecided = request["status"]["conditions"].as_array().is_none_or(Vec::is_empty);
    ends.extend(created.filter(|_| undecided).map(|at| at.plus_seconds(PENDING_SECONDS)));
    ends.into_iter().min()
}

fn certificate_end(request: &Doc) -> Option<Time> {
    let pem = STANDARD.decode(request["status"]["certificate"].as_str()?).ok()?;
    not_after(std::str::from_utf8(&pem).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_go_when_upstream_lets_them_go() {
        let condition = |kind: &str| json!([{"type": kind, "lastUpdateTime": "2026-11-20T12:00:00Z"}]);
        for (status, expected) in [
            (json!({}), Some("2026-11-21T10:00:00Z")),
            (json!({"conditions": condition("Denied")}), Some("2026-11-20T13:00:00Z")),
            (json!({"conditions": condition("Failed")}), Some("2026-11-20T13:00:00Z")),
            (json!({"conditions": condition("Approved")}), None),
            (json!({"conditions": condition("Approved"), "certificate": "eA=="}), Some("2026-11-20T13:00:00Z")),
        ] {
            let request = json!({"metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"}, "status": status});
            assert_eq!(end(&request).map(|time| time.to_string()).as_deref(), expected, "{request}");
        }
    }
}
