//! From an HTTP reply to a reply of the API.

use bytes::Bytes;
use client::{List, Reply, ReplyBody};
use http::HeaderMap;
use meta::{Doc, Object, Reason, Status};
use std::sync::Arc;

const REASONS: &[Reason] = &[
    Reason::BadRequest,
    Reason::Unauthorized,
    Reason::Forbidden,
    Reason::NotFound,
    Reason::MethodNotAllowed,
    Reason::NotAcceptable,
    Reason::Conflict,
    Reason::AlreadyExists,
    Reason::Gone,
    Reason::Expired,
    Reason::RequestEntityTooLarge,
    Reason::UnsupportedMediaType,
    Reason::Invalid,
    Reason::TooManyRequests,
    Reason::InternalError,
    Reason::ServiceUnavailable,
    Reason::Timeout,
    Reason::ServerTimeout,
    Reason::StorageReadError,
];

/// The reply of a call that was answered with `code`.
pub(crate) fn decode(code: u16, headers: &HeaderMap, body: &Bytes) -> Result<Reply, Status> {
    if code >= 300 {
        return Err(failure(code, body));
    }
    let doc: Doc = serde_json::from_slice(body).map_err(|error| Status::internal(format!("an unreadable reply: {error}")))?;
    let body = match doc {
        Doc::Object(ref map) if map.contains_key("items") && is_list(&doc) => ReplyBody::List(list(doc)?),
        doc if revision(&doc) > 0 => ReplyBody::Object(object(&doc)?),
        doc => ReplyBody::Doc(doc),
    };
    let warnings = headers.get_all(http::header::WARNING).iter().filter_map(|value| warning(value.to_str().ok()?));
    Ok(Reply { body, code, warnings: warnings.collect() })
}

fn is_list(doc: &Doc) -> bool {
    doc["kind"].as_str().is_some_and(|kind| kind.ends_with("List"))
}

/// The text of `299 - "text"`.
fn warning(value: &str) -> Option<String> {
    let quoted = value.strip_prefix("299 - \"")?.strip_suffix('"')?;
    Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
}

pub(crate) fn revision(doc: &Doc) -> u64 {
    // Upstream's versions are numbers too; a reply without one was never stored.
    doc["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub(crate) fn object(doc: &Doc) -> Result<Arc<Object>, Status> {
    Object::from_doc(doc, revision(doc)).map(Object::shared).map_err(Status::internal)
}

fn list(mut doc: Doc) -> Result<List, Status> {
    let items = match doc["items"].take() {
        Doc::Array(items) => items,
        _ => Vec::new(),
    };
    // Upstream leaves out of each item what the list's own kind says.
    let kind = doc["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).unwrap_or_default();
    let complete = |mut item: Doc| {
        if item["kind"].is_null() {
            item["kind"] = kind.into();
            item["apiVersion"] = doc["apiVersion"].clone();
        }
        object(&item)
    };
    Ok(List {
        items: items.into_iter().map(complete).collect::<Result<_, _>>()?,
        revision: revision(&doc),
        continue_token: doc["metadata"]["continue"].as_str().unwrap_or_default().to_owned(),
        remaining: doc["metadata"]["remainingItemCount"].as_u64(),
    })
}

/// The Status in the body, or one for the code where there is none.
pub(crate) fn failure(code: u16, body: &Bytes) -> Status {
    match serde_json::from_slice::<Doc>(body) {
        Ok(doc) if doc["kind"] == "Status" => status(&doc, code),
        _ => {
            let said: String = String::from_utf8_lossy(body).chars().take(200).collect();
            Status::new(by_code(code), format!("the server answered {code}: {}", said.trim()))
        }
    }
}

/// A `v1 Status` of failure.
pub(crate) fn status(doc: &Doc, code: u16) -> Status {
    let code = doc["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(code);
    let named = doc["reason"].as_str().and_then(|name| REASONS.iter().find(|reason| format!("{reason:?}") == name));
    let mut status = Status::new(named.copied().unwrap_or_else(|| by_code(code)), doc["message"].as_str().unwrap_or_default());
    status.details = doc["details"].clone();
    status.continue_token = doc["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    status
}

fn by_code(code: u16) -> Reason {
    let found = REASONS.iter().find(|reason| reason.code() == code);
    found.copied().unwrap_or(if code < 500 { Reason::BadRequest } else { Reason::InternalError })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_keep_their_reason() {
        for (code, body, reason, message) in [
            (409, r#"{"kind":"Status","reason":"AlreadyExists","message":"x","code":409}"#, Reason::AlreadyExists, "x"),
            (409, r#"{"kind":"Status","reason":"NeverHeardOf","message":"x"}"#, Reason::Conflict, "x"),
            (410, r#"{"kind":"Status","reason":"Expired","message":"old"}"#, Reason::Expired, "old"),
            (502, "<html>", Reason::InternalError, "the server answered 502: <html>"),
            (418, "", Reason::BadRequest, "the server answered 418: "),
        ] {
            let status = failure(code, &Bytes::from(body));
            assert_eq!((status.reason, status.message.as_str()), (reason, message), "{code} {body}");
        }
    }

    #[test]
    fn items_of_a_list_know_their_kind() {
        let body = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":"c","remainingItemCount":3},
            "items":[{"metadata":{"name":"a","resourceVersion":"7"}}]}"#;
        let reply = decode(200, &HeaderMap::new(), &Bytes::from(body)).expect("a reply");
        let ReplyBody::List(list) = reply.body else { panic!("a list") };
        assert_eq!((list.revision, list.continue_token.as_str(), list.remaining), (9, "c", Some(3)));
        assert_eq!((list.items[0].revision, &list.items[0].to_doc()["kind"]), (7, &Doc::from("Pod")));
    }

    #[test]
    fn warnings_are_unquoted() {
        assert_eq!(warning(r#"299 - "a \"b\"""#).as_deref(), Some(r#"a "b""#));
        assert_eq!(warning("199 - x"), None);
    }
}
