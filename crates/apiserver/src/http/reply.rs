//! From a reply to an HTTP response in the form that was asked for.

use super::request::Asked;
use crate::verbs::Whole;
use ::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WARNING, WWW_AUTHENTICATE};
use ::http::{HeaderName, Response};
use api::ResourceDef;
use bytes::Bytes;
use client::{Reply, ReplyBody, WatchItem, WatchStream};
use futures::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use meta::status::Result;
use meta::time::SharedClock;
use meta::{Doc, Status, Time};
use serve::{Body, full};
use std::convert::Infallible;
use std::sync::Arc;
use wire::{Chunks, Encoding, Endpoint, IncludeObject, ListMeta, WatchEncoder};

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache, private");

fn response(code: u16, content_type: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    // Codes come from `Reason` and from constants: always valid.
    *response.status_mut() = ::http::StatusCode::from_u16(code).unwrap_or(::http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, NO_CACHE);
    insert(headers, CONTENT_TYPE, content_type);
    response
}

/// Header values that do not fit are left out rather than breaking the reply.
fn insert(headers: &mut ::http::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

pub(super) fn success(
    def: &Arc<ResourceDef>,
    reply: Reply,
    encoding: &Encoding,
    asked: &Asked,
    now: Time,
) -> Result<Response<Body>> {
    let include = IncludeObject::parse(&asked.include_object)?;
    encoding.check_cardinality(matches!(reply.body, ReplyBody::List(_)))?;
    let body = match reply.body {
        ReplyBody::Object(object) => full(wire::reply::object(def, &object, encoding, include, now)),
        ReplyBody::Doc(doc) => full(wire::reply::document(&doc, encoding)),
        ReplyBody::List(list) => {
            let meta = ListMeta { revision: list.revision, continue_token: list.continue_token, remaining: list.remaining };
            chunked(Chunks::new(def, Box::new(list.items.into_iter()), &meta, encoding, include, now))
        }
    };
    let mut response = response(reply.code, &encoding.content_type(), body);
    for text in &reply.warnings {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        insert(response.headers_mut(), WARNING, &format!("299 - \"{quoted}\""));
    }
    Ok(response)
}

/// A list that is read from the cache while it is written.
pub(super) fn whole(
    def: &Arc<ResourceDef>,
    list: Whole,
    encoding: &Encoding,
    asked: &Asked,
    now: Time,
) -> Result<Response<Body>> {
    let include = IncludeObject::parse(&asked.include_object)?;
    encoding.check_cardinality(true)?;
    let meta = ListMeta { revision: list.revision, ..ListMeta::default() };
    let body = chunked(Chunks::new(def, Box::new(list), &meta, encoding, include, now));
    Ok(response(200, &encoding.content_type(), body))
}

/// A list small enough for one chunk goes with its length; a larger one streams.
fn chunked(mut chunks: Chunks) -> Body {
    let first = chunks.next().unwrap_or_default();
    match chunks.next() {
        None => full(first),
        Some(second) => {
            let all = [first, second].into_iter().chain(chunks);
            let frames = stream::iter(all.map(|chunk| Ok::<_, Infallible>(Frame::data(chunk))));
            StreamBody::new(frames).boxed_unsync()
        }
    }
}

pub(super) fn watch(mut encoder: WatchEncoder, items: WatchStream, encoding: &Encoding, clock: SharedClock) -> Response<Body> {
    let frames = items.map(move |item| {
        let line: Bytes = match item {
            WatchItem::Event(event) if encoder.is_plain() => event.json_line().clone(),
            WatchItem::Event(event) => encoder.event(event.kind.as_str(), &event.object, clock.now()).into(),
            WatchItem::Bookmark { revision, initial_events_end } => {
                encoder.bookmark(revision, initial_events_end, clock.now()).into()
            }
            WatchItem::Error(status) => wire::watch::error_line(&status).into(),
        };
        Ok::<_, Infallible>(Frame::data(line))
    });
    response(200, &encoding.content_type(), StreamBody::new(frames).boxed_unsync())
}

/// An error, in the client's format as far as it can be had.
pub(super) fn failure(status: &Status, asked: &Asked) -> Response<Body> {
    let encoding = asked.encoding(Endpoint::Plain).unwrap_or_default();
    let mut response =
        response(status.code(), &encoding.content_type(), full(wire::reply::document(&status.to_value(), &encoding)));
    if let Some(seconds) = status.details["retryAfterSeconds"].as_u64() {
        insert(response.headers_mut(), RETRY_AFTER, &seconds.to_string());
    }
    if status.code() == 401 {
        insert(response.headers_mut(), WWW_AUTHENTICATE, "Basic realm=\"kubernetes-master\"");
    }
    response
}

/// What a HEAD gets. HTTP/2 does not forgive a body here.
pub(super) fn bodiless(response: Response<Body>) -> Response<Body> {
    let length = http_body::Body::size_hint(response.body()).exact();
    let mut response = response.map(|_| full(Bytes::new()));
    if let Some(length) = length {
        response.headers_mut().insert(::http::header::CONTENT_LENGTH, length.into());
    }
    response
}

/// A prepared document, with its tag.
pub(super) fn prepared(document: &wire::Document, content_type: &str, if_none_match: &str) -> Response<Body> {
    let unchanged = document.matches(if_none_match);
    let body = if unchanged { Bytes::new() } else { document.body.clone() };
    let mut response = response(if unchanged { 304 } else { 200 }, content_type, full(body));
    insert(response.headers_mut(), ::http::header::ETAG, &document.etag);
    insert(response.headers_mut(), ::http::header::VARY, "Accept");
    response
}

pub(super) fn text(code: u16, text: String) -> Response<Body> {
    response(code, "text/plain; charset=utf-8", full(text))
}

pub(super) fn json(doc: &Doc, asked: &Asked) -> Response<Body> {
    let encoding = Encoding { pretty: asked.pretty, ..Encoding::default() };
    response(200, "application/json", full(wire::reply::document(doc, &encoding)))
}
