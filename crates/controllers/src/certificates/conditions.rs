//! The conditions of a request.

use meta::{Doc, Time};
use serde_json::json;

pub(super) const APPROVED: &str = "Approved";
pub(super) const DENIED: &str = "Denied";
pub(super) const FAILED: &str = "Failed";

pub(super) fn find<'a>(request: &'a Doc, kind: &str) -> Option<&'a Doc> {
    request["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

pub(super) fn is_approved(request: &Doc) -> bool {
    find(request, APPROVED).is_some() && find(request, DENIED).is_none()
}

/// Somebody has decided.
pub(super) fn is_decided(request: &Doc) -> bool {
    find(request, APPROVED).is_some() || find(request, DENIED).is_some()
}

pub(super) fn is_issued(request: &Doc) -> bool {
    request["status"]["certificate"].as_str().is_some_and(|certificate| !certificate.is_empty())
}

/// The request with one more condition.
pub(super) fn with(request: &Doc, kind: &str, reason: &str, message: &str, now: Time) -> Doc {
    let mut request = request.clone();
    let condition = json!({
        "type": kind, "status": "True", "reason": reason, "message": message,
        "lastUpdateTime": now.to_string(), "lastTransitionTime": now.to_string(),
    });
    match request["status"]["conditions"].as_array_mut() {
        Some(conditions) => conditions.push(condition),
        None => request["status"]["conditions"] = json!([condition]),
    }
    request
}
