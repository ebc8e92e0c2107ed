//! From a call to an HTTP request.

use bytes::Bytes;
use client::{Body, Call, DeleteOptions, Options, PatchKind, Propagation, Target, Verb, VersionMatch};
use http::{Method, Request, header};
use http_body_util::Full;
use meta::{Doc, Status};
use serde_json::json;

pub(crate) fn encode(authority: &str, call: &Call, token: Option<&str>) -> Result<Request<Full<Bytes>>, Status> {
    let (content_type, body) = body(call);
    let query = query(call);
    let separator = if query.is_empty() { "" } else { "?" };
    let mut request = Request::builder()
        .method(method(call.verb))
        .uri(format!("https://{authority}{}{separator}{query}", path(&call.target)))
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("pilothouse/", env!("CARGO_PKG_VERSION")));
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Full::new(body)).map_err(|error| Status::bad_request(format!("the request cannot be written: {error}")))
}

fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get | Verb::List | Verb::Watch => Method::GET,
        Verb::Create => Method::POST,
        Verb::Update => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete | Verb::DeleteCollection => Method::DELETE,
    }
}

fn path(target: &Target) -> String {
    let resource = &target.resource;
    let mut path = if resource.group.is_empty() {
        format!("/api/{}", segment(&resource.version))
    } else {
        format!("/apis/{}/{}", segment(&resource.group), segment(&resource.version))
    };
    if !target.namespace.is_empty() {
        path.push_str(&format!("/namespaces/{}", segment(&target.namespace)));
    }
    for part in [&resource.resource, &target.name] {
        if !part.is_empty() {
            path.push_str(&format!("/{}", segment(part)));
        }
    }
    // May itself be a path, such as `proxy/metrics`.
    for part in target.subresource.split('/').filter(|part| !part.is_empty()) {
        path.push_str(&format!("/{}", segment(part)));
    }
    path
}

fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn query(call: &Call) -> String {
    let options = &call.options;
    let mut pairs: Vec<(&str, String)> = Vec::new();
    let mut add = |name, value: String| {
        if !value.is_empty() {
            pairs.push((name, value));
        }
    };
    let flag = |on: bool| if on { "true".to_owned() } else { String::new() };
    add("watch", flag(call.verb == Verb::Watch));
    add("labelSelector", options.label_selector.clone());
    add("fieldSelector", options.field_selector.clone());
    add("limit", if options.limit > 0 { options.limit.to_string() } else { String::new() });
    add("continue", options.continue_token.clone());
    add("resourceVersion", options.resource_version.clone());
    add("resourceVersionMatch", version_match(options).to_owned());
    add("timeoutSeconds", options.timeout_seconds.map(|seconds| seconds.to_string()).unwrap_or_default());
    add("allowWatchBookmarks", flag(options.allow_bookmarks));
    add("sendInitialEvents", options.send_initial_events.map(|on| on.to_string()).unwrap_or_default());
    add("dryRun", if options.dry_run { "All".into() } else { String::new() });
    add("fieldManager", options.field_manager.clone());
    add("fieldValidation", options.field_validation.clone());
    pairs.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect::<Vec<_>>().join("&")
}

fn version_match(options: &Options) -> &'static str {
    match options.version_match {
        Some(VersionMatch::Exact) => "Exact",
        Some(VersionMatch::NotOlderThan) => "NotOlderThan",
        None => "",
    }
}

fn body(call: &Call) -> (&'static str, Bytes) {
    match (&call.body, call.verb) {
        (Body::Doc(doc), _) => ("application/json", doc.to_string().into()),
        (Body::Patch(kind, doc), _) => {
            let content_type = match kind {
                PatchKind::Json => "application/json-patch+json",
                PatchKind::Merge => "application/merge-patch+json",
                PatchKind::Strategic => "application/strategic-merge-patch+json",
            };
            (content_type, doc.to_string().into())
        }
        (Body::Empty, Verb::Delete | Verb::DeleteCollection) if call.options.delete != DeleteOptions::default() => {
            ("application/json", delete_options(&call.options.delete).to_string().into())
        }
        (Body::Empty, _) => ("application/json", Bytes::new()),
    }
}

fn delete_options(options: &DeleteOptions) -> Doc {
    let mut doc = json!({ "apiVersion": "v1", "kind": "DeleteOptions" });
    if let Some(seconds) = options.grace_period_seconds {
        doc["gracePeriodSeconds"] = seconds.into();
    }
    if let Some(propagation) = options.propagation {
        let name = match propagation {
            Propagation::Orphan => "Orphan",
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        };
        doc["propagationPolicy"] = name.into();
    }
    for (field, value) in [("uid", &options.preconditions.uid), ("resourceVersion", &options.preconditions.resource_version)] {
        if let Some(value) = value {
            doc["preconditions"][field] = value.clone().into();
        }
    }
    doc
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Gvr;

    #[test]
    fn calls_become_the_paths_that_upstream_serves() {
        let pods = || Gvr::new("", "v1", "pods");
        let bindings = Gvr::new("rbac.authorization.k8s.io", "v1", "clusterroles");
        let selected = Options { label_selector: "a in (b,c)".into(), limit: 5, ..Options::default() };
        for (call, expected) in [
            (Call::new(Verb::Get, pods(), "ns", "a"), "GET /api/v1/namespaces/ns/pods/a"),
            (
                Call::new(Verb::List, pods(), "", "").options(selected),
                "GET /api/v1/pods?labelSelector=a%20in%20%28b%2Cc%29&limit=5",
            ),
            (Call::new(Verb::Watch, pods(), "ns", ""), "GET /api/v1/namespaces/ns/pods?watch=true"),
            (Call::new(Verb::Create, pods(), "ns", "a").subresource("binding"), "POST /api/v1/namespaces/ns/pods/a/binding"),
            (
                Call::new(Verb::Update, bindings, "", "system:x/y?"),
                "PUT /apis/rbac.authorization.k8s.io/v1/clusterroles/system:x%2Fy%3F",
            ),
            (Call::new(Verb::DeleteCollection, pods(), "ns", ""), "DELETE /api/v1/namespaces/ns/pods"),
        ] {
            let request = encode("10.0.0.1", &call, Some("t")).expect("a request");
            let address = request.uri().path_and_query().expect("a path").to_string();
            assert_eq!(format!("{} {address}", request.method()), expected);
            assert_eq!(request.headers()["authorization"], "Bearer t");
        }
        assert!(encode("10.0.0.1", &Call::new(Verb::Get, pods(), "", "a"), Some("a\nb")).is_err());
    }
}
